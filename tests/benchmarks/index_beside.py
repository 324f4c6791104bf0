"""Searches of a registry alone and beside durable adds and deletes, by turns: other work comes and goes."""

from __future__ import annotations

import itertools
import random
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from index.labels import Exclusions
from index.registry import Registry
from index.types import Query
from index.vectors import Designs
from tests.benchmarks.index_record import described, item_id, new_photo

ADDS_A_SECOND = 100
DELETE_EVERY = 10
"""Adds to one delete, of what was there from the start first."""
WRITERS = 4
PHOTO_BYTES = 32_000
"""What photos of shared/data have on average."""
CANDIDATES = 160
"""What `search.find_hits` asks for at first, for 20 hits."""
TURNS = 10
TURN_S = 0.5
"""At least so long, each with writes and without."""
PREPARED = 1_000


@dataclass(slots=True)
class Written:
    """Seconds that each write took from its call until it was durable and searched; `lasted_s` all of them together."""

    adds: list[float] = field(default_factory=list)
    deletes: list[float] = field(default_factory=list)
    lasted_s: float = 0.0


@dataclass(slots=True)
class Searched:
    """Seconds of bare scans and of whole searches of the same queries; processor time of one, in milliseconds."""

    scans: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    whole_cpu_ms: list[float] = field(default_factory=list)


class Writes:
    """Clients of `Registry.add` and `delete` at a steady rate; embeddings are given, photos go to the disk."""

    def __init__(self, registry: Registry, fresh: Designs, held: Sequence[int], models_version: str) -> None:
        self._registry = registry
        self._version = models_version
        self._garments = [described(fresh, row) for row in range(len(fresh))]
        order = list(held)
        random.Random(0).shuffle(order)
        self._deletable = deque(item_id(number) for number in order)
        self._numbers = itertools.count()
        self.written = Written()

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """`WRITERS` threads; what was not done in time is not made up for after the block."""
        done, turn = threading.Event(), itertools.count()
        started = time.perf_counter()

        def work() -> None:
            while True:
                due = started + next(turn) / ADDS_A_SECOND
                if done.wait(max(0.0, due - time.perf_counter())):
                    return
                self._write()

        threads = [threading.Thread(target=work) for _ in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            done.set()
            for thread in threads:
                thread.join()
            self.written.lasted_s += time.perf_counter() - started

    def _write(self) -> None:
        number = next(self._numbers)
        data = f"{number:08d}".encode() * (PHOTO_BYTES // 8)
        photo = new_photo(number, self._garments[number % len(self._garments)], data, self._version)
        self.written.adds.append(_seconds(lambda: self._registry.add(photo, data)))
        self._deletable.append(photo.item_id)
        if number % DELETE_EVERY == DELETE_EVERY - 1:
            gone = self._deletable.popleft()
            self.written.deletes.append(_seconds(lambda: self._registry.delete(gone)))


def search_by_turns(registry: Registry, queries: list[Query], writes: Writes) -> tuple[Searched, Searched]:
    """Alone, and while writes go on."""
    alone, beside = Searched(), Searched()
    for turn in range(TURNS):
        some = queries[turn::TURNS]
        _search(registry, some, alone)
        with writes.going_on():
            _search(registry, some, beside)
    return alone, beside


def _search(registry: Registry, queries: list[Query], into: Searched) -> None:
    """Each query both ways, over and over until the turn is long enough."""
    until = time.perf_counter() + TURN_S
    for query in itertools.cycle(queries):
        into.scans.append(bare_scan(registry, query))
        before = time.process_time()
        into.whole.append(_seconds(partial(registry.search, query)))
        into.whole_cpu_ms.append(1e3 * (time.process_time() - before))
        if query is queries[-1] and time.perf_counter() > until:
            return


def bare_scan(registry: Registry, query: Query) -> float:
    """Seconds until the vectors alone have named the candidates."""
    return _seconds(lambda: registry._live.nearest(query, Exclusions(), CANDIDATES))


def wait_until_idle(quiet_s: float = 0.5, share: float = 0.05) -> None:
    """Until what a start leaves to the background, checksums and the sweep of photos, takes no processor time."""
    while True:
        before = time.process_time()
        time.sleep(quiet_s)
        if time.process_time() - before < share * quiet_s:
            return


def slower(beside: Sequence[float], alone: Sequence[float]) -> float:
    """How many times, at the median."""
    return statistics.median(beside) / statistics.median(alone)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
