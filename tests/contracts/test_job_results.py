"""How every record gives back the answers of a job; run against SQLite and a real PostgreSQL."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator

import pytest

from index.database import Database
from index.job_types import JobKind, Step
from index.jobs import JobLedger

LEASE_S = 60.0


@pytest.fixture
def ledger(record_url: str) -> Iterator[JobLedger]:
    database = Database(record_url)
    yield JobLedger(database)
    database.close()


def test_answers_are_read_a_few_bytes_at_a_time(ledger: JobLedger) -> None:
    """However long they are: all of sixty megabytes come, and never half of them at once."""
    ledger.create("job_1", "acme", JobKind.CHECKS, 60)
    ledger.claim("job_1", "a", LEASE_S)
    answers = [random.Random(n).randbytes(5_000_000 if n == 7 else 950_000) for n in range(60)]
    assert ledger.advance("job_1", "a", LEASE_S, Step(100, 60, 0, results=answers))
    tracemalloc.start()
    try:
        for answer, kept in zip(answers, ledger.results("job_1", "acme"), strict=True):
            assert answer == kept
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 30_000_000
