"""What every kind of claims must do; run against the process's own and the embedded Valkey's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from service.access.rates import Rates
from service.claims import Claims, LocalClaims, RedisClaims
from service.embedded_redis import EmbeddedRedis
from service.redis_link import RedisLink


@pytest_asyncio.fixture
async def valkey(tmp_path: Path) -> AsyncIterator[tuple[EmbeddedRedis, RedisLink]]:
    """A server and the way to it."""
    embedded = EmbeddedRedis(tmp_path, 16)
    assert embedded.start()
    link = RedisLink(embedded.url, 1.0, 0.2)
    yield embedded, link
    await link.close()
    embedded.stop()


@pytest.fixture(params=["local", "valkey"])
def claims(request: pytest.FixtureRequest, valkey: tuple[EmbeddedRedis, RedisLink]) -> Claims:
    """Empty claims of each kind."""
    return LocalClaims() if request.param == "local" else RedisClaims(valkey[1])


async def test_only_the_first_claims(claims: Claims) -> None:
    """However many ask at once; the others see what the first said."""
    found = await asyncio.gather(*(claims.claim("a", str(n).encode(), 60) for n in range(50)))
    assert found.count(None) == 1
    winner = str(found.index(None)).encode()
    assert set(found) == {None, winner}
    assert await claims.claim("b", b"other", 60) is None


async def test_what_was_settled_is_found(claims: Claims) -> None:
    """Bytes as they were."""
    assert await claims.claim("a", b"running", 60) is None
    await claims.settle("a", bytes(range(256)), 60)
    assert await claims.claim("a", b"again", 60) == bytes(range(256))


async def test_what_was_released_or_has_ended_is_free(claims: Claims) -> None:
    """Whole seconds."""
    assert await claims.claim("a", b"1", 60) is None
    assert await claims.release("a")
    assert await claims.claim("a", b"2", 1) is None
    await asyncio.sleep(1.2)
    assert await claims.claim("a", b"3", 60) is None


async def test_answers_that_do_not_fit_are_worked_anew_and_never_mixed_up(claims: Claims) -> None:
    """A hundred of the largest: what is found is one's own, what is not found is free; the young are found."""
    answers = {f"k{n}": bytes([n]) * 1_900_000 for n in range(100)}
    for key, answer in answers.items():
        assert await claims.claim(key, b"running", 60) is None
        await claims.settle(key, answer, 60)
    found = {key: await claims.claim(key, b"again", 60) for key in reversed(answers)}
    assert all(found[key] in (None, answers[key]) for key in answers)
    assert found["k99"] == answers["k99"]
    assert None in found.values(), "it all fitted: this test shows nothing"


async def test_local_claims_do_not_grow_without_end() -> None:
    """The oldest goes first."""
    claims = LocalClaims(most=3)
    for name in "abcd":
        await claims.claim(name, b"x", 60)
    assert await claims.claim("d", b"y", 60) == b"x"
    assert await claims.claim("a", b"y", 60) is None


async def test_local_claims_take_so_many_bytes_and_no_more() -> None:
    """Whatever is kept, replaced and released; who is in flight stays claimed while answers come and go."""
    claims = LocalClaims(most_bytes=10_000)
    assert await claims.claim("in flight", b"running", 60) is None
    for n in range(50):
        await claims.settle(f"k{n % 7}", bytes(3_000), 60)
        assert claims.held_bytes <= 10_000
    assert await claims.claim("in flight", b"second", 60) == b"running"
    for n in range(7):
        await claims.release(f"k{n}")
    await claims.release("in flight")
    assert claims.held_bytes == 0


async def test_local_claims_hold_no_answer_larger_than_all_their_room() -> None:
    """It is free again, and no other was lost for it but the older ones."""
    claims = LocalClaims(most_bytes=10_000)
    assert await claims.claim("a", b"running", 60) is None
    await claims.settle("a", bytes(20_000), 60)
    assert await claims.claim("a", b"again", 60) is None
    assert claims.held_bytes <= 10_000


async def test_local_claims_forget_what_has_ended() -> None:
    """At the next claim, whoever's: ended answers do not wait for the bound."""
    claims = LocalClaims()
    await claims.settle("a", bytes(1_000_000), 1)
    await asyncio.sleep(1.1)
    await claims.claim("b", b"running", 60)
    assert claims.held_bytes < 1_000


async def test_claims_hold_while_the_server_is_away(valkey: tuple[EmbeddedRedis, RedisLink]) -> None:
    """And what was settled meanwhile is known when it is back."""
    embedded, link = valkey
    claims = RedisClaims(link)
    await asyncio.to_thread(embedded.stop)
    assert await claims.claim("a", b"running", 60) is None
    assert await claims.claim("a", b"second", 60) == b"running"
    await claims.settle("a", b"done", 60)
    await claims.settle("b", b"done", 60)
    assert not await claims.release("b")
    assert await asyncio.to_thread(embedded.start)
    await asyncio.sleep(0.3)
    assert await claims.claim("a", b"third", 60) == b"done"


@pytest.mark.parametrize("kind", ["local", "valkey"])
async def test_a_key_has_its_rate_and_no_more(kind: str, valkey: tuple[EmbeddedRedis, RedisLink]) -> None:
    """However many ask at once; another key has its own."""
    rates = Rates(None if kind == "local" else valkey[1])
    spent = await asyncio.gather(*(rates.spend("a", 5) for _ in range(12)))
    assert sum(allowance.granted for allowance in spent) == 5
    refused = next(allowance for allowance in spent if not allowance.granted)
    assert (refused.limit, refused.remaining) == (5, 0)
    assert 1 <= refused.reset_s <= 60
    assert (await rates.spend("b", 5)).remaining == 4


async def test_rates_are_kept_while_the_server_is_away(valkey: tuple[EmbeddedRedis, RedisLink]) -> None:
    """Counted here instead."""
    embedded, link = valkey
    await asyncio.to_thread(embedded.stop)
    rates = Rates(link)
    granted = [(await rates.spend("a", 3)).granted for _ in range(5)]
    assert granted == [True, True, True, False, False]
