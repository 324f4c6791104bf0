"""Redis stopped, restarted, slow and hanging under checks: every check is served, and correct."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from deploy.drills.photos import pattern
from deploy.drills.report import DrillReport
from deploy.drills.slow_proxy import SlowProxy
from deploy.server_process import free_port, serving
from service.embedded_redis import find_server

_PHOTOS = 6
_SLOW_S = 2.0
_LEFT_ALONE_S = 0.5


class RedisServer:
    """A real server on a port of loopback, to be killed, stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = find_server()
        if binary is None:
            raise RuntimeError("no Redis or Valkey server on this machine")
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen([str(binary), *options], stdout=subprocess.DEVNULL)
        time.sleep(0.3)

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            if number is signal.SIGKILL:
                self._process.wait()
                self._process = None


@contextmanager
def _redis(folder: Path) -> Iterator[RedisServer]:
    redis = RedisServer(folder)
    redis.start()
    try:
        yield redis
    finally:
        redis.signal(signal.SIGCONT)
        redis.signal(signal.SIGKILL)


def drill(folder: Path, checks: int) -> DrillReport:
    """So many checks in each state of Redis; answers are compared with those of a Redis that is well."""
    report = DrillReport(f"Redis under checks, {checks} in each state")
    with ExitStack() as stack:
        redis = stack.enter_context(_redis(folder))
        proxy = stack.enter_context(SlowProxy(redis.port))
        settings = {
            "redis_url": f"redis://127.0.0.1:{proxy.port}/0",
            "demo": "0",
            "cache__retry_after_s": str(_LEFT_ALONE_S),
        }
        server = stack.enter_context(serving(folder / "data", settings, fake_models=True))
        client = stack.enter_context(httpx.Client(base_url=server.address, timeout=60))
        for seed in range(_PHOTOS):
            client.post("/index/add", files={"image": pattern(seed)}, data={"item_id": f"SKU-{seed}"})
        right = [_essence(_check(client, seed).json()) for seed in range(_PHOTOS)]
        _state(report, client, "up", checks, right, cached=True)
        redis.signal(signal.SIGKILL)
        _state(report, client, "stopped (killed)", checks, right, cached=False)
        redis.start()
        time.sleep(2 * _LEFT_ALONE_S)
        _warm(client)
        _state(report, client, "started again", checks, right, cached=True)
        proxy.delay_s = _SLOW_S
        _state(report, client, f"slow, {_SLOW_S:g} s an answer", checks, right, cached=False)
        proxy.delay_s = 0.0
        redis.signal(signal.SIGSTOP)
        _state(report, client, "hanging (stopped process)", checks, right, cached=False)
        redis.signal(signal.SIGCONT)
        time.sleep(2 * _LEFT_ALONE_S)
        _warm(client)
        _state(report, client, "well again", checks, right, cached=True)
    return report


def _check(client: httpx.Client, seed: int) -> httpx.Response:
    return client.post("/check-plagiarism", files={"image": pattern(seed)})


def _warm(client: httpx.Client) -> None:
    for seed in range(_PHOTOS):
        _check(client, seed)


def _essence(answer: dict[str, Any]) -> Any:
    """What must be the same whoever remembered it."""
    return [answer["verdict"], answer["garments"], answer["versions"]]


def _state(report: DrillReport, client: httpx.Client, name: str, checks: int, right: list[Any], cached: bool) -> None:
    spent, good, from_cache = [], 0, 0
    for number in range(checks):
        started = time.perf_counter()
        answer = _check(client, number % _PHOTOS)
        spent.append(time.perf_counter() - started)
        if answer.status_code == 200:
            content = answer.json()
            good += _essence(content) == right[number % _PHOTOS]
            from_cache += content["cached"]
    said = f"{good} of {checks} served and correct, {from_cache} cached, p95 {np.quantile(spent, 0.95) * 1e3:.0f} ms"
    expected = f"all correct, {'cached' if cached else 'none cached'}"
    report.add(f"Redis {name}", expected, said, good == checks and (from_cache > 0) == cached)
