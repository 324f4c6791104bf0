"""Scores and rows of the report on vectors made by hand."""

import numpy as np
import pytest

from models.benchmark.embeddings import Embedded, pooled, score_all
from models.benchmark.table import ALL, Trial, measure_method
from models.weighting import RegionWeights


def embedded(owners: list[str], directions: list[int], missing: int | None = None) -> Embedded:
    """Garments whose regions all point along one axis; `missing` names a region that none of them shows."""
    vectors = np.zeros((len(owners), 2, 5, 8), dtype=np.float32)
    for row, axis in enumerate(directions):
        vectors[row, :, :, axis] = 1
    if missing is not None:
        vectors[:, :, missing] = 0
    return Embedded(vectors, np.array(owners), np.array(["t_shirt"] * len(owners)))


def test_a_missing_region_is_left_out_of_the_score() -> None:
    """As in serving: weights are brought to sum 1 over what both show."""
    gallery = embedded(["a", "b"], [0, 1], missing=3)
    scores = score_all(embedded(["q"], [0]).vectors[0], gallery, RegionWeights.equal().values)
    assert scores == pytest.approx([1.0, 0.0])


def test_a_photo_without_a_garment_finds_nothing() -> None:
    """Its zero rows compare with nothing."""
    scores = score_all(np.zeros((2, 5, 8), np.float32), embedded(["a"], [0]), RegionWeights.equal().values)
    assert scores == pytest.approx([-1.0])


def test_found_copies_count_in_every_figure() -> None:
    """Each copy equals its original and no stranger does; one copy of b was seen as a stranger."""
    trial = Trial(embedded(["a", "b"], [0, 1]), embedded(["a", "b"], [0, 5]), embedded(["s"], [5]))
    figures = measure_method("pooled", trial, None)[0]
    assert figures.group == ALL
    assert figures.figures["top-1"].value == 0.5
    assert figures.figures["mAP"].value == pytest.approx((1 + 0.5) / 2)
    assert np.linalg.norm(pooled(trial.copies).vectors, axis=3) == pytest.approx(np.ones((2, 2, 5)))
