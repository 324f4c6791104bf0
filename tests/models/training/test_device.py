"""Training goes where the network lies: what makes a tensor elsewhere would fail on a GPU, and is found without one."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from models.training.device import device_of, fastest_device, placed
from models.training.landmarker.network import MAP_SIDE
from models.training.landmarker.objective import LandmarkBatch, landmark_loss

ELSEWHERE = torch.device("meta")
"""A device without memory: a tensor that is made there cannot be reckoned with one that lies here."""


@dataclass(frozen=True, slots=True)
class Batch:
    pictures: Tensor
    targets: list[dict[str, Tensor]]


def test_a_batch_follows_with_all_it_holds() -> None:
    """Dataclasses, lists, tuples and dicts, however they lie in each other; what is no tensor stays."""
    batch = (Batch(torch.ones(2), [{"boxes": torch.ones(1)}]), "name", 3)
    moved, name, number = placed(batch, ELSEWHERE)
    assert (name, number) == ("name", 3)
    assert moved.pictures.device == moved.targets[0]["boxes"].device == ELSEWHERE
    assert batch[0].pictures.device.type == "cpu"


def test_a_gpu_is_taken_where_torch_finds_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for found, kind in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=found: found)
        assert fastest_device().type == kind


def test_a_network_lies_where_its_parameters_do() -> None:
    assert device_of(nn.Linear(2, 2, device=ELSEWHERE)) == ELSEWHERE


def test_the_landmark_networks_loss_stays_where_the_network_lies() -> None:
    network = nn.Conv2d(3, 2, 1)
    batch = LandmarkBatch(
        torch.zeros(1, 3, MAP_SIDE, MAP_SIDE), torch.full((1, 2, 2), 9.0), torch.ones(1, 2), torch.ones(1, 2)
    )
    with ELSEWHERE:
        loss = landmark_loss(network, batch)["heatmaps"]
    assert loss.device.type == "cpu"
