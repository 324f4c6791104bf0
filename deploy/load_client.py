"""A load generator on bare sockets: cheap, since it shares the machine with what it measures. Loopback only."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

MOST_CONNECTIONS = 256
MOST_SECONDS = 120.0
_BOUNDARY = "selvedge-load"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: its status and the seconds from the first byte sent to the last received."""

    status: int
    spent_s: float
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Outcome:
    """All answers of one run, which took `wall_s` until the last of them; `not_sent` found no free connection.

    `last_sent`, `ended`: when its last request was sent, and answered, on the clock of `time.perf_counter`.
    """

    answers: Sequence[Answer]
    wall_s: float
    not_sent: int = 0
    last_sent: float = 0.0
    ended: float = 0.0

    def of(self, *statuses: int) -> list[Answer]:
        return [answer for answer in self.answers if answer.status in statuses]

    @property
    def served_a_second(self) -> float:
        return len(self.of(200)) / self.wall_s


def quantile_ms(answers: Sequence[Answer], share: float) -> float:
    """NaN where there is none."""
    return float(np.quantile([a.spent_s for a in answers], share) * 1e3) if answers else float("nan")


class LoopbackClient:
    """Keeps at most `MOST_CONNECTIONS` connections to one server on this machine; belongs to one event loop."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.hostname not in LOOPBACK or parts.port is None:
            raise ValueError(f"{url}: load is put on this machine only, http://127.0.0.1:PORT")
        self._host, self._port = parts.hostname, parts.port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._open = 0

    async def check(self, photo: bytes) -> Answer | None:
        """One `POST /check-plagiarism`; None where every connection is in use."""
        self._forget_closed()
        if not self._idle:
            if self._open >= MOST_CONNECTIONS:
                return None
            self._open += 1
            self._idle.append(await asyncio.open_connection(self._host, self._port))
        reader, writer = self._idle.pop()
        started = time.perf_counter()
        writer.write(_request(self._host, photo))
        status, body, stays = await _read_answer(reader)
        spent = time.perf_counter() - started
        if stays:
            self._idle.append((reader, writer))
        else:
            writer.close()
            self._open -= 1
        return Answer(status, spent, body)

    def _forget_closed(self) -> None:
        """Servers end connections that were idle for some seconds."""
        ended = [(reader, writer) for reader, writer in self._idle if reader.at_eof()]
        for pair in ended:
            pair[1].close()
            self._idle.remove(pair)
        self._open -= len(ended)

    async def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def in_turn(self, photo: Callable[[], bytes], clients: int, seconds: float) -> Outcome:
        """So many clients, each sending again as soon as it is answered."""
        answers: list[Answer] = []
        started = time.perf_counter()
        until = started + min(seconds, MOST_SECONDS)

        async def client() -> None:
            while time.perf_counter() < until:
                answer = await self.check(photo())
                assert answer is not None
                answers.append(answer)

        await asyncio.gather(*(client() for _ in range(clients)))
        ended = time.perf_counter()
        return Outcome(answers, ended - started, last_sent=until, ended=ended)

    async def at_rate(self, photo: Callable[[], bytes], rate: float, seconds: float) -> Outcome:
        """So many requests a second, whether or not those before are answered."""
        answers: list[Answer] = []
        not_sent = 0

        async def one() -> None:
            nonlocal not_sent
            answer = await self.check(photo())
            if answer is None:
                not_sent += 1
            else:
                answers.append(answer)

        started = time.perf_counter()
        count = int(rate * min(seconds, MOST_SECONDS))
        tasks = []
        for number in range(count):
            await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(one()))
        last_sent = time.perf_counter()
        await asyncio.gather(*tasks)
        ended = time.perf_counter()
        return Outcome(answers, ended - started, not_sent, last_sent, ended)


def _request(host: str, photo: bytes) -> bytes:
    body = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="p.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    ).encode() + photo
    body += f"\r\n--{_BOUNDARY}--\r\n".encode()
    head = (
        f"POST /check-plagiarism HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n\r\n"
    )
    return head.encode() + body


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection can be used again."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    body = await reader.readexactly(int(headers["content-length"]))
    return int(lines[0].split()[1]), body, headers.get("connection") != "close"
