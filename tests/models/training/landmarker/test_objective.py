"""Targets and the loss of the landmark network."""

import pytest
import torch
from torch import nn

from models.runtime.landmarker import read_heatmaps
from models.training.landmarker.objective import LandmarkBatch, gaussian_maps, landmark_loss


class Fixed(nn.Module):
    """Answers every picture with the same maps."""

    def __init__(self, maps: torch.Tensor) -> None:
        super().__init__()
        self.maps = maps

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        return self.maps


def batch(weights: list[float], present: list[float]) -> LandmarkBatch:
    places = torch.tensor([[[10.0, 20.0], [30.5, 40.5]]])
    return LandmarkBatch(torch.zeros(1, 3, 8, 8), places, torch.tensor([weights]), torch.tensor([present]))


def test_a_target_is_read_back_where_it_was_put() -> None:
    """Training's targets and serving's reading share one frame, to a hundredth of a map pixel."""
    places = torch.tensor([[[10.3, 20.8], [41.5, 7.25]]])
    found, peaks = read_heatmaps(gaussian_maps(places)[0].numpy())
    assert found == pytest.approx(places[0].numpy(), abs=0.01)
    assert peaks.max() <= 1.0


def test_perfect_maps_cost_nothing() -> None:
    """Gaussians where the landmarks are, nothing where one is absent."""
    maps = gaussian_maps(torch.tensor([[[10.0, 20.0], [30.5, 40.5]]]))
    maps[:, 1] = 0
    assert float(landmark_loss(Fixed(maps), batch([1.0, 1.0], [1.0, 0.0]))["heatmaps"]) == pytest.approx(0.0)


def test_a_landmark_without_weight_is_not_learnt_from() -> None:
    """Whatever its map shows costs nothing."""
    maps = gaussian_maps(torch.tensor([[[10.0, 20.0], [1.0, 1.0]]]))
    maps[:, 1] = 5.0
    assert float(landmark_loss(Fixed(maps), batch([1.0, 0.0], [1.0, 1.0]))["heatmaps"]) == pytest.approx(0.0)


def test_a_peak_for_an_absent_landmark_costs_its_energy() -> None:
    """Half of the weight on an empty map that was drawn full gives half of the Gaussian's energy."""
    maps = gaussian_maps(torch.tensor([[[10.0, 20.0], [30.5, 40.5]]]))
    energy = float((maps[0, 1] ** 2).sum())
    loss = landmark_loss(Fixed(maps), batch([1.0, 1.0], [1.0, 0.0]))["heatmaps"]
    assert float(loss) == pytest.approx(energy / 2, rel=1e-5)


def test_a_batch_in_which_nothing_is_placed_costs_nothing() -> None:
    """No weight at all is no division by zero."""
    maps = torch.zeros(1, 2, 56, 56)
    assert float(landmark_loss(Fixed(maps), batch([0.0, 0.0], [1.0, 1.0]))["heatmaps"]) == 0.0
