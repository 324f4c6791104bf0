"""The hostile corpus against a whole service over HTTP: right answers, no 5xx, no hang, no restart."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.hostile.attacked import AttackedService, attack, attacked_service
from tests.hostile.contents import turned
from tests.hostile.corpus import hostile_files
from tests.hostile.files import HostileFile
from tests.hostile.mutations import mutations
from tests.photos import photo

FORM = {"content-type": "multipart/form-data; boundary=x"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AttackedService]:
    """One for all: whatever one attack leaves behind, the next meets."""
    environment = {"SELVEDGE_UPLOADS__PAUSE_S": "1", "SELVEDGE_UPLOADS__GRACE_S": "1"}
    with attacked_service(tmp_path_factory.mktemp("attacked"), **environment) as running:
        yield running


@pytest.fixture
def client(service: AttackedService) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.address, timeout=60) as opened:
        yield opened


@pytest.fixture(scope="module")
def corpus() -> list[HostileFile]:
    return list(hostile_files())


def test_the_corpus_is_large_and_its_names_are_unique(corpus: list[HostileFile]) -> None:
    """At least 300 files."""
    names = [file.name for file in corpus]
    assert len(names) == len(set(names)) >= 300


def test_every_hostile_file_gets_the_right_answer(service: AttackedService, corpus: list[HostileFile]) -> None:
    """Seen where it is a photo, refused where it is none; never a 5xx."""
    report = attack(service, corpus)
    assert (report.wrong, report.hung) == ([], [])
    assert report.answers.total() >= 300


def test_damaged_photos_never_make_the_service_fail(service: AttackedService) -> None:
    """A few of the 10,000 that `python -m tests.hostile.fuzz` sends."""
    report = attack(service, mutations(150))
    assert (report.wrong, report.hung) == ([], [])


def test_all_eight_orientations_are_the_same_photo(client: httpx.Client) -> None:
    """Equal embeddings: each is found with the same score as the upright one, in lossless formats exactly."""
    upright = client.post("/index/add", files={"image": photo(7)}, data={"item_id": "upright"})
    assert upright.status_code == 201, upright.text
    for kind in ("PNG", "WEBP", "JPEG"):
        for orientation in range(1, 9):
            files = {"image": turned(kind, orientation, seed=7)}
            answer = client.post("/search", files=files).json()
            assert (answer["image"]["width"], answer["image"]["height"]) == (240, 300)
            best = answer["garments"][0]["hits"][0]
            assert best["item_id"] == "upright"
            assert best["score"] >= (0.99 if kind == "JPEG" else 0.9999), (kind, orientation)


def test_ten_thousand_parts_are_refused(client: httpx.Client) -> None:
    """As fields, as files, and as one that never ends."""
    field = b'--x\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nv\r\n'
    file = b'--x\r\nContent-Disposition: form-data; name="f%d"; filename="a"\r\n\r\nv\r\n'
    for part in (field, file):
        body = b"".join(part % number for number in range(10_000)) + b"--x--\r\n"
        answer = client.post("/check-plagiarism", content=body, headers=FORM)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    nameless = b"--x\r\n" + b"X-Header: y\r\n" * 10_000 + b"\r\nv\r\n--x--\r\n"
    long = b"--x\r\nContent-Disposition: form-data; name=" + b"n" * 1_000_000 + b"\r\n\r\nv\r\n--x--\r\n"
    for body in (nameless, long, b"--x\r\n" * 100_000, b"\r\n" * 100_000):
        assert client.post("/check-plagiarism", content=body, headers=FORM).status_code in (400, 413, 422)


def exchange(service: AttackedService, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """What the server answers to bytes that no client would send."""
    host, port = service.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as wire:
        for piece in pieces:
            try:
                wire.sendall(piece)
            except OSError:
                break
            time.sleep(pause_s)
        received = b""
        try:
            while more := wire.recv(65_536):
                received += more
        except OSError:
            pass
        return received


HEAD = b"POST /check-plagiarism HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"


def test_a_body_that_stops_coming_is_not_waited_for(service: AttackedService) -> None:
    """408, and the connection ends."""
    started = time.monotonic()
    answer = exchange(service, HEAD + b"Content-Length: 100000\r\n\r\n--x\r\n")
    assert answer.startswith(b"HTTP/1.1 408"), answer[:100]
    assert b"upload_too_slow" in answer
    assert b"connection: close" in answer.lower()
    assert time.monotonic() - started < 15


def test_a_body_that_drips_is_not_waited_for(service: AttackedService) -> None:
    """A byte at a time keeps no pause, but no rate either; in chunks too."""
    head = HEAD.replace(b"multipart/form-data; boundary=x", b"application/json")
    for length, drop in (
        (b"Content-Length: 100000\r\n\r\n", b"x"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ):
        answer = exchange(service, head + length, *[drop] * 8, pause_s=0.4)
        assert answer.startswith(b"HTTP/1.1 408"), answer[:100]


@pytest.mark.parametrize(
    "rest",
    [b"Content-Length: -1\r\n\r\n", b"Content-Length: 99999999999999999999\r\n\r\n", b"Content-Length: 5, 6\r\n\r\nabc",
     b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
     b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", b"Content-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n"],
)  # fmt: skip
def test_lengths_that_lie_are_no_failure_of_ours(service: AttackedService, rest: bytes) -> None:
    """Refused or cut off."""
    answer = exchange(service, HEAD + b"Connection: close\r\n" + rest)
    assert not answer.startswith(b"HTTP/1.1 5"), answer[:200]
    assert httpx.get(f"{service.address}/livez").status_code == 200


def test_the_service_is_as_well_as_before(service: AttackedService, client: httpx.Client) -> None:
    """After all of the above, a good photo is checked, and no decoder died of any of it."""
    answer = client.post("/check-plagiarism", files={"image": photo(7)})
    assert answer.status_code == 200
    assert answer.json()["garments"]
    assert client.get("/readyz").status_code == 200
    assert service.decoders_lost() == 0, service.decoders_ended()
