"""Mean squared error between predicted maps and Gaussians at the labelled places.

Source: PS-Net, section 4 (MSE on Gaussian heatmaps). B batch, K landmark channels, H W rows and columns of the map.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.training.landmarker.network import MAP_SIDE

SIGMA = 1.5
"""Standard deviation of a target, in map pixels (6 px of the crop)."""


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkBatch:
    """Normalised `pictures` (B, 3, H, W) and, in map pixels, each landmark's place in `places` (B, K, 2).

    `weights` (B, K) 0 leaves a channel out; `present` (B, K) 0 asks for an empty map: the landmark is absent.
    """

    pictures: Tensor
    places: Tensor
    weights: Tensor
    present: Tensor


def gaussian_maps(places_BK2: Tensor, side: int = MAP_SIDE, sigma: float = SIGMA) -> Tensor:
    """(B, K, side, side), each with a peak of 1; a place at x, y lies in the pixel whose centre is at +0.5."""
    axis = torch.arange(side, dtype=places_BK2.dtype, device=places_BK2.device) + 0.5
    bells = torch.exp(-((axis - places_BK2[..., None]) ** 2) / (2 * sigma**2))
    across_BKW, down_BKH = bells[:, :, 0], bells[:, :, 1]
    return down_BKH[..., :, None] * across_BKW[..., None, :]


def landmark_loss(network: nn.Module, batch: LandmarkBatch) -> dict[str, Tensor]:
    """Squared error summed over a map and averaged over the weighted landmarks."""
    predicted_BKHW = network(batch.pictures).float()
    wanted_BKHW = gaussian_maps(batch.places) * batch.present[..., None, None]
    squares_BK = ((predicted_BKHW - wanted_BKHW) ** 2).sum(dim=(2, 3))
    return {"heatmaps": (squares_BK * batch.weights).sum() / batch.weights.sum().clamp(min=1e-6)}
