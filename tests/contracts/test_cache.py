"""What every cache store must do; run against the fake, the embedded Valkey and, where it is installed, Redis."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from service.cache_store import CacheStore, MemoryStore, RedisStore
from service.embedded_redis import EmbeddedRedis

STORES = ("memory", "valkey", "redis")


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Debian's redis-server on a free port; yields its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()


def _wait_for(port: int) -> None:
    for _ in range(250):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("redis-server did not come up")


@pytest_asyncio.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CacheStore]:
    """An empty store of each kind."""
    if request.param == "memory":
        memory = MemoryStore(2_000)
        yield memory
        await memory.close()
    elif request.param == "valkey":
        embedded = EmbeddedRedis(tmp_path, 16)
        assert embedded.start()
        remote = RedisStore(embedded.url, 1.0, 0.1)
        yield remote
        await remote.close()
        embedded.stop()
    else:
        if shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed; .ci/install-tools brings it")
        with redis_server(tmp_path) as url:
            remote = RedisStore(url, 1.0, 0.1)
            yield remote
            await remote.close()


async def test_what_was_put_is_got(store: CacheStore) -> None:
    """Any bytes, the latest value."""
    assert await store.get("a") is None
    await store.put("a", bytes(range(256)), 60)
    await store.put("b", b"", 60)
    assert (await store.get("a"), await store.get("b")) == (bytes(range(256)), b"")
    await store.put("a", b"new", 60)
    assert await store.get("a") == b"new"
    assert await store.reachable()


async def test_entries_end_with_their_time(store: CacheStore) -> None:
    """Whole seconds."""
    await store.put("a", b"1", 1)
    await store.put("b", b"2", 60)
    await asyncio.sleep(1.2)
    assert (await store.get("a"), await store.get("b")) == (None, b"2")


async def test_what_is_dropped_by_a_pattern_is_gone_and_nothing_else(store: CacheStore) -> None:
    """More keys than are looked at in one go."""
    for number in range(1_500):
        await store.put(f"selvedge:acme:{number}", b"1", 60)
    for key in ("selvedge:acme:seen:m1:ab:-", "selvedge:acme:verdict:ab:1", "selvedge:other:seen:m1:ab:-"):
        await store.put(key, b"2", 60)
    assert await store.drop("selvedge:acme:*:ab:*")
    assert await store.get("selvedge:acme:seen:m1:ab:-") is None
    assert await store.get("selvedge:acme:verdict:ab:1") is None
    assert await store.get("selvedge:other:seen:m1:ab:-") == b"2"
    assert await store.get("selvedge:acme:1499") == b"1"


async def test_a_large_value_fits(store: CacheStore) -> None:
    """A photo with many garments is a few hundred kilobytes."""
    value = bytes(700_000)
    await store.put("a", value, 60)
    assert await store.get("a") == value


async def test_many_ask_at_once(store: CacheStore) -> None:
    """More callers than connections: they wait their turn."""
    await asyncio.gather(*(store.put(f"k{n}", str(n).encode(), 60) for n in range(200)))
    found = await asyncio.gather(*(store.get(f"k{n}") for n in range(200)))
    assert found == [str(n).encode() for n in range(200)]


async def test_a_closed_store_can_be_closed(store: CacheStore) -> None:
    """Shutting down twice is no error."""
    await store.put("a", b"1", 60)
    await store.close()


async def test_a_dead_server_costs_one_time_out_and_no_error(tmp_path: Path) -> None:
    """Then it is left alone for a while, and used again once it is back."""
    embedded = EmbeddedRedis(tmp_path, 16)
    assert embedded.start()
    remote = RedisStore(embedded.url, 0.5, 0.3)
    await remote.put("a", b"1", 60)
    embedded.stop()
    assert not await remote.drop("*")
    started = time.perf_counter()
    for _ in range(50):
        assert await remote.get("a") is None
        await remote.put("a", b"2", 60)
    assert time.perf_counter() - started < 2.5, "every call paid for the dead server"
    assert not await remote.reachable()
    again = EmbeddedRedis(tmp_path, 16)
    assert again.start()
    await asyncio.sleep(0.4)
    await remote.put("a", b"3", 60)
    assert await remote.get("a") == b"3"
    await remote.close()
    again.stop()


async def test_a_server_that_never_answers_is_no_error_either() -> None:
    """It takes the connection and is silent."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        remote = RedisStore(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", 0.1, 60.0)
        assert await remote.get("a") is None
        assert not await remote.reachable()
        await remote.close()


async def test_an_embedded_server_that_dies_is_started_again(tmp_path: Path) -> None:
    """By its supervisor, without anybody asking."""
    import os
    import signal

    embedded = EmbeddedRedis(tmp_path, 16)
    assert embedded.start()
    first = embedded.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    for _ in range(200):
        await asyncio.sleep(0.05)
        if embedded.pid not in (None, first) and embedded.socket.exists():
            break
    remote = RedisStore(embedded.url, 1.0, 0.1)
    await asyncio.sleep(0.2)
    assert await remote.reachable()
    await remote.close()
    embedded.stop()
    assert embedded.pid is None


def test_a_long_data_dir_gets_a_short_socket(tmp_path: Path) -> None:
    """Unix sockets have 107 characters."""
    deep = tmp_path / ("x" * 120)
    embedded = EmbeddedRedis(deep, 16)
    assert len(str(embedded.socket)) <= 107
    assert embedded.start()
    embedded.stop()
    assert not embedded.socket.exists()
