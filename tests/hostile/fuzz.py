"""`python -m tests.hostile.fuzz`: sends the corpus and 10,000 mutations to a service, and prints a table of answers."""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.hostile.attacked import AttackedService, attack, attacked_service
from tests.hostile.corpus import hostile_files
from tests.hostile.files import HostileFile
from tests.hostile.mutations import mutations

_BATCH = 250


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Example: python -m tests.hostile.fuzz --mutations 1000"
    )
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutation")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, attacked_service(Path(folder)) as service:
        corpus = list(hostile_files())
        table = Table(
            "what", "sent", "200", "413", "415", "422", "5xx", "hung", "wrong", "slowest s", "RSS before", "RSS after"
        )
        wrong = [
            *_row(table, "corpus", service, corpus),
            *_row(table, "mutations", service, list(mutations(chosen.mutations, chosen.first))),
            *_row(table, "corpus again", service, corpus),
        ]
    Console(width=160).print(table)
    for line in wrong[:50]:
        print(line)
    raise SystemExit(1 if wrong else 0)


def _row(table: Table, what: str, service: AttackedService, files: list[HostileFile]) -> list[str]:
    before = service.memory_mb()
    batches = [files[start : start + _BATCH] for start in range(0, len(files), _BATCH)]
    reports = [attack(service, batch) for batch in track(batches, what, transient=True)]
    answers = {status: sum(report.answers[status] for report in reports) for status in (200, 413, 415, 422)}
    ours = sum(count for report in reports for status, count in report.answers.items() if status >= 500)
    hung = list(itertools.chain.from_iterable(report.hung for report in reports))
    wrong = list(itertools.chain.from_iterable(report.wrong for report in reports))
    slowest = max((report.slowest for report in reports), default=(0.0, ""))
    cells = (what, len(files), *answers.values(), ours, len(hung), len(wrong), f"{slowest[0]:.1f} {slowest[1]}",
             f"{before:.0f} MB", f"{service.memory_mb():.0f} MB")  # fmt: skip
    table.add_row(*map(str, cells))
    return wrong + [f"{name}: hung" for name in hung]


if __name__ == "__main__":
    main()
