"""Fetches a photo from a caller's URL: https, named hosts, pinned public addresses, no redirects, little time.

Source: OWASP Server Side Request Forgery Prevention.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import httpx

from service.errors import UploadTooLarge, UrlFailed, UrlRefused
from service.fetching.addresses import is_public

_HTTPS = 443
_AT_ONCE = 8


class Resolver(Protocol):
    """Name → addresses."""

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Every address of a host, best first. Raises OSError where it has none."""


class SystemResolver:
    """The machine's own."""

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [str(address[0]) for *_, address in found]


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Where from, how much and how long. `hosts`: (name, port)."""

    hosts: frozenset[tuple[str, int]]
    max_bytes: int
    connect_s: float
    total_s: float


def parse_hosts(text: str) -> frozenset[tuple[str, int]]:
    """`"images.example.com, cdn.example.com:8443"` → names with ports. Raises ValueError."""
    found = set()
    for entry in filter(None, (part.strip().lower() for part in text.split(","))):
        name, colon, port = entry.partition(":")
        if not name or "/" in name or "*" in name or (colon and not port.isdecimal()):
            raise ValueError(f"{entry!r} is no host or host:port")
        found.add((name, int(port) if colon else _HTTPS))
    return frozenset(found)


class UrlFetcher:
    """Belongs to one event loop. `admits` decides over addresses; tests let it admit a server of their own."""

    def __init__(
        self,
        limits: FetchLimits,
        resolver: Resolver | None = None,
        trust: ssl.SSLContext | None = None,
        admits: Callable[[str], bool] = is_public,
    ) -> None:
        self._limits = limits
        self._resolver = resolver or SystemResolver()
        self._trust = trust or ssl.create_default_context()
        self._admits = admits
        self._free = asyncio.Semaphore(_AT_ONCE)
        # Its lines hold whole URLs, and those may hold signatures.
        logging.getLogger("httpx").setLevel(logging.WARNING)

    async def fetch(self, url: str) -> bytes:
        """The photo's bytes. Raises UrlRefused, UrlFailed, UploadTooLarge."""
        host, port, target = self._taken_apart(url)
        try:
            async with asyncio.timeout(self._limits.total_s), self._free:
                address = await self._pinned(host, port)
                return await self._read(host, port, address, target)
        except TimeoutError as error:
            raise UrlFailed(f"the photo did not come within {self._limits.total_s:g} s") from error
        except httpx.HTTPError as error:
            raise UrlFailed(f"the photo could not be fetched: {type(error).__name__}") from error

    def _taken_apart(self, url: str) -> tuple[str, int, str]:
        """Host, port, and path with query."""
        try:
            parsed = httpx.URL(url)
            host, port = parsed.raw_host.decode("ascii").lower(), parsed.port or _HTTPS
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise UrlRefused("this is no URL") from error
        if parsed.scheme != "https":
            raise UrlRefused("photos are fetched by https only")
        if parsed.userinfo:
            raise UrlRefused("a URL with a user name is not fetched")
        if (host, port) not in self._limits.hosts:
            raise UrlRefused("photos are not fetched from this host")
        return host, port, parsed.raw_path.decode("ascii")

    async def _pinned(self, host: str, port: int) -> str:
        """The address that is connected to: looked up once, so that a second answer cannot lead elsewhere."""
        try:
            addresses = await self._resolver.addresses(host, port)
        except OSError as error:
            raise UrlFailed("the host has no address") from error
        if not addresses:
            raise UrlFailed("the host has no address")
        if not all(self._admits(address) for address in addresses):
            raise UrlRefused("the host's address is not public")
        return addresses[0]

    async def _read(self, host: str, port: int, address: str, target: str) -> bytes:
        most = self._limits.max_bytes
        authority = f"[{address}]" if ":" in address else address
        named = host if port == _HTTPS else f"{host}:{port}"
        timeout = httpx.Timeout(self._limits.total_s, connect=self._limits.connect_s)
        # Nothing of the environment (proxies, .netrc) and nothing of an earlier fetch (cookies) goes along.
        async with httpx.AsyncClient(verify=self._trust, trust_env=False, timeout=timeout) as client:
            request = client.build_request(
                "GET",
                f"https://{authority}:{port}{target}",
                headers={"Host": named, "Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "Selvedge"},
                extensions={"sni_hostname": host},
            )
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                _refuse_unusable(response, most)
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > most:
                        raise UploadTooLarge(f"the photo at the URL has more than {most} bytes")
                return bytes(body)
            finally:
                await response.aclose()


def _refuse_unusable(response: httpx.Response, most: int) -> None:
    if response.is_redirect:
        raise UrlFailed("the URL leads elsewhere, and redirects are not followed")
    if response.status_code != httpx.codes.OK:
        raise UrlFailed(f"the host answered {response.status_code}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise UrlFailed("the host sent the photo compressed once more")
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise UploadTooLarge(f"the photo at the URL has {announced} bytes; at most {most} are accepted")
