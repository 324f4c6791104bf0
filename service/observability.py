"""Logs as JSON with the request's id, and the metrics that an operator watches."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from asgi_correlation_id import correlation_id
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from index.errors import CatalogueError
from index.registry import Registry
from service.capacity import Capacity
from service.settings import LogSettings

_STAGE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Everything that is counted, in a registry of its own, so that two services in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._stages = Histogram(
            "selvedge_stage_seconds", "Time a stage of a check took", ["stage"],
            buckets=_STAGE_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self._requests = Counter(
            "selvedge_requests_total", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self._lookups = Counter(
            "selvedge_cache_lookups_total", "Cache look-ups", ["cache", "result"], registry=self.registry
        )
        self._verdicts = Counter("selvedge_verdicts_total", "Photo verdicts given", ["verdict"], registry=self.registry)
        self.redis_up = Gauge("selvedge_redis_up", "1 where Redis answered last time", registry=self.registry)
        self.index_garments = Gauge("selvedge_index_garments", "Garments that are searched", registry=self.registry)
        self.index_sequence = Gauge("selvedge_index_sequence", "Latest change searched", registry=self.registry)
        self.in_flight = Gauge("selvedge_in_flight", "Requests admitted and not finished", registry=self.registry)

    def stages(self, timings_ms: Mapping[str, float]) -> None:
        for stage, spent_ms in timings_ms.items():
            self._stages.labels(stage).observe(spent_ms / 1e3)

    def request(self, method: str, route: str, status: int) -> None:
        self._requests.labels(method, route, str(status)).inc()

    def cache_lookup(self, cache: str, hit: bool) -> None:
        self._lookups.labels(cache, "hit" if hit else "miss").inc()

    def verdict(self, verdict: str) -> None:
        self._verdicts.labels(verdict).inc()

    def watch(self, registry: Registry, capacity: Capacity) -> None:
        """Read these at every scrape."""

        def searched() -> float:
            try:
                return float(registry.stats().searchable)
            except CatalogueError:
                return float("nan")

        self.index_garments.set_function(searched)
        self.index_sequence.set_function(lambda: float(registry.sequence))
        self.in_flight.set_function(lambda: float(capacity.inside))

    def exposition(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self.registry)


def configure_logs(settings: LogSettings) -> None:
    """One line an event on standard error; the libraries' own logs take the same way."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_request_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if settings.as_json else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.level]),
        # Made anew for every line, so that a replaced stream (pytest, a daemon) is followed.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if not isinstance(handler, _StandardError)]
    handler = _StandardError()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=last, foreign_pre_chain=shared))
    root.addHandler(handler)
    root.setLevel(settings.level)


class _StandardError(logging.Handler):
    """Writes to whatever standard error is now."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(self.format(record) + "\n")


def _add_request_id(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if request_id := correlation_id.get():
        event["request_id"] = request_id
    return event
