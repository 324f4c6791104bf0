"""The detector's losses: sets of categories, and boxes that count only where a garment is."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from models.taxonomy import Category
from models.training.detector.admissible import (
    ANY_GARMENT,
    OF_GARMENT_LABEL,
    OF_STREET_CLASS,
)
from models.training.detector.objective import head_losses, label_of, set_cross_entropy


@given(seed=st.integers(0, 1000))
def test_a_set_of_one_costs_what_cross_entropy_does(seed: int) -> None:
    """Exactly labelled garments are learnt from as everywhere else."""
    torch.manual_seed(seed)
    logits, classes = torch.randn(5, 14), torch.randint(0, 14, (5,))
    labels = torch.tensor([0 if c == 0 else label_of(frozenset({list(Category)[c - 1]})) for c in classes])
    assert set_cross_entropy(logits, labels).item() == pytest.approx(
        functional.cross_entropy(logits, classes).item(), rel=1e-5
    )


def test_any_admissible_category_satisfies_a_coarse_label() -> None:
    """A network sure of a short sleeve and one sure of a long sleeve are both right about a "shirt"."""
    label = torch.tensor([label_of(OF_GARMENT_LABEL["Shirt"])])
    for sure_of in (Category.SHORT_SLEEVE_TOP, Category.LONG_SLEEVE_TOP):
        logits = torch.zeros(1, 14)
        logits[0, sure_of.df2_id] = 20
        assert set_cross_entropy(logits, label).item() < 1e-3
    logits = torch.zeros(1, 14)
    logits[0, Category.SKIRT.df2_id] = 20
    assert set_cross_entropy(logits, label).item() > 10


def test_a_coarse_label_pulls_towards_its_likeliest_category() -> None:
    """The gradient lifts what the network already leans to, and never the categories outside the set."""
    logits = torch.zeros(1, 14)
    logits[0, Category.LONG_SLEEVE_TOP.df2_id] = 1.0
    logits.requires_grad_()
    set_cross_entropy(logits, torch.tensor([label_of(OF_GARMENT_LABEL["Longsleeve"])])).backward()
    assert logits.grad is not None
    pulls = -logits.grad[0]
    assert pulls[Category.LONG_SLEEVE_TOP.df2_id] > pulls[Category.LONG_SLEEVE_OUTWEAR.df2_id] > 0
    assert pulls[Category.SKIRT.df2_id] < 0


def test_boxes_of_the_background_cost_nothing() -> None:
    """Only a proposal that holds a garment has a box to be wrong about."""
    logits, boxes, wanted = torch.zeros(2, 14), torch.tensor([[9.0] * 4, [0.5] * 4]), torch.zeros(2, 4)
    nothing = head_losses(logits, boxes, torch.tensor([0, 0]), wanted)
    garment = head_losses(logits, boxes, torch.tensor([0, label_of(ANY_GARMENT)]), wanted)
    assert nothing["box"].item() == 0
    assert 0 < garment["box"].item() < 5


def test_every_coarse_label_admits_something() -> None:
    """An empty set would make the loss infinite."""
    assert all(OF_GARMENT_LABEL.values()) and all(OF_STREET_CLASS.values())
