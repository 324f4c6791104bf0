"""A whole training run on painted tees: labels, epochs, a checkpoint, and a run that continues."""

from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import AnotherRun
from models.training.checkpoint import Progress
from models.training.data.landmark_labels import derive_landmark_labels
from models.training.fit import Schedule
from models.training.landmarker.recipe import LandmarkerRecipe, draft_manifest, restore_network, train_landmarker
from tests.models.training.data.tiny_garments import write_tees

SMALL = LandmarkerRecipe(
    width=16, frozen_stages=12, batch_size=4, hand_repeats=1, schedule=Schedule(epochs=1, learning_rate=1e-3)
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Painted tees with their labels."""
    folder = tmp_path_factory.mktemp("tees")
    write_tees(folder)
    derive_landmark_labels(folder, folder / "labels.jsonl", processes=1)
    return folder


def test_a_run_watches_calibration_and_continues_where_it_stopped(root: Path, tmp_path: Path) -> None:
    """One epoch, then one more; each is measured on the contributor set aside. Others do not go on with it."""
    first = train_landmarker(root, root / "labels.jsonl", tmp_path, SMALL)
    assert first.epoch == 1
    longer = replace(SMALL, schedule=replace(SMALL.schedule, epochs=2))
    second = train_landmarker(root, root / "labels.jsonl", tmp_path, longer)
    assert second.epoch == 2
    assert second.history[0] == first.history[0]
    assert all(0 < epoch["calibration_error"] < 1 for epoch in second.history)
    _, restored = restore_network(tmp_path, longer)
    assert restored.epoch == 2
    for other in (replace(longer, width=24), replace(longer, hand_repeats=2)):
        with pytest.raises(AnotherRun):
            train_landmarker(root, root / "labels.jsonl", tmp_path, other)
    fewer = tmp_path / "fewer.jsonl"
    fewer.write_text("".join((root / "labels.jsonl").read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(AnotherRun, match="labels is"):
        train_landmarker(root, fewer, tmp_path, longer)


def test_the_draft_manifest_names_what_was_not_trained() -> None:
    """No bottoms were labelled; serving must be able to say so."""
    manifest = draft_manifest(SMALL, Progress())
    assert set(manifest.untrained) == {"shorts", "trousers", "skirt"}
    assert manifest.training.recipe["width"] == 16
    assert 0 < manifest.extra["visible_peak"] < 1
