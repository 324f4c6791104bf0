"""Several processes on one record: what one acknowledges the others find within a second."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from deploy.server_process import Server, serving
from tests.photos import photo
from tests.postgres import Cluster
from tests.waiting import wait_for

FOUND_WITHIN_S = 10.0
"""A second is promised; machines that run tests are busy."""


def add(server: Server, seed: int) -> None:
    answer = httpx.post(
        f"{server.address}/index/add", files={"image": photo(seed)}, data={"item_id": f"SKU-{seed}"}, timeout=60
    )
    assert answer.status_code == 201


def verdict(server: Server, seed: int) -> str:
    answer = httpx.post(f"{server.address}/check-plagiarism", files={"image": photo(seed)}, timeout=60)
    return str(answer.json()["verdict"])


def wait_until(server: Server, verdicts: dict[int, str]) -> None:
    """Until the photos of these seeds have these verdicts."""
    wait_for(lambda: {seed: verdict(server, seed) for seed in verdicts} == verdicts, FOUND_WITHIN_S)


@pytest.mark.parametrize("kind", ["postgresql", "postgresql, data dirs of their own", "sqlite"])
def test_a_201_of_one_process_is_found_by_another_within_a_second(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """And what it deletes is found no more; both say that they are not behind."""
    settings = {"demo": "0", "redis_url": "off"}
    if kind != "sqlite":
        cluster: Cluster = request.getfixturevalue("postgres")
        settings["database_url"] = cluster.new_database()
    folders = [tmp_path / name for name in ("ab" if "own" in kind else "aa")]
    with (
        serving(folders[0], settings, fake_models=True) as ours,
        serving(folders[1], settings, fake_models=True) as theirs,
    ):
        for here, there, seeds in ((ours, theirs, range(3)), (theirs, ours, range(10, 13))):
            assert [verdict(there, seed) for seed in seeds] == ["clear"] * 3, "and the verdict may be cached"
            for seed in seeds:
                add(here, seed)
            wait_until(there, dict.fromkeys(seeds, "image_copy"))
        httpx.delete(f"{ours.address}/index/items/SKU-10", timeout=60).raise_for_status()
        wait_until(theirs, {10: "clear", 11: "image_copy"})
        for server in (ours, theirs):
            behind = httpx.get(f"{server.address}/readyz", timeout=60).json()["behind"]
            assert (behind["changes"], behind["seconds"] < 5) == (0, True)
            metrics = httpx.get(f"{server.address}/metrics", timeout=60).text
            assert "selvedge_index_behind_changes 0.0" in metrics
            assert "selvedge_index_behind_seconds 0." in metrics
