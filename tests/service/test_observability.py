"""Metrics that do not mix."""

from __future__ import annotations

from service.observability import Metrics


def test_two_services_in_one_process_count_for_themselves() -> None:
    """No registry is shared."""
    one, other = Metrics(), Metrics()
    one.verdict("clear")
    assert b'selvedge_verdicts_total{verdict="clear"} 1.0' in one.exposition()
    assert b"clear" not in other.exposition()
