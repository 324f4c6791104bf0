"""What the detector is punished for: a category outside the admissible set, and a box beside the garment."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.taxonomy import Category
from models.training.detector.admissible import Admissible

Targets = list[dict[str, Tensor]]
"""A picture each: `boxes` float32 (G, 4) in input pixels and `labels` int64 (G,), bit sets made by `label_of`."""

BOX_WEIGHT = 2.0


def label_of(admissible: Admissible) -> int:
    """The set as bits, category n (1..13) at bit n - 1; 0 is the background, as torchvision's sampling expects."""
    return sum(1 << (category.df2_id - 1) for category in admissible)


def head_losses(logits_PK: Tensor, boxes_P4: Tensor, labels_P: Tensor, corrections_P4: Tensor) -> dict[str, Tensor]:
    """The box head's losses on sampled proposals; box losses count on those that hold a garment."""
    held = labels_P > 0
    box = functional.smooth_l1_loss(boxes_P4[held], corrections_P4[held], beta=1 / 9, reduction="sum")
    return {
        "category": set_cross_entropy(logits_PK, labels_P),
        "box": BOX_WEIGHT * box / max(1, labels_P.numel()),
    }


def set_cross_entropy(logits_PK: Tensor, labels_P: Tensor) -> Tensor:
    """Mean of −log Σ p(category) over the admissible ones; plain cross entropy where a set has one member.

    `logits_PK` has the background at 0; `labels_P` holds bit sets, 0 for the background.
    """
    bits = torch.arange(len(Category), device=labels_P.device)
    admits = torch.cat([(labels_P == 0)[:, None], (labels_P[:, None] >> bits & 1).bool()], dim=1)
    log_p = functional.log_softmax(logits_PK, dim=1)
    return -log_p.masked_fill(~admits, float("-inf")).logsumexp(dim=1).mean()


def detector_objective(network: torch.nn.Module, batch: Any) -> dict[str, Tensor]:
    """`fit`'s objective: a batch is (pictures (B, 3, S, S), Targets)."""
    pictures, targets = batch
    losses: dict[str, Tensor] = network(pictures, targets)
    return losses
