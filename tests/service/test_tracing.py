"""Spans, where they are wanted; real OTLP over loopback to a collector that keeps what it is sent."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service.settings import TracingSettings
from service.tracing import Tracing, open_tracing, trace_id
from tests.journeys.conftest import check, served, settings_for
from tests.photos import photo

CALLERS_TRACE = "0af7651916cd43dd8448eb211c80319c"


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """Where spans are to be sent, and those that came."""
    spans: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = ExportTraceServiceRequest()
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            sent.ParseFromString(body)
            spans.extend(s for r in sent.resource_spans for scope in r.scope_spans for s in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", spans
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_a_check_is_one_trace_with_its_stages(tmp_path: Path) -> None:
    """It continues the caller's."""
    with collector() as (endpoint, spans):
        async with served(settings_for(tmp_path, tracing={"endpoint": endpoint, "share": 0})) as client:
            traceparent = f"00-{CALLERS_TRACE}-b7ad6b7169203331-01"
            answer = await client.post(
                "/check-plagiarism", files={"image": photo(1)}, headers={"traceparent": traceparent}
            )
            assert answer.status_code == 200
            assert (await check(client, photo(2))).status_code == 200
    assert {span.trace_id.hex() for span in spans} == {CALLERS_TRACE}, "a request outside the share was traced"
    by_name = {span.name: span for span in spans}
    request = by_name["POST /check-plagiarism"]
    stages = [by_name[stage] for stage in ("decode", "detect", "landmarks", "embed", "search")]
    assert {stage.parent_span_id for stage in stages} == {request.span_id}
    for before, after in itertools.pairwise(stages):
        assert before.start_time_unix_nano <= before.end_time_unix_nano == after.start_time_unix_nano
    said = {item.key: item.value for item in request.attributes}
    assert said["http.response.status_code"].int_value == 200
    assert said["http.route"].string_value == "/check-plagiarism"


def test_without_an_endpoint_nothing_is_recorded() -> None:
    """And no id is put into the logs."""
    tracing = open_tracing(TracingSettings())
    with tracing.request({"type": "http", "method": "GET", "path": "/", "headers": []}) as span:
        span.answered("/", 200)
        tracing.stages({"decode": 1.0})
        assert trace_id() is None
    tracing.close()


def test_the_exporter_is_not_loaded_unless_it_is_used() -> None:
    """It costs memory and start time."""
    import subprocess
    import sys

    code = "import sys, service.app; sys.exit('opentelemetry.exporter.otlp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_failed_request_is_marked() -> None:
    """So that a trace store finds it."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing = Tracing(provider)
    with tracing.request({"type": "http", "method": "GET", "path": "/x", "headers": []}) as span:
        assert trace_id() is not None
        span.answered("/x", 503)
    (ended,) = kept.get_finished_spans()
    assert (ended.name, ended.status.is_ok) == ("GET /x", False)
    tracing.close()
