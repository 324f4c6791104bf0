"""The landmark network learns, is exported, and serves what it learnt."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.geometry import Box
from models.manifest import read_manifest
from models.taxonomy import LANDMARK_CHANNELS, Category
from models.training.checkpoint import Progress
from models.training.data.hand_landmarks import HandLandmarks
from models.training.fit import Schedule, fit
from models.training.landmarker.evaluate import jittered, point_errors
from models.training.landmarker.export import export_landmarker
from models.training.landmarker.network import LandmarkNetwork
from models.training.landmarker.objective import landmark_loss
from models.training.landmarker.recipe import LandmarkerRecipe, build_network, restore_network
from models.types import Landmarks
from tests.models.training.landmarker.made_pictures import map_gap, random_batch

SMALL = LandmarkerRecipe(width=16, frozen_stages=3)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Progress]:
    """Two epochs of three steps on one batch."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("landmarker")
    network = LandmarkNetwork(width=SMALL.width, frozen_stages=SMALL.frozen_stages)
    schedule = Schedule(epochs=2, learning_rate=2e-3, warmup_steps=1)
    batch = random_batch()
    progress = fit(network, lambda _: [batch] * 3, landmark_loss, schedule, folder, steps_per_epoch=3, decided_by={})
    return folder, progress


@pytest.mark.parametrize(
    "recipe",
    [LandmarkerRecipe(width=16, laterals=False), LandmarkerRecipe("hrnet_w18_small", width=16, frozen_stages=0)],
    ids=["simple baseline", "HRNet"],
)
def test_baselines_are_of_the_same_harness(recipe: LandmarkerRecipe) -> None:
    """The same maps, the same objective, and gradients all the way."""
    network = build_network(recipe, pretrained=False).train()
    batch = random_batch()
    losses = landmark_loss(network, batch)
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert network(batch.pictures).shape == (2, LANDMARK_CHANNELS, 56, 56)
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
    assert any("lateral" in name for name, _ in network.named_parameters()) is recipe.laterals


def test_maps_have_a_quarter_of_the_crops_side() -> None:
    """81 maps of 56×56 for a crop of 224×224."""
    network = LandmarkNetwork(width=16, pretrained=False).eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 224, 224)).shape == (2, LANDMARK_CHANNELS, 56, 56)


def test_learning_lowers_the_loss_and_leaves_the_frozen_front_alone(checkpoint: tuple[Path, Progress]) -> None:
    """A few steps on one batch already help; ImageNet's first stages stay what they were."""
    folder, progress = checkpoint
    assert progress.history[1]["heatmaps"] < progress.history[0]["heatmaps"]
    learnt, _ = restore_network(folder, SMALL)
    fresh = LandmarkNetwork(width=16, frozen_stages=3)
    before, after = fresh.state_dict(), learnt.state_dict()
    stem = [name for name in before if name.startswith("trunk.stem")]
    assert stem and all(torch.equal(before[name], after[name]) for name in stem)
    assert not torch.equal(before["maps.weight"], after["maps.weight"])


def test_the_exported_file_draws_the_maps_that_torch_does(checkpoint: tuple[Path, Progress], tmp_path: Path) -> None:
    """Half-precision storage moves no map by a hundredth of its peak, for batches of one and two."""
    folder, _ = checkpoint
    out = tmp_path / "landmarker.onnx"
    manifest = export_landmarker(folder, out, recipe=SMALL, remark="short")
    assert read_manifest(out.with_suffix(".json")) == manifest
    assert manifest.training.recipe["remark"] == "short"
    network, _ = restore_network(folder, SMALL)
    pictures = random_batch().pictures.numpy()
    assert map_gap(network, out, pictures) < 0.01
    assert map_gap(network, out, pictures[:1]) < 0.01
    assert map_gap(LandmarkNetwork(width=16, frozen_stages=3), out, pictures) > 0.01


def test_weights_are_stored_in_half_precision(checkpoint: tuple[Path, Progress], tmp_path: Path) -> None:
    """The file is little more than two bytes a parameter."""
    out = tmp_path / "landmarker.onnx"
    export_landmarker(checkpoint[0], out, recipe=SMALL)
    network, _ = restore_network(checkpoint[0], SMALL)
    assert out.stat().st_size < 2.3 * sum(p.numel() for p in network.parameters())


def test_an_error_is_measured_over_visible_points_in_diagonals() -> None:
    """Two slots stand for a key by their middle; hidden points do not count."""
    slots = {Category.VEST: {"waist_left": (8, 9), "neck_left": (1,)}}
    points = {"waist_left": (30.0, 50.0, 2), "neck_left": (0.0, 0.0, 1)}
    hand = HandLandmarks("a", Category.VEST, "front", True, Box(0, 0, 30, 40), points)
    places = np.zeros((15, 2))
    places[8], places[9] = (20, 50), (30, 50)
    found = Landmarks(Category.VEST, places, np.ones(15), np.ones(15))
    assert point_errors(hand, found, slots) == {"waist_left": pytest.approx(5 / 50)}


def test_a_jittered_box_stays_near_its_own() -> None:
    """Each side moves by at most its share of the box."""
    box = Box(10, 20, 110, 220)
    random = np.random.default_rng(0)
    moved = np.stack([jittered(box, random, 0.04).as_array() - box.as_array() for _ in range(200)])
    assert np.abs(moved[:, 0::2]).max() <= 4.0 and np.abs(moved[:, 1::2]).max() <= 8.0
    assert np.abs(moved).max() > 4.0
