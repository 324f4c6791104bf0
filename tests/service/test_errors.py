"""The drawn tree and the table of answers stay true."""

from __future__ import annotations

import inspect

import pytest

from index import errors as index_errors
from models import errors as models_errors
from service import errors
from service.errors import PROBLEMS, status_and_code

STOP_THE_START = {errors.SettingsError, errors.PolicyError, models_errors.ModelFileError, models_errors.InvalidValue}
OPERATORS_ONLY = {
    index_errors.SnapshotUnusable, index_errors.BackupUnusable, index_errors.LeaseHeld, index_errors.LeaseLost,
    models_errors.AnotherRun,
}  # fmt: skip
"""Met at the start, in the background or on the command line, where the index is rebuilt or the operator is told."""
GENERAL = {
    errors.ServiceError, errors.RequestError, errors.AccessError, models_errors.ModelsError, models_errors.ImageError,
    index_errors.CatalogueError,
}  # fmt: skip


def defined_in(module: object) -> set[type[Exception]]:
    return {kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Exception)}


def test_the_tree_names_every_error() -> None:
    """And no other."""
    drawn = {line.lstrip("│├└─ ").split()[0] for line in (errors.__doc__ or "").splitlines() if "──" in line}
    assert drawn == {kind.__name__ for kind in defined_in(errors)} - {"ServiceError"}


@pytest.mark.parametrize("module", [errors, models_errors, index_errors])
def test_every_error_that_a_request_can_raise_has_an_answer(module: object) -> None:
    """Those left out stop the start, never reach one, or are only parents."""
    assert defined_in(module) - STOP_THE_START - OPERATORS_ONLY - GENERAL <= set(PROBLEMS)


def test_callers_mistakes_are_value_errors_and_4xx() -> None:
    """5xx never comes of a bad input."""
    for kind, (status, code) in PROBLEMS.items():
        mistake = issubclass(kind, ValueError) and kind is not index_errors.EmbeddingMismatch
        assert (status < 500) == (mistake or issubclass(kind, LookupError)), kind
        assert code == code.lower()
    codes = [code for _, code in PROBLEMS.values()]
    assert len(set(codes)) == len(codes)


def test_an_unknown_error_is_ours() -> None:
    """500; a subclass of a known one answers as it does."""

    class Stranger(index_errors.ItemNotFound):
        """Some later kind."""

    assert status_and_code(RuntimeError()) == (500, "internal_error")
    assert status_and_code(Stranger()) == (404, "item_not_found")
