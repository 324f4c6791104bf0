"""Keys are random, kept as digests, and open exactly what they are for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access.keys import Caller, Scope, key_id_of, mint

CHECK = frozenset({Scope.CHECK})


def test_a_minted_key_is_recognised_and_kept_nowhere() -> None:
    """Neither in the record nor in what is logged of it."""
    minted = mint("shop", "acme", CHECK)
    assert key_id_of(minted.token) == minted.key.key_id
    assert minted.key.matches(minted.token)
    secret = minted.token.split("_", 2)[2]
    assert secret not in repr(minted)
    assert secret.encode() not in minted.key.digest
    assert str(minted.key.digest) not in repr(minted.key)


def test_no_two_keys_are_alike() -> None:
    """Same name, same tenant."""
    assert len({mint("shop", "acme", CHECK).token for _ in range(100)}) == 100


@given(place=st.integers(0, 42), letter=st.sampled_from("abcXYZ019-_"))
def test_a_key_with_another_letter_does_not_match(place: int, letter: str) -> None:
    """Anywhere in its secret."""
    minted = mint("shop", "acme", CHECK)
    start = len(minted.token) - 43 + place
    other = minted.token[:start] + letter + minted.token[start + 1 :]
    assert minted.key.matches(other) is (other == minted.token)


@given(st.text(max_size=80))
def test_what_is_no_token_has_no_id(text: str) -> None:
    """Nothing else than ours is looked up."""
    assert key_id_of(text) is None


@pytest.mark.parametrize(
    ("name", "tenant", "scopes", "rate"),
    [("", "acme", CHECK, None), ("shop", "a:b", CHECK, None), ("shop", "acme", frozenset(), None),
     ("shop", "acme", CHECK, 0), ("shop", "x" * 65, CHECK, None), ("shop\n", "acme", CHECK, None)],
)  # fmt: skip
def test_a_key_that_makes_no_sense_is_not_made(
    name: str, tenant: str, scopes: frozenset[Scope], rate: int | None
) -> None:
    """Tenants become part of cache keys, so they are plain names."""
    with pytest.raises(ValueError, match=r"key|name|tenant"):
        mint(name, tenant, scopes, per_minute=rate)


def test_keys_end_on_time() -> None:
    """At the very moment."""
    now = datetime.now(UTC)
    key = mint("shop", "acme", CHECK, expires_at=now).key
    assert not key.valid(now)
    assert key.valid(now - timedelta(microseconds=1))
    assert mint("shop", "acme", CHECK).key.valid(now + timedelta(days=10_000))


def test_an_administrator_may_do_everything_and_others_their_own() -> None:
    """One of the allowed scopes is enough."""
    either = frozenset({Scope.CHECK, Scope.REVIEW})
    assert Caller("a", frozenset({Scope.ADMIN})).may(either)
    assert Caller("a", frozenset({Scope.REVIEW})).may(either)
    assert not Caller("a", frozenset({Scope.INDEX})).may(either)
