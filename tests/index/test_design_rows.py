"""What a change costs does not grow with the record."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import event

from index.catalogue import Catalogue
from tests.factories import MODELS_VERSION, make_new_photo


def test_the_garments_of_a_change_are_found_by_their_item(tmp_path: Path) -> None:
    """SQLite would rather go through every garment of the models version, at every add."""
    catalogue = Catalogue(f"sqlite:///{tmp_path}/record.db")
    catalogue.add(make_new_photo(1))
    asked: list[tuple[str, Any]] = []

    def hear(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(catalogue._database._engine, "before_cursor_execute", hear)
    changed = catalogue.changed_since(0, MODELS_VERSION)
    assert changed is not None and len(changed.designs) == 1
    other = catalogue.changed_since(0, "other models")
    assert other is not None and len(other.designs) == 0
    catalogue.close()
    (statement, parameters), *_ = [one for one in asked if "FROM garments" in one[0]]
    with sqlite3.connect(tmp_path / "record.db") as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    assert any("ix_garments_item_number" in step for step in plan), plan
