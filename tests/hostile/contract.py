"""`python -m tests.hostile.contract`: the OpenAPI contract by every phase and check of schemathesis, and a table."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.schemas import BaseSchema

from service.access.keys import Scope
from tests.journeys.conftest import settings_for
from tests.journeys.test_access import make_key
from tests.journeys.test_jobs import zip_of
from tests.photos import photo
from tests.serving import served_on_a_socket

CHECKS: Mapping[str, Any] = {
    # Rules that a schema cannot tell: what is no photo, no cursor, not printable, a weight group left without any.
    "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "413", "415", "422"]}
}
_SHOWN = 2_000
"""Characters of a request that failed; a photo in it has many more."""

# An item may be called a/photos/b: on the address of a photo of a, its PATCH and DELETE are not wrong.
SLASHES: Mapping[str, Any] = {
    "include-path": "/index/items/{item_id}/photos/{photo_id}",
    "checks": {"unsupported_method": {"enabled": False}, "allow_header_conformance": {"enabled": False}},
}

# Bytes without form say nothing about a service that looks at photos.
schemathesis.openapi.format(
    "binary", st.sampled_from([photo(1), photo(2), b"no photo", zip_of({"SKU-1.png": photo(1)})])
)


@schemathesis.serializer("application/zip", "application/x-ndjson")
def upload(_context: Any, value: Any) -> bytes:
    """An upload of a job, as it is."""
    return value if isinstance(value, bytes) else str(value).encode()


@contextmanager
def served_contract(folder: Path, **generation: Any) -> Iterator[tuple[BaseSchema, dict[str, str]]]:
    """The contract as a service in `folder` serves it, and a key for all of it."""
    prepared = settings_for(folder)
    headers = make_key(prepared, *Scope, tenant="default", per_minute=1_000_000)
    config = {"checks": CHECKS, "operations": [SLASHES], "headers": headers, "generation": generation}
    with served_on_a_socket(prepared) as address:
        yield (
            schemathesis.openapi.from_url(f"{address}/openapi.json", config=SchemathesisConfig.from_dict(config)),
            headers,
        )


@dataclass(slots=True)
class Tried:
    """What one run sent and found: `operations` with their cases, cases by phase, checks by name, failures as text."""

    operations: Counter[str] = field(default_factory=Counter)
    cases: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[str, None] = field(default_factory=dict)


def try_everything(schema: BaseSchema) -> Tried:
    """Every phase that schemathesis has, on every operation, to the end."""
    tried = Tried()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _count(tried, event)
        elif isinstance(event, events.NonFatalError):
            tried.failures[f"{event.label}: {event.info.title}: {event.info.message}"] = None
        elif isinstance(event, events.FatalError):
            raise event.exception
    return tried


def _count(tried: Tried, event: events.ScenarioFinished) -> None:
    recorder = event.recorder
    tried.cases[event.phase.value] += len(recorder.cases)
    tried.operations.update(node.value.operation.label for node in recorder.cases.values())
    tried.statuses.update(one.response.status_code for one in recorder.interactions.values() if one.response)
    for case_id, checks in recorder.checks.items():
        tried.checks.update(check.name for check in checks)
        for check in checks:
            if check.status == Status.FAILURE and check.failure_info is not None:
                failure, sample = check.failure_info.failure, check.failure_info.code_sample
                label = recorder.cases[case_id].value.operation.label
                tried.failures[f"{label}: {check.name}: {failure.title}: {failure.message}\n{sample[:_SHOWN]}"] = None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Example: python -m tests.hostile.contract --examples 10"
    )
    parser.add_argument("--examples", type=int, default=100, help="requests that are drawn for each operation")
    chosen = parser.parse_args()
    started = time.monotonic()
    generation = {"max-examples": chosen.examples, "deterministic": True, "no-shrink": True}
    with tempfile.TemporaryDirectory() as folder, served_contract(Path(folder), **generation) as (schema, _):
        tried = try_everything(schema)
    _print(tried, time.monotonic() - started)
    raise SystemExit(1 if tried.failures else 0)


def _print(tried: Tried, spent_s: float) -> None:
    table = Table("", "count", title=f"{len(tried.operations)} operations, {spent_s:.0f} s", box=None)
    rows = [*tried.cases.items(), *sorted(tried.operations.items()), *sorted(tried.checks.items())]
    for name, count in (*rows, *sorted(tried.statuses.items())):
        table.add_row(str(name), f"{count:,}")
    table.add_row("cases", f"{tried.cases.total():,}")
    table.add_row("failures", str(len(tried.failures)))
    Console(width=160).print(table)
    for failure in tried.failures:
        print(failure, end="\n\n")


if __name__ == "__main__":
    main()
