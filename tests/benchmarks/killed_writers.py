"""The process that `tests.benchmarks.index_kill` kills: it writes without end, and says what it is at."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

from index.blocks import Block
from index.errors import ItemNotFound, LeaseHeld
from index.loose_rows import Codes
from index.registry import Registry
from index.sealing import Sealing
from index.segments import SealedRows
from index.shards import MOST_DEAD, Shards
from index.snapshot import Snapshots
from tests.benchmarks.kill_moments import Activity, Moments
from tests.factories import MODELS_VERSION, make_new_photo, make_photo_bytes

WRITERS = 3
ITEMS = 30
"""Of each writer."""
DIMENSION = 16
MOMENTS = "moments"
"""The file that says what was under way, beside the record."""
SEALING_S = 0.01
"""So long each block takes to be sealed here, which else takes microseconds."""


@contextmanager
def small_blocks() -> Iterator[None]:
    """Wherever the sizes are looked up: what is written, merged and mapped is sealed from four rows on."""
    with (
        mock.patch.multiple("index.shards", LOOSE_ROWS=4, SEGMENT_ROWS=16),
        mock.patch.multiple("index.snapshot", LOOSE_ROWS=4),
    ):
        yield


class WatchedShards(Shards):
    """Says when it compacts, not that it waits for its turn."""

    def __init__(self, moments: Moments, sealed: Sealing) -> None:
        super().__init__(os.cpu_count() or 1, sealed)
        self.moments = moments

    def _tidied(self, blocks: Sequence[Block], most_dead: float = MOST_DEAD) -> tuple[Block, ...]:
        with self.moments.amid(Activity.COMPACTING) if most_dead == 0 else nullcontext():
            return super()._tidied(blocks, most_dead)


class WatchedSnapshots(Snapshots):
    """Says when it writes, not that its writer waits for the lease."""

    def __init__(self, moments: Moments, folder: Path) -> None:
        super().__init__(folder)
        self.moments = moments

    def publish(self, *arguments: Any, **named: Any) -> Path:
        *_, kept = arguments
        with self.moments.amid(Activity.COMPACTING if kept == 1 else Activity.SNAPSHOTTING):
            return super().publish(*arguments, **named)


class Child:
    """The process that is killed."""

    def __init__(self, folder: Path, first_seed: int) -> None:
        self.first_seed = first_seed
        self.moments = Moments(folder / MOMENTS)
        self.shards = WatchedShards(self.moments, Sealing(self.seal, SealedRows))
        # Snapshots are written by a thread of ours, which says so.
        url = f"sqlite:///{folder}/record.db"
        self.registry = Registry(url, folder, MODELS_VERSION, vectors=self.shards, snapshot_every=0)
        self.registry._live._snapshots = WatchedSnapshots(self.moments, folder / "snapshots")
        self.saying = threading.Lock()

    def seal(self, codes: Codes) -> SealedRows:
        with self.moments.amid(Activity.SEALING):
            time.sleep(SEALING_S / 2)
            sealed = SealedRows(codes)
            time.sleep(SEALING_S / 2)
        return sealed

    def say(self, *words: object) -> None:
        with self.saying:
            sys.stdout.write(" ".join(map(str, words)) + "\n")
            sys.stdout.flush()

    def write(self, writer: int) -> None:
        chance = random.Random(self.first_seed + writer)
        seed = self.first_seed + writer
        while True:
            item_id = f"W{writer}-{chance.randrange(ITEMS)}"
            if chance.random() < 0.4:
                self.say("begin", item_id, "-")
                with self.moments.amid(Activity.DELETING):
                    try:
                        self.registry.delete(item_id)
                    except ItemNotFound:
                        pass
                self.say("done", item_id, "-")
            else:
                new = make_new_photo(seed, item_id, replace=True, dimension=DIMENSION)
                self.say("begin", item_id, seed)
                with self.moments.amid(Activity.ADDING):
                    self.registry.add(new, make_photo_bytes(seed))
                self.say("done", item_id, seed)
                seed += WRITERS

    def compact(self) -> None:
        """As `selvedge index compact` does, again and again."""
        chance = random.Random(self.first_seed - 1)
        while True:
            self.shards.compact()
            self.snapshot(kept=1)
            time.sleep(chance.uniform(0, 0.2))

    def snapshots(self) -> None:
        """As the service does."""
        chance = random.Random(self.first_seed - 2)
        while True:
            self.snapshot()
            time.sleep(chance.uniform(0, 0.1))

    def snapshot(self, **options: Any) -> None:
        try:
            self.registry._live.write_snapshot(**options)
        except LeaseHeld:
            pass  # the other thread writes one

    def go_on_without_end(self) -> None:
        self.registry.start()
        for writer in range(WRITERS):
            threading.Thread(target=self.write, args=(writer,), daemon=True).start()
        for work in (self.compact, self.snapshots):
            threading.Thread(target=work, daemon=True).start()
        threading.Event().wait()


def write_without_end(folder: Path, first_seed: int) -> None:
    """In a process of its own."""
    with small_blocks():
        Child(folder, first_seed).go_on_without_end()


if __name__ == "__main__":
    write_without_end(Path(sys.argv[1]), int(sys.argv[2]))
