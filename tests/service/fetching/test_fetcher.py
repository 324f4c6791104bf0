"""Photos from URLs: a local TLS server that misbehaves, and a resolver that lies."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import trustme

from service.errors import UploadTooLarge, UrlFailed, UrlRefused
from service.fetching.fetcher import FetchLimits, UrlFetcher, parse_hosts
from tests.journeys.conftest import add, door_of, served, settings_for
from tests.photos import photo

HOST = "photos.example.com"
PHOTO = photo(1)
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def whole(body: bytes = PHOTO, status: str = "200 OK", *headers: str) -> Answer:
    """A complete response."""

    async def send(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return send


async def endless(writer: asyncio.StreamWriter) -> None:
    """Chunks until nobody listens."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(1_000):
        writer.write(b"2710\r\n" + bytes(10_000) + b"\r\n")
        await writer.drain()


async def dripping(writer: asyncio.StreamWriter) -> None:
    """A byte now and then."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(200):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def silent(_writer: asyncio.StreamWriter) -> None:
    """Takes the request and says nothing."""
    await asyncio.sleep(10)


async def nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\x01\x02 no HTTP at all\r\n\r\n")
    await writer.drain()


ANSWERS: dict[str, Answer] = {
    "/photo.png": whole(), "/missing": whole(b"", "404 Not Found"), "/large": whole(bytes(300_000)),
    "/endless": endless, "/dripping": dripping, "/silent": silent, "/nonsense": nonsense,
    "/elsewhere": whole(b"", "302 Found", "Location: https://127.0.0.1/secret"),
    "/self": whole(b"", "301 Moved", f"Location: https://{HOST}/photo.png"),
    "/gzip": whole(PHOTO, "200 OK", "Content-Encoding: gzip"), "/text": whole(b"not a photo"),
}  # fmt: skip


@dataclass
class LyingResolver:
    """Gives the answers it was told to, one after the other, the last for ever; counts how often it was asked."""

    answers: list[list[str]] = field(default_factory=lambda: [["127.0.0.1"]])
    asked: int = 0

    async def addresses(self, host: str, port: int) -> Sequence[str]:  # noqa: ARG002 - it does not listen
        self.asked += 1
        found = self.answers[min(self.asked, len(self.answers)) - 1]
        if not found:
            raise OSError("no such host")
        return found


@dataclass
class TlsServer:
    """Its port, what it was asked (request heads), and who trusts it."""

    port: int
    trust: ssl.SSLContext
    heads: list[str]

    def fetcher(self, resolver: LyingResolver | None = None, **changes: object) -> UrlFetcher:
        """Loopback is admitted, since the server is there; nothing else is that is not public."""
        limits = {"hosts": frozenset({(HOST, self.port), ("other.example.com", self.port)}), "max_bytes": 200_000,
                  "connect_s": 1.0, "total_s": 1.5}  # fmt: skip
        return UrlFetcher(
            FetchLimits(**(limits | changes)), resolver or LyingResolver(), self.trust, lambda a: a == "127.0.0.1"
        )


@pytest_asyncio.fixture
async def server() -> AsyncIterator[TlsServer]:
    """Serves `ANSWERS` with a certificate for one host."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            heads.append(head)
            await ANSWERS[head.split()[1].partition("?")[0]](writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield TlsServer(listening.sockets[0].getsockname()[1], trust, heads)
    listening.close()


async def test_a_photo_is_fetched_from_a_named_host(server: TlsServer) -> None:
    """By its name, though the connection goes to the address that was looked up once."""
    resolver = LyingResolver()
    assert await server.fetcher(resolver).fetch(f"https://{HOST}:{server.port}/photo.png?sig=a%2Fb") == PHOTO
    assert resolver.asked == 1
    assert server.heads[0].startswith("GET /photo.png?sig=a%2Fb HTTP/1.1")
    assert f"\r\nhost: {HOST}:{server.port}\r\n" in server.heads[0].lower()
    assert "cookie" not in server.heads[0].lower()


@pytest.mark.parametrize(
    "url",
    ["http://{host}/photo.png", "ftp://{host}/photo.png", "file:///etc/passwd", "//{host}/photo.png", "", "https://",
     "https://127.0.0.1:{port}/photo.png", "https://[::1]:{port}/photo.png", "https://2130706433:{port}/photo.png",
     "https://0x7f.1:{port}/photo.png", "https://localhost:{port}/photo.png", "https://user:pw@{host}/photo.png",
     "https://{host}@evil.example/photo.png", "https://evil.example#@{host}/photo.png", "https://{host}.evil.example/",
     "https://evil.example\\@{host}/photo.png", "https://photos.example.com:22/photo.png", "https://{host}\r\nX: y/",
     "data:image/png;base64,AAAA", "gopher://{host}/", "https://ｅvil.example/", "https://{host}\x00.evil.example/"],
)  # fmt: skip
async def test_what_is_not_named_is_not_fetched(server: TlsServer, url: str) -> None:
    """Other schemes, hosts, ports, user names, and addresses in every spelling; nothing is even looked up."""
    resolver = LyingResolver()
    with pytest.raises(UrlRefused):
        await server.fetcher(resolver).fetch(url.format(host=f"{HOST}:{server.port}", port=server.port))
    assert (resolver.asked, server.heads) == (0, [])


@pytest.mark.parametrize(
    "addresses",
    [["10.0.0.1"], ["169.254.169.254"], ["::1"], ["fe80::1%eth0"], ["::ffff:10.0.0.1"], ["64:ff9b::a9fe:a9fe"],
     ["127.0.0.1", "10.0.0.1"], ["0.0.0.0"], ["fd00::1"]],
)  # fmt: skip
async def test_a_named_host_with_an_address_inside_is_not_fetched(server: TlsServer, addresses: list[str]) -> None:
    """Not even where only one of its addresses is."""
    with pytest.raises(UrlRefused, match="not public"):
        await server.fetcher(LyingResolver([addresses])).fetch(f"https://{HOST}:{server.port}/photo.png")
    assert server.heads == []


async def test_a_resolver_that_changes_its_mind_changes_nothing(server: TlsServer) -> None:
    """DNS rebinding: the address that was admitted is the one that is connected to."""
    resolver = LyingResolver([["127.0.0.1"], ["10.0.0.1"]])
    fetcher = server.fetcher(resolver)
    assert await fetcher.fetch(f"https://{HOST}:{server.port}/photo.png") == PHOTO
    with pytest.raises(UrlRefused):
        await fetcher.fetch(f"https://{HOST}:{server.port}/photo.png")


@pytest.mark.parametrize("path", ["/missing", "/elsewhere", "/self", "/nonsense", "/gzip"])
async def test_anything_but_a_plain_answer_fails(server: TlsServer, path: str) -> None:
    """Redirects are not followed, and nothing is unpacked."""
    with pytest.raises(UrlFailed):
        await server.fetcher().fetch(f"https://{HOST}:{server.port}{path}")
    assert len(server.heads) == 1


@pytest.mark.parametrize("path", ["/large", "/endless"])
async def test_too_many_bytes_are_not_read(server: TlsServer, path: str) -> None:
    """Announced or not."""
    with pytest.raises(UploadTooLarge):
        await server.fetcher().fetch(f"https://{HOST}:{server.port}{path}")


@pytest.mark.parametrize("path", ["/dripping", "/silent"])
async def test_a_slow_host_is_not_waited_for(server: TlsServer, path: str) -> None:
    """The whole fetch has one time."""
    started = time.monotonic()
    with pytest.raises(UrlFailed, match="did not come"):
        await server.fetcher().fetch(f"https://{HOST}:{server.port}{path}")
    assert time.monotonic() - started < 8


async def test_a_host_is_who_its_certificate_says(server: TlsServer) -> None:
    """Another name, or an authority that is not trusted."""
    with pytest.raises(UrlFailed):
        await server.fetcher().fetch(f"https://other.example.com:{server.port}/photo.png")
    stranger = TlsServer(server.port, ssl.create_default_context(), server.heads)
    with pytest.raises(UrlFailed):
        await stranger.fetcher().fetch(f"https://{HOST}:{server.port}/photo.png")
    assert server.heads == []


async def test_a_host_without_an_address_fails(server: TlsServer) -> None:
    """And one that does not listen."""
    with pytest.raises(UrlFailed, match="no address"):
        await server.fetcher(LyingResolver([[]])).fetch(f"https://{HOST}:{server.port}/photo.png")
    limits = frozenset({(HOST, 1)})
    with pytest.raises(UrlFailed):
        await server.fetcher(hosts=limits).fetch(f"https://{HOST}:1/photo.png")


def test_hosts_are_read_from_a_setting() -> None:
    """No wildcards: a list that can be read is one that can be trusted."""
    assert parse_hosts(" A.example , b.example:8443,") == {("a.example", 443), ("b.example", 8443)}
    assert parse_hosts("") == frozenset()
    for wrong in ("*.example", "https://a.example", "a.example:", "a.example:http", "a/b"):
        with pytest.raises(ValueError, match="no host"):
            parse_hosts(wrong)


async def test_a_check_by_url_is_a_check(server: TlsServer, tmp_path: Path) -> None:
    """As JSON and as a form; with photo and URL, or with a URL that is refused, it is a problem."""
    async with served(settings_for(tmp_path, urls={"hosts": HOST})) as client:
        opened = door_of(client).opened
        assert opened is not None and opened.fetcher is not None
        object.__setattr__(opened, "fetcher", server.fetcher())
        await add(client, "SKU-1", PHOTO)
        url = f"https://{HOST}:{server.port}/photo.png"
        by_json = await client.post("/check-plagiarism", json={"image_url": url})
        assert (by_json.status_code, by_json.json()["verdict"]) == (200, "image_copy")
        by_form = await client.post("/check-plagiarism", data={"image_url": url}, files={"x": b""})
        assert by_form.status_code == 422
        problems: dict[str, tuple[httpx.Response, str]] = {
            "both": (await client.post("/search", data={"image_url": url}, files={"image": PHOTO}), "invalid_field"),
            "number": (await client.post("/check-plagiarism", json={"image_url": 3}), "invalid_field"),
            "metadata": (await client.post("/search", json={"image_url": "http://169.254.169.254/"}), "url_refused"),
            "missing": (await client.post("/search", json={"image_url": url[:-9] + "missing"}), "url_failed"),
        }  # fmt: skip
        for name, (answer, code) in problems.items():
            assert (answer.status_code, answer.json()["code"]) == (422, code), name
            assert "169.254" not in answer.text
        missing, once = {"image_url": url[:-9] + "missing"}, {"Idempotency-Key": "k"}
        tries = [await client.post("/search", json=missing, headers=once) for _ in range(2)]
        assert not any("Idempotency-Replayed" in answer.headers for answer in tries), "its host may answer now"
        text = await client.post("/search", json={"image_url": url.replace("photo.png", "text")})
        assert text.status_code == 415
