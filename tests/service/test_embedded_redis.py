"""Services that share a data dir share its Redis, and it outlives whichever of them ran it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import redis

from service.embedded_redis import EmbeddedRedis, find_server


def answers(one: EmbeddedRedis) -> bool:
    client = redis.Redis(unix_socket_path=str(one.socket), socket_timeout=1)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


@pytest.mark.redis
def test_one_runs_it_and_the_next_takes_over(tmp_path: Path) -> None:
    """Whoever comes second finds it there, and nobody takes it away from whom it serves."""
    if find_server() is None:
        pytest.skip("no Redis server binary")
    first, second = EmbeddedRedis(tmp_path, 16), EmbeddedRedis(tmp_path, 16)
    assert first.start()
    pid = first.pid
    assert second.start()
    assert (first.pid, second.pid, answers(second)) == (pid, None, True)
    first.stop()
    until = time.monotonic() + 30
    while not (second.pid and answers(second)):
        assert time.monotonic() < until
        time.sleep(0.05)
    second.stop()
    assert not second.socket.exists()
