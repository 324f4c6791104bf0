"""Corrects what the training mix taught about how frequent each weight group is.

Streets are full of jackets and the contributors sent T-shirts more than anything; strangers' photos (the calibration
fold) are mixed otherwise. One offset a group, fitted there and added to the category logits, makes up for it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize

from models.taxonomy import Category, WeightGroup
from models.training.detector.network import GarmentFasterRCNN

Offsets = dict[WeightGroup, float]

SHRINKAGE = 2.0
"""Weight of the squared offsets against the log-likelihood: few photos, few liberties."""
_GROUPS = tuple(WeightGroup)


def fit_group_offsets(scores_N13: npt.ArrayLike, groups: list[WeightGroup]) -> Offsets:
    """Offsets that make the true groups likeliest, given the best proposal's category scores of N garments."""
    member_13G = np.array([[category.group is group for group in _GROUPS] for category in Category], dtype=np.float64)
    log_p_NG = np.log(np.asarray(scores_N13, dtype=np.float64) @ member_13G + 1e-4)
    truth_N = np.array([_GROUPS.index(group) for group in groups])

    def cost(offsets_G: npt.NDArray[np.float64]) -> float:
        shifted = log_p_NG + offsets_G
        log_sum = np.logaddexp.reduce(shifted, axis=1)
        likelihood = (shifted[np.arange(len(truth_N)), truth_N] - log_sum).sum()
        return float(SHRINKAGE * (offsets_G**2).sum() - likelihood)

    fitted = minimize(cost, np.zeros(len(_GROUPS))).x
    return {group: float(offset) for group, offset in zip(_GROUPS, fitted, strict=True)}


def apply_group_offsets(network: GarmentFasterRCNN, offsets: Offsets) -> None:
    """Add the offsets to the biases of the categories, in place; the background keeps its own."""
    shift = torch.tensor([0.0, *(offsets[category.group] for category in Category)])
    with torch.no_grad():
        network.heads.box_predictor.category.bias += shift
