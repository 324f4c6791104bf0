"""Metrics that do not mix."""

from __future__ import annotations

from service.decoding.process import Ended
from service.observability import Metrics


def test_two_services_in_one_process_count_for_themselves() -> None:
    """No registry is shared."""
    one, other = Metrics(), Metrics()
    one.verdict("clear")
    assert b'selvedge_verdicts_total{verdict="clear"} 1.0' in one.exposition()
    assert b"clear" not in other.exposition()


def test_ends_of_decoders_are_counted_by_reason() -> None:
    """Each reason is there before the first, so that one end is an increase."""
    metrics = Metrics()
    assert b'selvedge_decoders_ended_total{reason="crash"} 0.0' in metrics.exposition()
    metrics.decoder_ended(Ended.CRASH)
    assert b'selvedge_decoders_ended_total{reason="crash"} 1.0' in metrics.exposition()
