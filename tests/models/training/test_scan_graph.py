"""The graph that scans on a card; here because it takes onnx to make it."""

from __future__ import annotations

from deploy.write_scan_graph import scan_graph
from index.device_rows import SCAN_GRAPH


def test_the_graph_that_ships_is_the_one_that_is_written() -> None:
    """Byte by byte."""
    assert scan_graph().SerializeToString(deterministic=True) == SCAN_GRAPH.read_bytes()
