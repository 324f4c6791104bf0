"""Region-wise triplet loss with negatives mined in the batch and a memory of earlier batches.

PS-Net sums max(D(I, I⁺) − D(I, I⁻) + m, 0) over regions. Here the negatives of a pair are weighted by how hard they
are (a soft maximum of the hinges), so that every anchor learns from its hardest strangers without being led by noise.
A copy's altered region is a negative of the original's same region and of nothing else; its other regions stay
positives. A second term asks for cosines on an absolute scale, since one threshold a region serves all garments.
Shape suffixes: N views, K remembered views, R = 5 regions, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.taxonomy import REGION_COUNT

Losses = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Margins:
    """Cosine margins and shares of the loss terms; `temperature` says how sharply hard negatives stand out."""

    margin: float = 0.1
    temperature: float = 0.07
    agree_above: float = 0.8
    alter_below: float = 0.35
    absolute_share: float = 0.5
    garment_share: float = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """Renderings of garments. `garments` (N,) int: which photo; `designs` (N,): equal for photos of one design.

    `crops` (N, 3, 224, 224), `maps` (N, 81, 28, 28), `boxes` (N, 5, 4); `altered` bool (N, 5).
    """

    crops: Tensor
    maps: Tensor
    boxes: Tensor
    altered: Tensor
    garments: Tensor
    designs: Tensor

    @property
    def visible(self) -> Tensor:
        """bool (N, 5)."""
        return (self.boxes[..., 2:] - self.boxes[..., :2]).amin(dim=-1) > 0


class NegativeMemory:
    """The last `capacity` unaltered views, as strangers for the next batches: rows (K, 5, D), visible (K, 5)."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.rows = torch.zeros(0, REGION_COUNT, 1)
        self.visible = torch.zeros(0, REGION_COUNT, dtype=torch.bool)
        self.designs = torch.zeros(0, dtype=torch.long)

    def remember(self, rows_NRD: Tensor, visible_NR: Tensor, designs_N: Tensor) -> None:
        rows = rows_NRD.detach()
        earlier = self.rows if self.rows.shape[2] == rows.shape[2] else rows[:0]
        self.rows = torch.cat([earlier, rows])[-self._capacity :]
        self.visible = torch.cat([self.visible, visible_NR])[-self._capacity :]
        self.designs = torch.cat([self.designs, designs_N])[-self._capacity :]


class RegionTriplets:
    """The objective that `fit` calls: losses of a batch of `Views`."""

    def __init__(self, margins: Margins, memory: NegativeMemory | None = None) -> None:
        self._margins = margins
        self._memory = memory

    def __call__(self, network: nn.Module, views: Views) -> Losses:
        rows_NRD = network(views.crops, views.maps, views.boxes)
        losses = self.losses(rows_NRD, views)
        if self._memory is not None:
            plain = ~views.altered.any(dim=1)
            self._memory.remember(rows_NRD[plain], views.visible[plain], views.designs[plain])
        return losses

    def losses(self, rows_NRD: Tensor, views: Views) -> Losses:
        count = rows_NRD.shape[0]
        same_NN = (views.garments[:, None] == views.garments) & ~torch.eye(count, dtype=torch.bool)
        rows_MRD, visible_MR, stranger_NM = self._with_memory(rows_NRD, views)
        cosines_RNM = torch.einsum("nrd,mrd->rnm", rows_NRD, rows_MRD)
        altered_R1N, visible_RN = views.altered.T[:, None, :], views.visible.T
        both_RNM = visible_RN[:, :, None] & visible_MR.T[:, None, :]
        touched_RNN = views.altered.T[:, :, None] | altered_R1N
        positive_RNN = same_NN & ~touched_RNN & both_RNM[..., :count]
        altered_RNN = same_NN & touched_RNN & both_RNM[..., :count]
        negative_RNM = stranger_NM & both_RNM
        negative_RNM[..., :count] |= altered_RNN
        triplet = self._triplets(cosines_RNM, positive_RNN, negative_RNM)
        within_RNN = cosines_RNM[..., :count]
        absolute = _mean(functional.relu(self._margins.agree_above - within_RNN), positive_RNN)
        absolute = absolute + _mean(functional.relu(within_RNN - self._margins.alter_below), altered_RNN)
        compared_NM = both_RNM.sum(dim=0).clamp(min=1)
        score_NM = (cosines_RNM * both_RNM).sum(dim=0) / compared_NM
        garment = self._triplets(score_NM[None], same_NN[None], stranger_NM[None])
        return {
            "triplet": triplet,
            "absolute": self._margins.absolute_share * absolute,
            "garment": self._margins.garment_share * garment,
        }

    def _with_memory(self, rows_NRD: Tensor, views: Views) -> tuple[Tensor, Tensor, Tensor]:
        rows, visible, designs = rows_NRD, views.visible, views.designs
        if self._memory is not None and len(self._memory.designs):
            rows = torch.cat([rows, self._memory.rows])
            visible = torch.cat([visible, self._memory.visible])
            designs = torch.cat([designs, self._memory.designs])
        return rows, visible, views.designs[:, None] != designs

    def _triplets(self, cosines_XNM: Tensor, positive_XNN: Tensor, negative_XNM: Tensor) -> Tensor:
        """Mean over positive pairs of the soft maximum, over negatives, of cos⁻ − cos⁺ + m, bounded below by 0."""
        heat = self._margins.temperature
        hardness = (cosines_XNM / heat).masked_fill(~negative_XNM, float("-inf"))
        hardest_XN1 = torch.logsumexp(torch.cat([hardness, torch.full_like(hardness[..., :1], -1e4)], -1), -1, True)
        positive = cosines_XNM[..., : positive_XNN.shape[-1]] / heat
        return heat * _mean(functional.softplus(hardest_XN1 - positive + self._margins.margin / heat), positive_XNN)


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
