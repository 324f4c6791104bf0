"""The metrics that an operator watches; deploy/grafana and deploy/prometheus name them, RUNBOOK.md explains them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from index.errors import CatalogueError
from index.registry import Registry
from models.runtime.running import Engine
from service.capacity import Capacity, Lane
from service.decoding.process import Ended
from service.disk import DiskGuard
from service.drift import EDGES, ScoreDrift

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)
_BUCKETS_ROWS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Everything that is counted, in a registry of its own, so that two services in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._stages = self._histogram("selvedge_stage_seconds", "Time a stage took, whatever asked for it", ["stage"])
        self._durations = self._histogram("selvedge_request_seconds", "Time to an answer", ["method", "route"])
        self._requests = self._counter("selvedge_requests_total", "Requests answered", ["method", "route", "status"])
        self._waits = self._histogram("selvedge_queue_wait_seconds", "Time waited for a worker", ["lane"])
        self._refusals = self._counter("selvedge_refused_total", "Requests refused by load", ["lane", "reason"])
        self._lookups = self._counter("selvedge_cache_lookups_total", "Cache look-ups", ["cache", "result"])
        self._verdicts = self._counter("selvedge_verdicts_total", "Photo verdicts given", ["verdict"])
        self._lines = self._counter("selvedge_job_lines_total", "Lines of jobs worked through", ["kind", "outcome"])
        self._decoders = self._counter("selvedge_decoders_ended_total", "Decoder processes that ended", ["reason"])
        for reason in Ended:
            # There from the start, so that the first end is seen as an increase.
            self._decoders.labels(reason.value)
        self._drift: ScoreDrift | None = None
        self.score_drift = self._gauge(
            "selvedge_score_drift", "Population stability index of the last best scores against the week before"
        )
        self.score_drift.set(math.nan)
        self._scores = self._histogram("selvedge_best_score", "Best score of a checked garment", [], EDGES)
        self._batches = self._histogram("selvedge_batch_rows", "Rows run together", ["model"], _BUCKETS_ROWS)
        self._providers = self._gauge(
            "selvedge_model_provider", "1 for what runs a model", ["model", "wanted", "provider"]
        )
        self._fallbacks = self._gauge(
            "selvedge_model_fallback", "1 where a model runs on less than was wanted", ["model"]
        )
        self._depth = self._gauge("selvedge_queue_depth", "Requests that wait for a worker", ["lane"])
        self._age = self._gauge("selvedge_queue_oldest_seconds", "Wait of the first in the queue", ["lane"])
        self.redis_up = self._gauge("selvedge_redis_up", "1 where Redis answered last time")
        self.claims_redis_up = self._gauge(
            "selvedge_claims_redis_up", "1 where the Redis of kept answers answered last time; NaN where it has none"
        )
        self.claims_redis_up.set(math.nan)
        self.index_garments = self._gauge("selvedge_index_garments", "Garments that are searched")
        self.index_sequence = self._gauge("selvedge_index_sequence", "Latest change searched")
        self.index_stale = self._gauge("selvedge_index_stale", "1 where changes are known that are not searched yet")
        self.index_behind = self._gauge("selvedge_index_behind_changes", "Known changes that are not searched yet")
        self.index_behind_s = self._gauge(
            "selvedge_index_behind_seconds", "Time since all of the record was known to be searched"
        )
        self.in_flight = self._gauge("selvedge_in_flight", "Requests admitted and not finished")
        self.bodies_held = self._gauge("selvedge_bodies_held_bytes", "Bytes that bodies of requests hold")
        self.batch_waiting = self._gauge("selvedge_batch_waiting", "Requests that wait for a batch")
        self.ready = self._gauge("selvedge_ready", "1 where the service takes requests")
        self.canary_up = self._gauge("selvedge_canary_up", "1 where the canary photo went through the whole line")
        self.canary_seconds = self._gauge("selvedge_canary_seconds", "Time the last canary photo took")
        self.disk_free = self._gauge("selvedge_disk_free_bytes", "Free space in the data dir")
        self.read_only = self._gauge("selvedge_read_only", "1 where nothing is registered for want of space")

    def stages(self, timings_ms: Mapping[str, float]) -> None:
        for stage, spent_ms in timings_ms.items():
            self._stages.labels(stage).observe(spent_ms / 1e3)

    def request(self, method: str, route: str, status: int, spent_s: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._durations.labels(method, route).observe(spent_s)

    def waited(self, lane: str, waited_s: float) -> None:
        self._waits.labels(lane).observe(waited_s)

    def refused(self, lane: str, reason: str) -> None:
        self._refusals.labels(lane, reason).inc()

    def cache_lookup(self, cache: str, hit: bool) -> None:
        self._lookups.labels(cache, "hit" if hit else "miss").inc()

    def decoder_ended(self, reason: Ended) -> None:
        self._decoders.labels(reason.value).inc()

    def verdict(self, verdict: str, best_scores: Iterable[float] = ()) -> None:
        """A photo's verdict, and the best score of each of its garments that resembles anything."""
        self._verdicts.labels(verdict).inc()
        for score in best_scores:
            self._scores.observe(score)
            if self._drift is not None:
                self._drift.observe(score)

    def follow_scores(self, drift: ScoreDrift) -> None:
        """Tell it of every best score from now on, and show what it makes of them."""
        self._drift = drift
        self.score_drift.set_function(lambda: drift.index)

    def job_lines(self, kind: str, done: int, refused: int) -> None:
        """What a few lines of a job came to."""
        self._lines.labels(kind, "accepted").inc(done - refused)
        self._lines.labels(kind, "refused").inc(refused)

    def batch(self, model: str, rows: int) -> None:
        self._batches.labels(model).observe(rows)

    def engines(self, engines: Iterable[Engine]) -> None:
        """What runs each network, once at the start."""
        for engine in engines:
            self._providers.labels(engine.model, engine.wanted, engine.provider).set(1)
            self._fallbacks.labels(engine.model).set(engine.fell_back)

    def canary(self, failure: str | None, spent_s: float) -> None:
        self.canary_up.set(failure is None)
        self.canary_seconds.set(spent_s)

    def watch(self, registry: Registry, capacity: Capacity, disk: DiskGuard) -> None:
        """Read these at every scrape."""
        # None of these asks the record: one that hangs must not hang the scrape.
        self.index_garments.set_function(lambda: float(registry.searchable))
        self.index_sequence.set_function(_or_nan(lambda: float(registry.sequence)))
        self.index_stale.set_function(_or_nan(lambda: float(not registry.ready or registry.staleness.changes > 0)))
        self.index_behind.set_function(_or_nan(lambda: float(registry.staleness.changes)))
        self.index_behind_s.set_function(_or_nan(lambda: registry.staleness.seconds))
        self.in_flight.set_function(lambda: float(capacity.inside))
        self.disk_free.set_function(lambda: float(disk.free_bytes()))
        self.read_only.set_function(lambda: float(disk.read_only))
        for lane in Lane:
            self._depth.labels(lane.value).set_function(functools.partial(capacity.waiting, lane))
            self._age.labels(lane.value).set_function(functools.partial(capacity.oldest_s, lane))

    def exposition(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self.registry)

    def _counter(self, name: str, help_text: str, labels: list[str]) -> Counter:
        return Counter(name, help_text, labels, registry=self.registry)

    def _gauge(self, name: str, help_text: str, labels: Iterable[str] = ()) -> Gauge:
        return Gauge(name, help_text, labels, registry=self.registry)

    def _histogram(
        self, name: str, help_text: str, labels: list[str], buckets: tuple[float, ...] = _BUCKETS_S
    ) -> Histogram:
        return Histogram(name, help_text, labels, buckets=buckets, registry=self.registry)


def _or_nan(read: Callable[[], float]) -> Callable[[], float]:
    """A scrape must not fail because the index is not loaded."""

    def reading() -> float:
        try:
            return read()
        except CatalogueError:
            return float("nan")

    return reading
