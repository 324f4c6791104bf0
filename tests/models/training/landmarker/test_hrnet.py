"""HRNet by configuration: from random weights it learns, is exported, and serves what it learnt."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.manifest import read_manifest
from models.runtime.landmarker import LandmarkEstimator
from models.runtime.session import OnnxSession
from models.training.checkpoint import Progress
from models.training.fit import Schedule, fit, seed_everything
from models.training.landmarker.evaluate import TorchSession
from models.training.landmarker.export import export_landmarker
from models.training.landmarker.objective import landmark_loss
from models.training.landmarker.recipe import LandmarkerRecipe, build_network, restore_network
from models.training.quicken import FrozenStage
from tests.models.training.landmarker.made_pictures import garments, map_gap, random_batch

TRUNK = "hrnet_w18_small"
DEBUG = LandmarkerRecipe(
    TRUNK,
    width=16,
    frozen_stages=0,
    from_scratch=True,
    schedule=Schedule(epochs=2, learning_rate=2e-3, warmup_steps=1),
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Progress]:
    """Two epochs of three steps on one batch."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("hrnet")
    seed_everything(5)
    network, batch = build_network(DEBUG).to(memory_format=torch.channels_last), random_batch()
    progress = fit(
        network, lambda _: [batch] * 3, landmark_loss, DEBUG.schedule, folder, steps_per_epoch=3, decided_by={}
    )
    return folder, progress


def test_from_random_weights_it_learns_from_its_first_convolution_on(checkpoint: tuple[Path, Progress]) -> None:
    """The loss falls within a few steps; nothing stands still, and batch statistics are learnt, not kept."""
    folder, progress = checkpoint
    assert progress.history[1]["heatmaps"] < progress.history[0]["heatmaps"]
    seed_everything(5)
    before, after = build_network(DEBUG).state_dict(), restore_network(folder, DEBUG)[0].state_dict()
    still = [name for name, tensor in before.items() if torch.equal(tensor, after[name])]
    assert still == []


def test_serving_places_the_landmarks_where_torch_does(checkpoint: tuple[Path, Progress], tmp_path: Path) -> None:
    """Through the serving class, from the exported file: the same maps, peaks and points."""
    folder, _ = checkpoint
    out = tmp_path / "landmarker.onnx"
    manifest = export_landmarker(folder, out, recipe=DEBUG)
    assert read_manifest(out.with_suffix(".json")) == manifest
    assert manifest.training.started_from == "random weights"
    network, _ = restore_network(folder, DEBUG)
    assert map_gap(network, out, random_batch().pictures.numpy()) < 0.01
    assert map_gap(build_network(DEBUG), out, random_batch().pictures.numpy()) > 0.01
    served, ours = (
        LandmarkEstimator(session, manifest).estimate(garments())
        for session in (OnnxSession(out), TorchSession(network))
    )
    apart_px = []
    for theirs, own in zip(served, ours, strict=True):
        assert theirs.confidence == pytest.approx(own.confidence, abs=1e-3)
        apart_px.extend(np.linalg.norm(theirs.points_xy - own.points_xy, axis=1))
    # Of two peaks alike in height, rounding may pick the other.
    assert np.mean(np.array(apart_px) < 0.1) > 0.9


def test_pretrained_its_stem_and_first_layer_can_be_frozen() -> None:
    """The default's five stages are those at one resolution; all that follows learns."""
    network = build_network(LandmarkerRecipe(TRUNK, width=16), pretrained=False)
    learning = {name.split(".")[2] for name, p in network.named_parameters() if "trunk" in name and p.requires_grad}
    assert learning == {"transition1", "stage2", "transition2", "stage3", "transition3", "stage4", "incre_modules"}
    network.train()
    losses = landmark_loss(network, random_batch())
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert all((p.grad is not None) is p.requires_grad for p in network.parameters())


def test_where_nothing_is_frozen_no_part_runs_without_gradients() -> None:
    """An activation has no parameters, and is no frozen stage for that."""
    network = build_network(LandmarkerRecipe(TRUNK, width=16, frozen_stages=0), pretrained=False)
    assert not [name for name, module in network.named_modules() if isinstance(module, FrozenStage)]
