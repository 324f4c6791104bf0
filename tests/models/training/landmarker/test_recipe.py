"""A whole training run on painted tees: labels, epochs, a checkpoint, and a run that continues."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.errors import AnotherRun, InvalidValue
from models.manifest import read_manifest
from models.training.checkpoint import Progress
from models.training.data.landmark_labels import derive_landmark_labels, read_landmark_labels
from models.training.fit import Schedule, fit, seed_everything
from models.training.landmarker.augmentation import Augmentation
from models.training.landmarker.dataset import LandmarkDataset, load_sample
from models.training.landmarker.objective import landmark_loss
from models.training.landmarker.recipe import (
    LandmarkerRecipe,
    build_network,
    draft_manifest,
    restore_network,
    train_landmarker,
)
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


def test_a_manifest_tells_what_the_trunk_started_from() -> None:
    """ImageNet by way of whom, or nothing; the shipped one says the same, though its recipe is of fewer fields."""
    scratch = LandmarkerRecipe("hrnet_w18_small", frozen_stages=0, from_scratch=True)
    recipes = (SMALL, LandmarkerRecipe("hrnet_w18_small"), scratch)
    lite0, hrnet, random = (draft_manifest(recipe, Progress()).training.started_from for recipe in recipes)
    assert lite0 == read_manifest(Path("models/weights/landmarker.json")).training.started_from
    assert hrnet == "timm's weights (hrnet_w18_small.gluon_in1k)"
    assert random == "random weights"


def test_nothing_is_frozen_that_never_learnt() -> None:
    """Random stages that stay random would be a defect."""
    with pytest.raises(InvalidValue, match="from scratch"):
        replace(SMALL, from_scratch=True)


def test_one_batch_is_learnt_by_heart(root: Path, tmp_path: Path) -> None:
    """The wiring learns: crops, targets and gradients belong together."""
    torch.set_num_threads(1)
    samples = [load_sample(root, label) for label in read_landmark_labels(root / "labels.jsonl")[:2]]
    (batch,) = LandmarkDataset(samples, Augmentation(), seed=1).batches(0, 2)
    schedule = Schedule(epochs=6, learning_rate=4e-3, trunk_share=0.1, warmup_steps=6)
    seed_everything(schedule.seed)
    network = build_network(LandmarkerRecipe(width=32)).to(memory_format=torch.channels_last)
    progress = fit(network, lambda _: [batch] * 8, landmark_loss, schedule, tmp_path, steps_per_epoch=8, decided_by={})
    assert progress.history[-1]["heatmaps"] < 0.35 * progress.history[0]["heatmaps"]
