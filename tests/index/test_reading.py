"""Reads take as long as what they name, however much else the record holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from index.catalogue import Catalogue
from index.reading import MOST_NAMED
from tests.factories import MODELS_VERSION, make_new_photo

NAMED = list(range(1, MOST_NAMED + 1))


@contextmanager
def plans_of(engine: Engine) -> Iterator[list[str]]:
    """The lines of SQLite's plan for each SELECT that runs meanwhile."""
    lines: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            planned = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            lines.extend(str(row[-1]) for row in planned.fetchall())

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield lines
    finally:
        event.remove(engine, "before_cursor_execute", explain)


@pytest.mark.parametrize(
    "read",
    [
        lambda catalogue: catalogue.find(NAMED),
        lambda catalogue: catalogue.designs_of(NAMED, MODELS_VERSION),
        lambda catalogue: catalogue.changed_since(0, MODELS_VERSION),
        lambda catalogue: catalogue.prints_since(0, MODELS_VERSION),
        lambda catalogue: catalogue.list(limit=200),
        lambda catalogue: catalogue.get("SKU-1"),
    ],
    ids=["find", "designs_of", "changed_since", "prints_since", "list", "get"],
)
def test_no_read_of_named_rows_goes_through_all_of_a_table(tmp_path: Path, read: Callable[[Catalogue], Any]) -> None:
    """Without statistics SQLite took every item of a tenant for fewer than forty named garments."""
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'record.db'}")
    for number in range(1, 61):
        catalogue.add(make_new_photo(number))
    engine = catalogue._database._engine
    with plans_of(engine) as plan:
        read(catalogue)
    catalogue.close()
    assert plan, "nothing was read"
    whole = [line for line in plan if line.startswith("SCAN") or "(tenant=?)" in line]
    assert not whole, plan
