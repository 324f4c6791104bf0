"""Region-wise triplet loss with negatives mined in the batch and a memory of earlier batches.

PS-Net sums max(D(I, I⁺) − D(I, I⁻) + m, 0) over regions. Here the negatives of a pair are weighted by how hard they
are (a soft maximum of the hinges), so that every anchor learns from its hardest strangers without being led by noise.
A copy's altered region is no positive of the original's; its other regions are. Two more terms: cosines on an
absolute scale, since one threshold a region serves all garments (altered below, agreeing above); the score over all
regions, by which a copy with altered regions must still find its garment; and the score of the three regions that agree
best, on which verdicts rest: no stranger should have three regions that agree. The first must not overdo it: an altered
region far below what strangers reach would drag the copy's score under theirs.
Shape suffixes: N views, K remembered views, R = 5 regions, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.taxonomy import REGION_COUNT

Losses = dict[str, Tensor]
LEAST_KEPT = 3
"""Regions that a copycat leaves alone: two of five may be altered."""


@dataclass(frozen=True, slots=True)
class Margins:
    """Cosine margins and shares of the loss terms; `temperature` says how sharply hard negatives stand out."""

    margin: float = 0.1
    temperature: float = 0.07
    agree_above: float = 0.85
    alter_below: float = 0.6
    absolute_share: float = 0.5
    garment_margin: float = 0.03
    garment_temperature: float = 0.03
    garment_share: float = 3.0
    spared_margin: float = 0.05
    spared_temperature: float = 0.04
    spared_share: float = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """Renderings of garments. `garments` (N,) int: which photo; `designs` (N,): equal for photos of one design.

    `crops` (N, 3, 288, 288), `maps` (N, 81, 36, 36), `boxes` (N, 5, 4); `altered` bool (N, 5).
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
        self.rows = torch.cat([earlier.to(rows.device), rows])[-self._capacity :]
        self.visible = torch.cat([self.visible.to(rows.device), visible_NR])[-self._capacity :]
        self.designs = torch.cat([self.designs.to(rows.device), designs_N])[-self._capacity :]


class RegionTriplets:
    """The objective that `fit` calls: losses of a batch of `Views`.

    `labelled` False is for rows that are no regions: which regions are there and altered is not told, so every row of a
    copy is a positive of the original's.
    """

    def __init__(self, margins: Margins, memory: NegativeMemory | None = None, *, labelled: bool = True) -> None:
        self._margins = margins
        self._memory = memory
        self._labelled = labelled

    def __call__(self, network: nn.Module, views: Views) -> Losses:
        rows_NRD = network(views.crops, views.maps, views.boxes)
        if not self._labelled:
            views = replace(views, altered=torch.zeros_like(views.altered), boxes=_full_boxes(views.boxes))
        losses = self.losses(rows_NRD, views)
        if self._memory is not None:
            plain = ~views.altered.any(dim=1)
            self._memory.remember(rows_NRD[plain], views.visible[plain], views.designs[plain])
        return losses

    def losses(self, rows_NRD: Tensor, views: Views) -> Losses:
        count = rows_NRD.shape[0]
        same_NN = (views.garments[:, None] == views.garments) & ~torch.eye(
            count, dtype=torch.bool, device=rows_NRD.device
        )
        rows_MRD, visible_MR, stranger_NM = self._with_memory(rows_NRD, views)
        cosines_RNM = torch.einsum("nrd,mrd->rnm", rows_NRD, rows_MRD)
        altered_R1N, visible_RN = views.altered.T[:, None, :], views.visible.T
        both_RNM = visible_RN[:, :, None] & visible_MR.T[:, None, :]
        touched_RNN = views.altered.T[:, :, None] | altered_R1N
        positive_RNN = same_NN & ~touched_RNN & both_RNM[..., :count]
        altered_RNN = same_NN & touched_RNN & both_RNM[..., :count]
        limits = self._margins
        triplet = soft_triplets(cosines_RNM, positive_RNN, stranger_NM & both_RNM, limits.margin, limits.temperature)
        within_RNN = cosines_RNM[..., :count]
        absolute = _mean(functional.relu(limits.agree_above - within_RNN), positive_RNN)
        absolute = absolute + _mean(functional.relu(within_RNN - limits.alter_below), altered_RNN)
        compared_NM = both_RNM.sum(dim=0).clamp(min=1)
        score_NM = (cosines_RNM * both_RNM).sum(dim=0) / compared_NM
        garment = soft_triplets(score_NM, same_NN, stranger_NM, limits.garment_margin, limits.garment_temperature)
        spared_NM = spared_scores(cosines_RNM, both_RNM)
        spared = soft_triplets(spared_NM, same_NN, stranger_NM, limits.spared_margin, limits.spared_temperature)
        return {
            "triplet": triplet,
            "absolute": limits.absolute_share * absolute,
            "garment": limits.garment_share * garment,
            "spared": limits.spared_share * spared,
        }

    def _with_memory(self, rows_NRD: Tensor, views: Views) -> tuple[Tensor, Tensor, Tensor]:
        rows, visible, designs = rows_NRD, views.visible, views.designs
        if self._memory is not None and len(self._memory.designs):
            rows = torch.cat([rows, self._memory.rows])
            visible = torch.cat([visible, self._memory.visible])
            designs = torch.cat([designs, self._memory.designs])
        return rows, visible, views.designs[:, None] != designs


def spared_scores(cosines_RNM: Tensor, both_RNM: Tensor) -> Tensor:
    """float (N, M): mean cosine of the regions that agree best, `LEAST_KEPT` of them or as many as are compared.

    0 where nothing is compared.
    """
    best_XNM = cosines_RNM.masked_fill(~both_RNM, float("-inf")).topk(LEAST_KEPT, dim=0).values
    kept_XNM = best_XNM > float("-inf")
    return best_XNM.masked_fill(~kept_XNM, 0.0).sum(dim=0) / kept_XNM.sum(dim=0).clamp(min=1)


def soft_triplets(
    cosines_XNM: Tensor, positive_XNN: Tensor, negative_XNM: Tensor, margin: float, temperature: float
) -> Tensor:
    """Mean over positive pairs of the soft maximum, over negatives, of cos⁻ − cos⁺ + margin, bounded below by 0."""
    hardness = (cosines_XNM / temperature).masked_fill(~negative_XNM, float("-inf"))
    none = torch.full_like(hardness[..., :1], -1e4)  # an anchor without negatives asks for nothing
    hardest_XN1 = torch.logsumexp(torch.cat([hardness, none], dim=-1), dim=-1, keepdim=True)
    positive = cosines_XNM[..., : positive_XNN.shape[-1]] / temperature
    return temperature * _mean(functional.softplus(hardest_XN1 - positive + margin / temperature), positive_XNN)


def _full_boxes(boxes_NR4: Tensor) -> Tensor:
    """Boxes none of which is empty."""
    return torch.zeros_like(boxes_NR4) + boxes_NR4.new_tensor([0.0, 0.0, 1.0, 1.0])


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
