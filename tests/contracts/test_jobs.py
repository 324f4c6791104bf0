"""What every record of jobs must do; run against SQLite and a real PostgreSQL."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from index.database import Database
from index.errors import InvalidQuery, JobNotFound
from index.job_records import JobResultRecord
from index.job_results import JobResults
from index.job_types import JobKind, JobStatus, LineProblem, Step
from index.jobs import JobLedger

LEASE_S = 60.0


@pytest.fixture
def ledger(record_url: str) -> Iterator[JobLedger]:
    database = Database(record_url)
    yield JobLedger(database)
    database.close()


def a_problem(line: int) -> LineProblem:
    return LineProblem(line, "a.jpg", f"SKU-{line}", "no_garment", "no garment was found")


def test_a_job_is_there_as_it_was_made(ledger: JobLedger) -> None:
    """Also for a process that opens the record later."""
    made = ledger.create("job_1", "acme", JobKind.ADDS, 10)
    assert (made.status, made.total, made.done, made.position, made.live) == (JobStatus.QUEUED, 10, 0, 0, True)
    assert ledger.get("job_1", "acme") == made
    assert ledger.count_live("acme") == 1


def test_a_tenant_sees_its_own_jobs_only(ledger: JobLedger) -> None:
    """Nor may it cancel, forget or read another's."""
    ledger.create("job_1", "acme", JobKind.ADDS, 1)
    assert ledger.list("other", list(JobKind)).jobs == ()
    assert ledger.count_live("other") == 0
    for ask in (ledger.get, ledger.cancel, ledger.forget, ledger.problems):
        with pytest.raises(JobNotFound):
            ask("job_1", "other")
    with pytest.raises(JobNotFound):
        list(ledger.results("job_1", "other"))
    assert ledger.get("job_1", "acme").live


def test_jobs_are_listed_by_kind_a_page_at_a_time(ledger: JobLedger) -> None:
    """Youngest first."""
    for n in range(5):
        ledger.create(f"job_{n}", "acme", JobKind.CHECKS if n == 2 else JobKind.ADDS, 1)
    first = ledger.list("acme", [JobKind.ADDS], limit=3)
    assert [job.job_id for job in first.jobs] == ["job_4", "job_3", "job_1"]
    rest = ledger.list("acme", [JobKind.ADDS], first.next_cursor, 3)
    assert ([job.job_id for job in rest.jobs], rest.next_cursor) == (["job_0"], None)
    with pytest.raises(InvalidQuery):
        ledger.list("acme", [JobKind.ADDS], "-1")


def test_a_job_is_one_worker_s_until_its_lease_ends(ledger: JobLedger) -> None:
    """A dead one loses it with the time; what it says afterwards changes nothing."""
    ledger.create("job_1", "acme", JobKind.ADDS, 10)
    assert ledger.free() == ("job_1",)
    claimed = ledger.claim("job_1", "a", 0.2)
    assert claimed is not None
    assert claimed.status is JobStatus.RUNNING
    assert ledger.claim("job_1", "b", LEASE_S) is None
    assert ledger.free() == ()
    time.sleep(0.3)
    assert ledger.free() == ("job_1",)
    assert ledger.claim("job_1", "b", LEASE_S) is not None
    assert not ledger.advance("job_1", "a", LEASE_S, Step(100, 5, 5, [a_problem(1)], [b"x"]))
    assert not ledger.renew("job_1", "a", LEASE_S)
    assert not ledger.finish("job_1", "a")
    assert not ledger.release("job_1", "a")
    job = ledger.get("job_1", "acme")
    assert (job.status, job.done, job.failed, job.position) == (JobStatus.RUNNING, 0, 0, 0)
    assert ledger.problems("job_1", "acme").problems == ()
    assert list(ledger.results("job_1", "acme")) == []


def test_of_many_workers_one_claims(ledger: JobLedger, record_url: str) -> None:
    """At the same moment, by connections of their own."""
    ledger.create("job_1", "acme", JobKind.ADDS, 10)
    databases = [Database(record_url) for _ in range(4)]
    ledgers = [JobLedger(database) for database in databases]
    won: list[int] = []
    start = threading.Barrier(4)

    def claim(n: int) -> None:
        start.wait()
        if ledgers[n].claim("job_1", f"worker-{n}", LEASE_S) is not None:
            won.append(n)

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()
    assert len(won) == 1


def test_a_step_is_kept_as_a_whole(ledger: JobLedger) -> None:
    """Counts, position, refused lines and answers, in their order."""
    ledger.create("job_1", "acme", JobKind.CHECKS, 250)
    ledger.claim("job_1", "a", LEASE_S)
    for n in range(5):
        answers = [f"{n}-{m}".encode() * 50 for m in range(50)]
        assert ledger.advance("job_1", "a", LEASE_S, Step((n + 1) * 100, 50, 3, [a_problem(n), a_problem(n)], answers))
    job = ledger.get("job_1", "acme")
    assert (job.position, job.done, job.created, job.failed) == (500, 250, 15, 10)
    assert list(ledger.results("job_1", "acme")) == [f"{n}-{m}".encode() * 50 for n in range(5) for m in range(50)]
    page = ledger.problems("job_1", "acme", limit=7)
    rest = ledger.problems("job_1", "acme", page.next_cursor, 7)
    assert [problem.line for problem in page.problems + rest.problems] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert rest.next_cursor is None
    assert page.problems[0] == a_problem(0)


@pytest.mark.parametrize("file", ["\ud800", "a\0b"])
def test_a_step_that_cannot_be_kept_leaves_the_job_as_it_was(ledger: JobLedger, file: str) -> None:
    """Raised as the mistake that it is, never as an outage that passes; the job can still be ended, and says why."""
    ledger.create("job_1", "acme", JobKind.CHECKS, 10)
    ledger.claim("job_1", "a", LEASE_S)
    bad = LineProblem(2, file, None, "invalid_field", "wrong")
    try:
        ledger.advance("job_1", "a", LEASE_S, Step(100, 2, 0, [a_problem(1), bad], [b"x"]))
    except InvalidQuery:
        assert (ledger.get("job_1").position, ledger.problems("job_1", "acme").problems) == (0, ())
    else:
        assert "\0" in file, "SQLite keeps NUL"
        assert ledger.problems("job_1", "acme").problems == (a_problem(1), bad)
    assert ledger.finish("job_1", "a", "it cannot be kept")
    assert (ledger.get("job_1").status, ledger.free()) == (JobStatus.FAILED, ())


def test_a_released_job_is_anybody_s(ledger: JobLedger) -> None:
    """And goes on where it was; what it waited for is told meanwhile."""
    ledger.create("job_1", "acme", JobKind.ADDS, 10)
    ledger.claim("job_1", "a", LEASE_S)
    ledger.advance("job_1", "a", LEASE_S, Step(77, 2, 2))
    assert ledger.renew("job_1", "a", LEASE_S, "read_only")
    assert ledger.get("job_1").waiting_for == "read_only"
    assert ledger.release("job_1", "a")
    claimed = ledger.claim("job_1", "b", LEASE_S)
    assert claimed is not None
    assert (claimed.position, claimed.done) == (77, 2)
    assert ledger.release_all() == 1
    assert ledger.free() == ("job_1",)


def test_an_end_is_an_end(ledger: JobLedger) -> None:
    """Done, failed or cancelled: nobody claims it again, and it is cancelled once."""
    for n, end in enumerate(("done", "failed", "cancelled")):
        ledger.create(f"job_{n}", "acme", JobKind.ADDS, 1)
        ledger.claim(f"job_{n}", "a", LEASE_S)
        if end == "cancelled":
            assert ledger.cancel(f"job_{n}", "acme")
            assert not ledger.advance(f"job_{n}", "a", LEASE_S, Step(1, 1, 1))
        else:
            assert ledger.finish(f"job_{n}", "a", "gone" if end == "failed" else None)
        job = ledger.get(f"job_{n}")
        assert (job.status.value, job.live, job.failure) == (end, False, "gone" if end == "failed" else None)
        assert job.finished_at is not None
        assert ledger.claim(f"job_{n}", "a", LEASE_S) is None
        assert not ledger.cancel(f"job_{n}", "acme")
    assert ledger.free() == ()
    assert ledger.live_ids() == frozenset()
    assert ledger.ended_ids() == {"job_0", "job_1", "job_2"}


def test_a_forgotten_job_takes_its_lines_along(ledger: JobLedger) -> None:
    """By hand, or once it is old."""
    for n in range(2):
        ledger.create(f"job_{n}", "acme", JobKind.CHECKS, 1)
        ledger.claim(f"job_{n}", "a", LEASE_S)
        ledger.advance(f"job_{n}", "a", LEASE_S, Step(1, 1, 0, [a_problem(1)], [b"x"]))
        ledger.finish(f"job_{n}", "a")
    ledger.forget("job_0", "acme")
    with pytest.raises(JobNotFound):
        ledger.get("job_0")
    assert ledger.sweep(datetime.now(UTC) - timedelta(days=1)) == 0
    assert ledger.sweep(datetime.now(UTC) + timedelta(seconds=1)) == 1
    assert ledger.list("acme", list(JobKind)).jobs == ()


EVENTS = st.lists(
    st.tuples(st.sampled_from(["claim", "advance", "die", "release"]), st.sampled_from("ab")), max_size=25
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS)
def test_no_line_counts_twice_or_is_left_out_whoever_dies(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, str]]
) -> None:
    """A random history of two workers against a plain model: done lines are those before the position."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('history')}/record.db")
    ledger = JobLedger(database)
    ledger.create("job", "acme", JobKind.CHECKS, 1_000)
    held: dict[str, int] = {}
    owner: str | None = None
    position = 0
    for event, worker in events:
        if event == "claim":
            job = ledger.claim("job", worker, LEASE_S)
            assert (job is not None) == (owner in (None, worker))
            if job is not None:
                owner, held[worker] = worker, job.position
                assert job.position == position
        elif event == "advance" and worker in held:
            kept = ledger.advance(
                "job", worker, LEASE_S, Step(held[worker] + 1, 1, 1, (), [str(held[worker]).encode()])
            )
            assert kept == (owner == worker)
            held[worker] += 1
            position += kept
        elif event == "die" and owner is not None:
            ledger.release_all()
            owner = None
        elif event == "release":
            assert ledger.release("job", worker) == (owner == worker)
            owner = None if owner == worker else owner
    found = ledger.get("job")
    assert (found.done, found.created, found.position) == (position, position, position)
    assert list(ledger.results("job", "acme")) == [str(n).encode() for n in range(position)]
    database.close()


def result_of(check_id: str | None, line: int = 1) -> bytes:
    """A line of results, of a check or of a refusal."""
    found = {"problem": {"code": "no_garment"}} if check_id is None else {"check": {"check_id": check_id}}
    return json.dumps({"line": line} | found).encode()


@pytest.mark.parametrize("kept_by", ["this release", "the one before"])
def test_a_result_is_found_and_erased_by_its_check(record_url: str, kept_by: str) -> None:
    """The tenant's own; the other lines stay, refused ones too."""
    database = Database(record_url)
    ledger, results = JobLedger(database), JobResults(database)
    for tenant, job_id in (("acme", "job_1"), ("other", "job_2")):
        ledger.create(job_id, tenant, JobKind.CHECKS, 3)
        assert ledger.claim(job_id, "w", LEASE_S)
        lines = [result_of(f"chk_{job_id}"), result_of(None, 2), b"no JSON", result_of("chk_2", 4)]
        assert ledger.advance(job_id, "w", LEASE_S, Step(9, 4, 0, results=lines))
    if kept_by == "the one before":
        with database.writing() as connection:
            connection.execute(update(JobResultRecord).values(check_id=None))
    assert results.find("chk_job_1", "other") == {}
    assert results.find("", "acme") != {}, "refused lines have no check, and are named so"
    found = results.find("chk_job_1", "acme")
    assert list(found.values()) == [result_of("chk_job_1")]
    assert results.erase(list(found))
    assert results.find("chk_job_1", "acme") == {}
    assert list(ledger.results("job_1", "acme")) == [result_of(None, 2), b"no JSON", result_of("chk_2", 4)]
    assert len(list(ledger.results("job_2", "other"))) == 4
    assert results.erase([])
    database.close()
