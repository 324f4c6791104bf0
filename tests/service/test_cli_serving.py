"""A process that serves does not stand still while it does."""

from __future__ import annotations

import gc
import weakref

import pytest

from service import bootstrap
from service.cli.serving import _assemble_to_stay
from service.observability import Metrics
from service.settings import Settings


class Assembled:
    """Stands where a service would, and knows itself, so that only the collector could free it."""

    def __init__(self, *_: object) -> None:
        self.itself = self


def test_what_was_assembled_is_not_looked_at_by_the_collector_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as permanent, and a collection does not free even what nobody holds any more."""
    monkeypatch.setattr(bootstrap, "assemble", Assembled)
    try:
        seen = weakref.ref(_assemble_to_stay(Settings(), Metrics()))
        assert gc.get_freeze_count() > 1000
        gc.collect()
        assert seen() is not None
    finally:
        gc.unfreeze()
    gc.collect()
    assert seen() is None
