"""OpenTelemetry traces: a span a request, one a stage; off, the exporter not even loaded, without an endpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from starlette.types import Scope

from service.settings import TracingSettings

_STAGES = ("decode", "detect", "landmarks", "embed", "search", "store")
_SERVER_ERROR = 500


class RequestSpan:
    """The span of one request; does nothing where nothing is traced."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def answered(self, route: str, status: int) -> None:
        if not self._span.is_recording():
            return
        self._span.update_name(f"{self._span.attributes['http.request.method']} {route}")  # type: ignore[attr-defined]
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= _SERVER_ERROR:
            self._span.set_status(Status(StatusCode.ERROR))


class Tracing:
    """Where spans go; `close` sends what is left."""

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        self._provider = provider
        self._tracer: Tracer | None = None if provider is None else provider.get_tracer("selvedge")

    @contextmanager
    def request(self, scope: Scope) -> Iterator[RequestSpan]:
        """Around one HTTP request; continues the caller's trace where `traceparent` names one."""
        if self._tracer is None:
            yield RequestSpan(trace.INVALID_SPAN)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with self._tracer.start_as_current_span(
            scope["method"],
            propagate.extract(headers),
            SpanKind.SERVER,
            {"http.request.method": scope["method"], "url.path": scope["path"]},
        ) as span:
            yield RequestSpan(span)

    def stages(self, timings_ms: Mapping[str, float]) -> None:
        """One span a stage under the request's, laid end to end before now: they follow one another."""
        if self._tracer is None:
            return
        spent = [(stage, int(timings_ms[stage] * 1e6)) for stage in _STAGES if timings_ms.get(stage)]
        at = time.time_ns() - sum(spent_ns for _, spent_ns in spent)
        for stage, spent_ns in spent:
            self._tracer.start_span(stage, start_time=at).end(at + spent_ns)
            at += spent_ns

    def close(self) -> None:
        shutdown = getattr(self._provider, "shutdown", None)
        if shutdown is not None:
            shutdown()


def open_tracing(settings: TracingSettings) -> Tracing:
    """Spans in batches to an OTLP collector over HTTP, or nowhere where no endpoint is set."""
    if settings.endpoint is None:
        return Tracing()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    provider = TracerProvider(
        resource=Resource.create({"service.name": settings.service_name}),
        sampler=ParentBased(TraceIdRatioBased(settings.share)),
    )
    exporter = OTLPSpanExporter(endpoint=settings.endpoint, timeout=settings.timeout_s)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider)


def trace_id() -> str | None:
    """The current trace's id in hexadecimal, for logs; None where nothing is traced."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None
