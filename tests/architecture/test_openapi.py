"""The contract that was published is the contract that is served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from service.app import create_app
from service.settings import Settings

PUBLISHED = Path(__file__).resolve().parents[2] / "deploy" / "openapi.json"
ROUTES = {
    ("post", "/check-plagiarism"), ("get", "/checks/{check_id}"), ("delete", "/checks/{check_id}"),
    ("get", "/checks/{check_id}/photo"),
    ("post", "/compare"), ("post", "/search"), ("post", "/index/add"), ("get", "/index/stats"),
    ("get", "/index/items"), ("get", "/index/items/{item_id}"), ("patch", "/index/items/{item_id}"),
    ("delete", "/index/items/{item_id}"), ("get", "/index/items/{item_id}/photos/{photo_id}"),
    ("post", "/index/bulk"), ("post", "/check-plagiarism/bulk"), ("get", "/jobs"), ("get", "/jobs/{job_id}"),
    ("delete", "/jobs/{job_id}"), ("get", "/jobs/{job_id}/results"),
    ("get", "/weights/{group}"), ("put", "/weights/{group}"), ("get", "/weights/{group}/versions"),
    ("post", "/weights/learn"), ("get", "/livez"), ("get", "/readyz"), ("get", "/metrics"), ("get", "/version"),
}  # fmt: skip


def served_contract() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def test_the_published_contract_is_the_served_one() -> None:
    """Run `python -m deploy.write_openapi` after a wanted change."""
    assert json.loads(PUBLISHED.read_text()) == json.loads(json.dumps(served_contract()))


def test_every_route_of_the_contract_is_there_and_no_other() -> None:
    """product.md, "REST contract", as far as it is built."""
    paths = served_contract()["paths"]
    assert {(method, path) for path, methods in paths.items() for method in methods} == ROUTES


def test_every_reference_leads_somewhere() -> None:
    """Bodies that are read by hand are described by hand."""
    contract = served_contract()
    known = set(contract["components"]["schemas"])

    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    missing = {ref for ref in references(contract) if ref.removeprefix("#/components/schemas/") not in known}
    assert missing == set()
