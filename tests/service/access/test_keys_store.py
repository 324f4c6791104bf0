"""The table of keys, and the keyring that reads it."""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.access import keyring as keyring_module
from service.access.keyring import Keyring
from service.access.keys import NOBODY, Scope, mint
from service.access.keys_store import KeyStore
from service.errors import InvalidKey, KeyNotFound, KeysUnavailable

CHECK = frozenset({Scope.CHECK})


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'keys.sqlite'}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KeyStore]:
    """An empty table."""
    opened = KeyStore(url(tmp_path))
    yield opened
    opened.close()


def test_a_key_is_found_as_it_was_made(store: KeyStore, tmp_path: Path) -> None:
    """Also by another process; the secret is in no file."""
    assert store.empty()
    ends = datetime.now(UTC) + timedelta(days=1)
    minted = mint("shop", "acme", frozenset({Scope.CHECK, Scope.INDEX}), expires_at=ends, per_minute=5)
    store.add(minted.key)
    again = KeyStore(url(tmp_path))
    assert again.find(minted.key.key_id) == minted.key
    assert again.list() == [minted.key]
    assert not again.empty()
    again.close()
    secret = minted.token.split("_", 2)[2].encode()
    assert not any(secret in path.read_bytes() for path in tmp_path.iterdir())


def test_a_rotated_key_works_until_its_successor_has_taken_over(store: KeyStore) -> None:
    """And never longer than it would have."""
    now = datetime.now(UTC)
    old = mint("shop", "acme", CHECK, per_minute=7)
    store.add(old.key)
    new = store.rotate(old.key.key_id, now + timedelta(hours=1))
    assert (new.key.name, new.key.tenant, new.key.scopes, new.key.per_minute) == ("shop", "acme", CHECK, 7)
    kept = store.find(old.key.key_id)
    assert kept is not None
    assert kept.valid(now + timedelta(minutes=59))
    assert not kept.valid(now + timedelta(minutes=61))
    short = mint("short", "acme", CHECK, expires_at=now + timedelta(minutes=5))
    store.add(short.key)
    store.rotate(short.key.key_id, now + timedelta(hours=1))
    kept = store.find(short.key.key_id)
    assert kept is not None
    assert kept.expires_at == short.key.expires_at


def test_a_revoked_key_stays_revoked_and_is_not_rotated(store: KeyStore) -> None:
    """Nor does its end make the table empty, which would open the service."""
    minted = mint("shop", "acme", CHECK)
    store.add(minted.key)
    first = store.revoke(minted.key.key_id)
    assert store.revoke(minted.key.key_id).revoked_at == first.revoked_at
    assert not store.empty()
    with pytest.raises(ValueError, match="revoked"):
        store.rotate(minted.key.key_id, datetime.now(UTC))
    with pytest.raises(KeyNotFound):
        store.revoke("nokeyofours2")


async def test_the_keyring_lets_in_who_has_a_key_and_notes_when(store: KeyStore, tmp_path: Path) -> None:
    """The time of use is written at the end at the latest."""
    minted = mint("shop", "acme", CHECK)
    store.add(minted.key)
    ring = Keyring(KeyStore(url(tmp_path)), 60)
    caller = await ring.identify(minted.token)
    assert (caller.tenant, caller.scopes, caller.key_id, caller.per_minute) == ("acme", CHECK, minted.key.key_id, 60)
    known = store.find(minted.key.key_id)
    assert known is not None and known.last_used_at is None
    await ring.close()
    known = store.find(minted.key.key_id)
    assert known is not None and known.last_used_at is not None
    assert datetime.now(UTC) - known.last_used_at < timedelta(minutes=1)


async def test_strangers_expired_and_revoked_keys_get_the_same_words(store: KeyStore, tmp_path: Path) -> None:
    """Nobody learns which part was wrong."""
    expired = mint("old", "acme", CHECK, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    revoked = mint("lost", "acme", CHECK)
    known = mint("shop", "acme", CHECK)
    for minted in (expired, revoked, known):
        store.add(minted.key)
    store.revoke(revoked.key.key_id)
    forged = known.token[:-1] + ("a" if known.token[-1] != "a" else "b")
    ring = Keyring(KeyStore(url(tmp_path)), 60)
    words = set()
    for token in (expired.token, revoked.token, forged, mint("x", "y", CHECK).token, "", "slv_", "Ω" * 60):
        with pytest.raises(InvalidKey) as refused:
            await ring.identify(token)
        words.add(str(refused.value))
    assert len(words) == 1
    assert (await ring.identify(known.token)).tenant == "acme"
    await ring.close()


async def test_every_token_is_compared_once_in_constant_time_whatever_is_known_of_it(
    store: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right, wrong, of an unknown id, of no form at all: how long a refusal takes tells of no id. Nobody's key, which
    the unknown are compared with, opens nothing."""
    known, expired = mint("shop", "acme", CHECK), mint("old", "acme", CHECK, expires_at=datetime.now(UTC))
    store.add(known.key)
    store.add(expired.key)
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    ring = Keyring(KeyStore(url(tmp_path)), 60)
    assert (await ring.identify(known.token)).tenant == "acme"
    wrong = known.token[:-1] + ("a" if known.token[-1] != "a" else "b")
    for token in (wrong, expired.token, mint("x", "y", CHECK).token, "slv_", ""):
        with pytest.raises(InvalidKey):
            await ring.identify(token)
    kept = [known.key, known.key, expired.key, NOBODY, NOBODY, NOBODY]
    assert [one for one, _ in compared] == [key.digest for key in kept]
    assert [len(one) for one, _ in compared] == [len(other) for _, other in compared]
    monkeypatch.setattr(hmac, "compare_digest", lambda *_: True)
    with pytest.raises(InvalidKey):
        await ring.identify(mint("x", "y", CHECK).token)
    await ring.close()


async def test_changes_are_seen_soon(store: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first key ends the keyless time; a revoked one is refused."""
    monkeypatch.setattr(keyring_module, "TRUSTED_S", 0.0)
    ring = Keyring(KeyStore(url(tmp_path)), 60)
    assert await ring.empty()
    minted = mint("shop", "acme", CHECK)
    store.add(minted.key)
    assert not await ring.empty()
    await ring.identify(minted.token)
    store.revoke(minted.key.key_id)
    with pytest.raises(InvalidKey):
        await ring.identify(minted.token)
    await ring.close()


async def test_keys_in_use_survive_a_table_that_is_away_and_others_are_not_let_in(
    store: KeyStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails closed for who was not seen before."""
    monkeypatch.setattr(keyring_module, "TRUSTED_S", 0.0)
    known, other = mint("shop", "acme", CHECK), mint("other", "acme", CHECK)
    store.add(known.key)
    store.add(other.key)
    ring = Keyring(KeyStore(url(tmp_path)), 60)
    await ring.identify(known.token)
    with sqlite3.connect(tmp_path / "keys.sqlite") as file:
        file.execute("DROP TABLE api_keys")
    file.close()
    assert (await ring.identify(known.token)).tenant == "acme"
    with pytest.raises(KeysUnavailable):
        await ring.identify(other.token)
    await ring.close()


def test_a_spoilt_file_says_so(tmp_path: Path) -> None:
    """Rather than looking like a table without keys."""
    (tmp_path / "keys.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(KeysUnavailable):
        KeyStore(url(tmp_path)).empty()


def test_a_key_is_never_stored_twice(store: KeyStore) -> None:
    """Ids are the table's own rule."""
    minted = mint("shop", "acme", CHECK)
    store.add(minted.key)
    with pytest.raises(KeysUnavailable):
        store.add(replace(minted.key, name="other"))
