"""Token → caller, remembering for a moment what the table of keys said."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from service.access.keys import NOBODY, ApiKey, Caller, key_id_of
from service.access.keys_store import KeyStore
from service.errors import InvalidKey, KeysUnavailable

log = structlog.get_logger()

TRUSTED_S = 2.0
"""A revoked key works this much longer at most."""
_STALE_S = 300.0
"""A key seen this recently still works while the table is away."""
_NOTE_EVERY_S = 60.0
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Remembered:
    key: ApiKey | None
    at: float


class Keyring:
    """Knows keys; belongs to one event loop. The first key made ends the time in which none is needed, for good."""

    def __init__(self, store: KeyStore, per_minute: int) -> None:
        self._store = store
        self._per_minute = per_minute
        self._found: dict[str, _Remembered] = {}
        self._used: dict[str, datetime] = {}
        self._next_note = time.monotonic() + _NOTE_EVERY_S
        self._noting: asyncio.Task[None] | None = None
        self._empty = store.empty()
        self._empty_at = time.monotonic()

    async def empty(self) -> bool:
        """Whether no key was ever made. Raises KeysUnavailable."""
        if self._empty and time.monotonic() - self._empty_at > TRUSTED_S:
            self._empty = await asyncio.to_thread(self._store.empty)
            self._empty_at = time.monotonic()
        return self._empty

    async def identify(self, token: str) -> Caller:
        """Raises InvalidKey (never saying which part is wrong), KeysUnavailable."""
        key_id = key_id_of(token)
        found = None if key_id is None else await self._find(key_id)
        key, now = found or NOBODY, datetime.now(UTC)
        if not key.matches(token) or not key.valid(now):
            raise InvalidKey("this API key is unknown, expired or revoked")
        self._note(key.key_id, now)
        return key.caller(self._per_minute)

    async def close(self) -> None:
        """Write when keys were used, then close the table."""
        if self._noting is not None:
            await asyncio.gather(self._noting, return_exceptions=True)
        await self._write_uses()
        await asyncio.to_thread(self._store.close)

    async def _find(self, key_id: str) -> ApiKey | None:
        known = self._found.get(key_id)
        if known is not None and time.monotonic() - known.at < TRUSTED_S:
            return known.key
        try:
            key = await asyncio.to_thread(self._store.find, key_id)
        except KeysUnavailable:
            if known is None or known.key is None or time.monotonic() - known.at > _STALE_S:
                raise
            return known.key
        if len(self._found) >= _MOST_REMEMBERED:
            # Guessed ids must not fill the memory.
            self._found.clear()
        self._found[key_id] = _Remembered(key, time.monotonic())
        return key

    def _note(self, key_id: str, now: datetime) -> None:
        self._used[key_id] = now
        if time.monotonic() >= self._next_note:
            self._next_note = time.monotonic() + _NOTE_EVERY_S
            self._noting = asyncio.create_task(self._write_uses())

    async def _write_uses(self) -> None:
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await asyncio.to_thread(self._store.note_use, used)
        except KeysUnavailable as error:
            log.warning("key_use_not_noted", error=str(error))
