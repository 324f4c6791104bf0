"""`python -m tests.hostile.fuzz`: sends the corpus and 10,000 mutations to a service; 1 where it is the worse for it.

Answers in 5xx (a 503 of a full queue is counted as busy, and the file sent again), hangs, wrong answers, decoders that
died, and memory that did not come back within 5 % fail.
"""

from __future__ import annotations

import argparse
import ctypes.util
import itertools
import re
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from deploy.drills.report import DrillReport
from tests.hostile.attacked import ROOT, UNASKED, AttackedService, Report, attack, attacked_service
from tests.hostile.contents import colour_modes, orientations, profiles
from tests.hostile.corpus import hostile_files
from tests.hostile.files import SEEN, HostileFile
from tests.hostile.large import large_files
from tests.hostile.mutations import mutations
from tests.photos import photo

MOST_GROWTH = 0.05
_BATCH = 250
_WARMING = 300
_SETTLE_S = 20.0
"""Four times what the image's allocator keeps freed memory for."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Example: python -m tests.hostile.fuzz --mutations 1000"
    )
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation")
    chosen = parser.parse_args()
    table = Table("what", "sent", "200", "413", "415", "422", "5xx", "busy", "hung", "wrong", "slowest s", "MiB after")
    allocator = as_in_the_image()
    with tempfile.TemporaryDirectory() as folder, attacked_service(Path(folder), **allocator) as service:
        corpus = list(hostile_files())
        _warm(service)
        before = _settled_mb(service)
        attacks = [
            _row(table, "corpus", service, corpus),
            _row(table, "mutations", service, list(mutations(chosen.mutations, chosen.first))),
            _row(table, "corpus again", service, corpus),
        ]
        report = judged(attacks, before, _settled_mb(service), service.decoders_ended())
    Console(width=160).print(table)
    print(f"allocator of the service: {allocator.get('LD_PRELOAD', 'the system’s')}")
    report.print()
    for line in [line for attacked in attacks for line in (*attacked.wrong, *attacked.hung)][:50]:
        print(line)
    raise SystemExit(0 if report.good else 1)


def judged(attacks: list[Report], before_mb: float, after_mb: float, ended: dict[str, int]) -> DrillReport:
    """`ended`: decoders by the reason; those that a limit of ours ends are told and pass."""
    report = DrillReport("hostile files")
    ours = sum(count for attacked in attacks for status, count in attacked.answers.items() if status >= 500)
    hung = sum(len(attacked.hung) for attacked in attacks)
    wrong = sum(len(attacked.wrong) for attacked in attacks)
    for what, count in (("answers in 5xx", ours), ("hangs", hung), ("wrong answers", wrong)):
        report.add(what, "0", count, count == 0)
    lost = sum(ended.get(reason, 0) for reason in UNASKED)
    said = ", ".join(f"{reason} {count}" for reason, count in sorted(ended.items()))
    report.add("decoders that died, of those that ended", "0", f"{lost} ({said})", lost == 0)
    growth = after_mb / before_mb - 1
    memory = f"{before_mb:.0f} MiB → {after_mb:.0f} MiB, {growth:+.1%}"
    report.add("memory of service and decoders", f"within {MOST_GROWTH:.0%}", memory, growth <= MOST_GROWTH)
    return report


def as_in_the_image() -> dict[str, str]:
    """The allocator of the Dockerfile and its options, where this machine has it."""
    library = ctypes.util.find_library("jemalloc")
    options = re.search(r"MALLOC_CONF=(\S+)", (ROOT / "Dockerfile").read_text())
    return {"LD_PRELOAD": library, "MALLOC_CONF": options[1]} if library and options else {}


def _warm(service: AttackedService) -> None:
    """Good photos of every kind, then the large ones, two at a time: each decoder sees some of both."""
    seeds = [HostileFile(f"ordinary-{seed}", photo(seed), SEEN) for seed in range(_WARMING)]
    kinds = [file for file in (*colour_modes(), *orientations(), *profiles()) if file.expected == SEEN]
    warmed = attack(service, [*seeds, *kinds, *large_files(), *kinds])
    assert not warmed.wrong and not warmed.hung, (warmed.wrong, warmed.hung)


def _settled_mb(service: AttackedService) -> float:
    time.sleep(_SETTLE_S)
    return service.memory_mb()


def _row(table: Table, what: str, service: AttackedService, files: list[HostileFile]) -> Report:
    """One attack, in the table and as a whole."""
    batches = [files[start : start + _BATCH] for start in range(0, len(files), _BATCH)]
    reports = [attack(service, batch) for batch in track(batches, what, transient=True)]
    whole = Report()
    for report in reports:
        whole.answers += report.answers
    whole.hung = list(itertools.chain.from_iterable(report.hung for report in reports))
    whole.wrong = list(itertools.chain.from_iterable(report.wrong for report in reports))
    whole.overloaded = sum(report.overloaded for report in reports)
    whole.slowest = max((report.slowest for report in reports), default=(0.0, ""))
    ours = sum(count for status, count in whole.answers.items() if status >= 500)
    statuses = [whole.answers[status] for status in (200, 413, 415, 422)]
    bad = (ours, whole.overloaded, len(whole.hung), len(whole.wrong))
    slowest = f"{whole.slowest[0]:.1f} {whole.slowest[1]}"
    cells = (what, len(files), *statuses, *bad, slowest, f"{service.memory_mb():.0f}")
    table.add_row(*map(str, cells))
    return whole


if __name__ == "__main__":
    main()
