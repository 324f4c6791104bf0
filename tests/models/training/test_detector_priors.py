"""Offsets that make up for a training mix unlike what strangers send."""

import numpy as np
import pytest
import torch

from models.taxonomy import Category, WeightGroup
from models.training.detector.network import Architecture, GarmentFasterRCNN
from models.training.detector.priors import apply_group_offsets, fit_group_offsets


def test_a_group_named_too_often_is_held_back() -> None:
    """Shirts that the network leans to call jackets, while jackets are named rightly: shirts gain on jackets."""
    scores = np.full((60, 13), 0.001)
    jacket, shirt = Category.LONG_SLEEVE_OUTWEAR.df2_id - 1, Category.LONG_SLEEVE_TOP.df2_id - 1
    scores[:, jacket], scores[:, shirt] = 0.55, 0.4
    scores[:15, jacket], scores[:15, shirt] = 0.95, 0.02
    truth = [WeightGroup.OUTERWEAR] * 15 + [WeightGroup.LONG_SLEEVE_TOP] * 45
    offsets = fit_group_offsets(scores, truth)
    gain = offsets[WeightGroup.LONG_SLEEVE_TOP] - offsets[WeightGroup.OUTERWEAR]
    assert gain > np.log(0.55 / 0.4)


def test_a_network_that_is_right_is_left_nearly_alone() -> None:
    """Nothing to make up for, nothing to offset."""
    scores = np.full((26, 13), 0.001)
    truth = [list(Category)[n % 13].group for n in range(26)]
    for n in range(26):
        scores[n, n % 13] = 0.98
    assert max(abs(offset) for offset in fit_group_offsets(scores, truth).values()) < 0.05


def test_offsets_move_the_categories_of_their_group_alone() -> None:
    """They end up in the biases that are exported; the background stays."""
    network = GarmentFasterRCNN(Architecture(pyramid_width=8, head_width=8), pretrained=False)
    bias = network.heads.box_predictor.category.bias
    before = bias.detach().clone()
    apply_group_offsets(network, dict.fromkeys(WeightGroup, 0.0) | {WeightGroup.DRESS: 0.7})
    moved = (bias.detach() - before).tolist()
    dresses = [1 + n for n, category in enumerate(Category) if category.group is WeightGroup.DRESS]
    assert [n for n, move in enumerate(moved) if move] == dresses
    assert torch.tensor(moved).max().item() == pytest.approx(0.7)
