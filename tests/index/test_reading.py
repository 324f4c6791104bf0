"""Reads, and the looks that an add takes, take as long as what they name, however much else the record holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from index.catalogue import Catalogue
from index.driver_statements import ask
from index.group_commit import MOST_TOGETHER
from index.reading import MOST_NAMED
from index.registering import PreparedPhoto, register_photos
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


@pytest.mark.parametrize("together", [1, 2, 16, MOST_TOGETHER])
def test_no_add_goes_through_all_items_however_many_come_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    """Two adds in one transaction took 150 ms among a million items, and one alone a tenth of one."""
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'record.db'}")
    catalogue.add(make_new_photo(1))
    plan: list[str] = []

    def explained(connection: Connection, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        plan.extend(str(row[-1]) for row in ask(connection, f"EXPLAIN QUERY PLAN {statement}", values))
        return ask(connection, statement, values)

    monkeypatch.setattr("index.registering.ask", explained)
    photos = [PreparedPhoto.of(make_new_photo(number)) for number in range(1, together + 1)]
    with catalogue._database.writing() as connection:
        added = register_photos(connection, photos)
    catalogue.close()
    assert [one.created for one in added] == [False] + [True] * (together - 1)
    assert any("items" in line for line in plan)
    # What gives out the next numbers looks at the last row of each table alone.
    assert not [line for line in plan if line.startswith("SCAN items") or "(tenant=?)" in line], plan
