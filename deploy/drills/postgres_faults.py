"""PostgreSQL stopped, started again and slow under checks: refused in words, never wrong, and well again by itself."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from deploy.drills.photos import pattern
from deploy.drills.report import DrillReport
from deploy.drills.slow_proxy import SlowProxy
from deploy.server_process import Server, free_port, serving, wait_until_ready
from tests.postgres import find_postgres, running_cluster

_PHOTOS = 6
_SLOW_S = 0.05
_HANGING_S = 12.0
_ASKING = 6
_TOLD_WITHIN_S = 30.0
_STALE_AFTER_S = 1.0


def drill(folder: Path, checks: int) -> DrillReport:
    """So many checks in each state; answers are compared with those of a database that is well."""
    if find_postgres() is None:
        raise RuntimeError("no PostgreSQL on this machine (apt-get install postgresql)")
    report = DrillReport(f"PostgreSQL under checks, {checks} in each state")
    with ExitStack() as stack:
        cluster = stack.enter_context(running_cluster(durable=True))
        proxy = stack.enter_context(SlowProxy(cluster.port))
        url = cluster.new_database().replace(f":{cluster.port}/", f":{proxy.port}/")
        settings = {"database_url": url, "redis_url": "off", "demo": "0", "index__stale_after_s": str(_STALE_AFTER_S)}
        ops_port = free_port()
        settings["ops_port"] = str(ops_port)
        server = stack.enter_context(serving(folder / "data", settings, fake_models=True))
        client = stack.enter_context(httpx.Client(base_url=server.address, timeout=60))
        for seed in range(_PHOTOS):
            _add(client, seed).raise_for_status()
        right = [_essence(_check(client, seed)) for seed in range(_PHOTOS)]
        _served(report, client, "up", checks, right)
        cluster.stop()
        _refused(report, client, checks)
        cluster.start()
        _well_again(report, server, client)
        _served(report, client, "started again, the service was not", checks, right)
        proxy.delay_s = _SLOW_S
        _served(report, client, f"slow, {_SLOW_S * 1e3:.0f} ms an answer", checks, right)
        proxy.delay_s = _HANGING_S
        _hanging(report, server, proxy, ops_port)
        wait_until_ready(server)
        _served(report, client, "well again", checks, right)
        listed = client.get("/index/items", params={"limit": 200}).json()["items"]
        found = sorted(item["item_id"] for item in listed)
        report.add(
            "items",
            "those that were acknowledged, once each",
            len(found),
            found == [_id(n) for n in range(_PHOTOS + 1)],
        )
    return report


def _id(seed: int) -> str:
    return f"SKU-{seed}"


def _add(client: httpx.Client, seed: int) -> httpx.Response:
    return client.post("/index/add", files={"image": pattern(seed)}, data={"item_id": _id(seed)})


def _check(client: httpx.Client, seed: int) -> httpx.Response:
    return client.post("/check-plagiarism", files={"image": pattern(seed)})


def _essence(answer: httpx.Response) -> Any:
    content = answer.json()
    return [content.get("verdict"), [garment["matches"][0]["item_id"] for garment in content.get("garments", [])]]


def _served(report: DrillReport, client: httpx.Client, state: str, checks: int, right: list[Any]) -> None:
    good, spent = 0, []
    for number in range(checks):
        started = time.perf_counter()
        answer = _check(client, number % _PHOTOS)
        spent.append(time.perf_counter() - started)
        good += answer.status_code == 200 and _essence(answer) == right[number % _PHOTOS]
    said = f"{good} of {checks} served and correct, slowest {max(spent) * 1e3:.0f} ms"
    report.add(f"PostgreSQL {state}", "all correct", said, good == checks)


def _refused(report: DrillReport, client: httpx.Client, checks: int) -> None:
    """Neither wrong nor a fault of ours: every answer says that the record is away."""
    answers, slowest = [], 0.0
    for number in range(checks):
        started = time.perf_counter()
        answers.append(_check(client, number % _PHOTOS))
        slowest = max(slowest, time.perf_counter() - started)
    answers.append(_add(client, _PHOTOS + 1))
    told = Counter(f"{answer.status_code} {answer.json().get('code')}" for answer in answers)
    words = ", ".join(f"{count} × {what}" for what, count in told.items())
    refused = all(answer.status_code == 503 for answer in answers)
    report.add(
        "PostgreSQL stopped: checks and an add", "503 with a code", f"{words}, slowest {slowest * 1e3:.0f} ms", refused
    )
    live = client.get("/livez").status_code
    until = time.monotonic() + _TOLD_WITHIN_S
    while (ready := client.get("/readyz")).status_code == 200 and time.monotonic() < until:
        time.sleep(0.1)
    report.add(
        "/livez, /readyz meanwhile", "200, 503", f"{live}, {ready.status_code}", (live, ready.status_code) == (200, 503)
    )
    why = str(ready.json().get("index"))
    report.add("/readyz says why", "the record, or how stale", why[:60], "record" in why or "stale" in why)


def _hanging(report: DrillReport, server: Server, proxy: SlowProxy, ops_port: int) -> None:
    """Nothing comes back for a while: the process itself does not hang, and what it cannot do it refuses."""

    def ask(seed: int) -> int:
        return httpx.post(f"{server.address}/check-plagiarism", files={"image": pattern(seed)}, timeout=120).status_code

    def probe(address: str) -> tuple[int, float]:
        started = time.monotonic()
        status = httpx.get(address, timeout=120).status_code
        return status, time.monotonic() - started

    # On the listener of their own, which asks for no key and so not for the table of keys.
    addresses = f"{server.address}/livez", f"http://127.0.0.1:{ops_port}/metrics", f"{server.address}/readyz"
    with ThreadPoolExecutor(_ASKING) as threads:
        asked = [threads.submit(ask, seed % _PHOTOS) for seed in range(_ASKING)]
        (live, live_s), (metrics, metrics_s), (ready, ready_s) = map(probe, addresses)
        proxy.delay_s = 0.0
        answers = Counter(one.result() for one in asked)
    quick = live == metrics == 200 and max(live_s, metrics_s) < 2
    said = f"{live} in {live_s:.1f} s, {metrics} in {metrics_s:.1f} s"
    report.add("PostgreSQL hanging: /livez, /metrics", "200 at once", said, quick)
    report.add(
        "/readyz", f"503 before {_HANGING_S:g} s", f"{ready} in {ready_s:.1f} s", ready == 503 and ready_s < _HANGING_S
    )
    words = ", ".join(f"{count} × {status}" for status, count in answers.items())
    report.add("checks, let go after that", "200 or 503", words, set(answers) <= {200, 503})


def _well_again(report: DrillReport, server: Server, client: httpx.Client) -> None:
    started = time.monotonic()
    wait_until_ready(server)
    ready_s = time.monotonic() - started
    added = _add(client, _PHOTOS).status_code
    report.add(
        "PostgreSQL started again",
        "ready by itself; an add: 201",
        f"ready after {ready_s:.1f} s, {added}",
        added == 201,
    )
