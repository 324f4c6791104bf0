"""Registered prints in memory: which of a tenant's photos have nearly the same perceptual hash as a query's.

A print is 256 bits, four words. The first half of a PDQ hash holds the picture's lower frequencies, which damage flips
least; it sieves, and only what passes is counted whole. So each look-up reads 16 bytes a photo, about a third of the
time of counting all bits.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import InvalidQuery
from index.labels import Flags, Ids
from models.fingerprint import FINGERPRINT_BYTES

Words = npt.NDArray[np.uint64]
WORDS = FINGERPRINT_BYTES // 8
HALF = WORDS // 2
NO_PRINT = bytes(FINGERPRINT_BYTES)
"""Stands for a print that is not known; a picture's has half of its bits set."""
HALF_SLACK = 12
"""Bits beyond half of the radius that the lower frequencies may differ in: 3.5 σ, were all bits flipped alike."""
CHUNK = 65_536
"""Rows counted at once: what is worked on stays in a core's cache."""
_FORGOTTEN = 0
"""In place of a tenant's key, which is never 0."""


class PrintOf(StrEnum):
    """What of a registered photo a print was taken of."""

    PHOTO = "photo"
    GARMENT = "garment"


@dataclass(frozen=True, slots=True, eq=False)
class Prints:
    """Of photos: int64 (n,) columns; `photos` and `designs` uint64 (n, 4), `NO_PRINT` where not known."""

    photo_numbers: Ids
    item_numbers: Ids
    tenant_keys: Ids
    photos: Words
    designs: Words

    def __len__(self) -> int:
        return len(self.photo_numbers)

    def where(self, chosen: Flags | slice) -> Prints:
        return Prints(*(getattr(self, name)[chosen] for name in COLUMNS))

    def grown(self, rows: int) -> Prints:
        """A copy with room for so many."""
        grown = Prints(*(_room(getattr(self, name), rows) for name in COLUMNS))
        for name in COLUMNS:
            getattr(grown, name)[: len(self)] = getattr(self, name)
        return grown

    @staticmethod
    def joined(parts: Sequence[Prints]) -> Prints:
        if not parts:
            none, no_words = np.empty(0, dtype=np.int64), np.empty((0, WORDS), dtype=np.uint64)
            return Prints(none, none, none, no_words, no_words)
        return Prints(*(np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS))


COLUMNS = tuple(column.name for column in fields(Prints))


@dataclass(frozen=True, slots=True)
class PrintMatch:
    """A registered photo's print near one of a query's: `distance` in bits, `orientation` 0..7 of the query's
    picture (`models.fingerprint.orient` turns it into the registered one)."""

    photo_number: int
    distance: int
    orientation: int
    of: PrintOf


def words_of(prints: Sequence[bytes]) -> Words:
    """uint64 (n, 4) over prints of 32 bytes each."""
    return np.frombuffer(b"".join(prints), dtype=np.uint64).reshape(-1, WORDS)


class PrintIndex:
    """All prints of one models version; may be used from any thread. Searches see a write as a whole or not at all."""

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._held = self._room = Prints.joined([])
        self._highest = -1
        self._forgotten = 0

    def __len__(self) -> int:
        return len(self._held) - self._forgotten

    def clear(self, prints: Prints | None = None) -> None:
        """Hold these and no others."""
        with self._writing:
            self._hold(Prints.joined([]) if prints is None else prints)

    def settle(self, item_numbers: Ids, prints: Prints) -> None:
        """Make `prints` all that is held of these items; may be repeated."""
        with self._writing:
            known = item_numbers[item_numbers <= self._highest]
            if len(known):
                self._forget(known)
            if len(prints):
                self._append(prints)

    def near(self, hashes: Sequence[bytes], of: PrintOf, tenant_key: int, radius: int, count: int) -> list[PrintMatch]:
        """A tenant's photos with a print within `radius` bits of one of the eight `hashes` of a picture, best first.

        At most `count`, one each; whose lower half differs in more than half of the radius and a little are left out.
        """
        if not 0 <= radius < FINGERPRINT_BYTES * 8:
            raise InvalidQuery(f"a radius in bits is in 0..255, got {radius}")
        held = self._held
        stored = held.photos if of is PrintOf.PHOTO else held.designs
        best: dict[int, PrintMatch] = {}
        queries = words_of(hashes)
        for start in range(0, len(held), CHUNK):
            part = slice(start, start + CHUNK)
            mine = held.tenant_keys[part] == tenant_key
            for orientation, query in enumerate(queries):
                rows, distances = _within(stored[part], query, mine, radius)
                for row, distance in zip(rows.tolist(), distances.tolist(), strict=True):
                    number = int(held.photo_numbers[start + row])
                    if number not in best or distance < best[number].distance:
                        best[number] = PrintMatch(number, distance, orientation, of)
        return sorted(best.values(), key=lambda match: (match.distance, match.photo_number))[:count]

    def _hold(self, prints: Prints) -> None:
        self._held = self._room = prints
        self._highest = int(prints.item_numbers.max(initial=-1))
        self._forgotten = 0

    def _forget(self, item_numbers: Ids) -> None:
        gone = np.isin(self._held.item_numbers, item_numbers) & (self._held.tenant_keys != _FORGOTTEN)
        if not gone.any():
            return
        self._forgotten += int(gone.sum())
        if self._forgotten > max(1024, len(self._held) // 4):
            self._hold(self._held.where((self._held.tenant_keys != _FORGOTTEN) & ~gone))
            return
        # Copied, so that a search that goes on sees none of it.
        room = self._room.tenant_keys.copy()
        room[: len(self._held)][gone] = _FORGOTTEN
        self._room = _with_tenants(self._room, room)
        self._held = self._room.where(slice(0, len(self._held)))

    def _append(self, prints: Prints) -> None:
        """Behind what searches look at, in room that doubles."""
        length = len(self._held)
        total = length + len(prints)
        if total > len(self._room):
            self._room = self._held.grown(max(1024, 2 * total))
        for name in COLUMNS:
            getattr(self._room, name)[length:total] = getattr(prints, name)
        self._highest = max(self._highest, int(prints.item_numbers.max()))
        self._held = self._room.where(slice(0, total))


def _within(stored: Words, query: Words, mine: Flags, radius: int) -> tuple[Ids, npt.NDArray[np.int64]]:
    """Rows within the radius, and their distances."""
    low = np.bitwise_count(stored[:, 0] ^ query[0])
    for word in range(1, HALF):
        low += np.bitwise_count(stored[:, word] ^ query[word])
    rows = np.flatnonzero((low <= radius // 2 + HALF_SLACK) & mine)
    found = stored[rows]
    distances = np.bitwise_count(found ^ query).sum(axis=1, dtype=np.int64)
    near = (distances <= radius) & found.any(axis=1)
    return rows[near], distances[near]


def _with_tenants(prints: Prints, tenants: Ids) -> Prints:
    return Prints(prints.photo_numbers, prints.item_numbers, tenants, prints.photos, prints.designs)


def _room(column: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    return np.zeros((rows, *column.shape[1:]), dtype=column.dtype)
