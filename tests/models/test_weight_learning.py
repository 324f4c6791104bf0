"""Region weights learnt by coordinate ascent."""

from pathlib import Path

import numpy as np
import pytest

import models
from models.errors import InvalidValue
from models.evidence import Evidence
from models.taxonomy import RegionName, WeightGroup
from models.weight_learning import LEAST_TRIPLETS, Triplets, ascend, learn_weights, triplets_of
from models.weighting import RegionWeights, read_weight_table, write_weight_table

HAND = read_weight_table(Path(models.__file__).parent / "weights" / "region_weights.json")


def telling(row: int, count: int = 300, seed: int = 0) -> Triplets:
    """Copies and look-alikes that differ in one region and agree by chance in the others."""
    rng = np.random.default_rng(seed)
    positive, negative = rng.uniform(0.3, 0.9, (2, count, 5))
    positive[:, row], negative[:, row] = rng.uniform(0.7, 1.0, count), rng.uniform(0.0, 0.5, count)
    return Triplets(positive, negative)


def evidence_of(triplets: Triplets, group: WeightGroup) -> Evidence:
    """A query for each triplet: its original first, then the look-alike."""
    rows = 2 * len(triplets)
    cosines = np.empty((rows, 5), np.float32)
    cosines[0::2], cosines[1::2] = triplets.positive, triplets.negative
    empty = np.zeros((rows, 5), np.float32)
    original = np.arange(rows) % 2 == 0
    return Evidence(
        query=(np.arange(rows) // 2).astype(np.int32), group=np.array([group.value] * rows), copied=np.ones(rows, bool),
        original=original, altered=empty > 0, cosines=cosines, shifts=empty, colours=empty[:, 0],
        ours=empty, theirs=empty, absent=empty > 0,
    )  # fmt: skip


@pytest.mark.parametrize("row", range(3))
def test_the_region_that_tells_gets_most_of_the_weight(row: int) -> None:
    """The others agree with look-alikes as often as with copies."""
    learnt = ascend(telling(row))
    assert learnt.values.argmax() == row
    assert learnt.values[row] > 0.5


def test_both_sleeves_weigh_alike() -> None:
    """Whichever of them tells: matches may be mirrored."""
    learnt = ascend(telling(RegionName.LEFT_SLEEVE.row)).values
    assert learnt[3] == pytest.approx(learnt[4])
    assert learnt[3] == learnt.max()


def test_learnt_weights_are_never_worse_than_equal_ones() -> None:
    """A step is kept only if the loss falls."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        noise = Triplets(*rng.uniform(-1, 1, (2, 50, 5)))
        assert noise.loss(ascend(noise).values) <= noise.loss(RegionWeights.equal().values) + 1e-12


def test_missing_regions_are_left_out_of_the_loss() -> None:
    """A vest has no sleeves; its other regions decide."""
    triplets = telling(1)
    bare = Triplets(
        np.where(np.arange(5) > 2, np.nan, triplets.positive), np.where(np.arange(5) > 2, np.nan, triplets.negative)
    )
    assert np.isfinite(bare.loss(RegionWeights.equal().values))
    assert ascend(bare).values.argmax() == 1


def test_a_copy_that_differs_in_one_region_counts_less() -> None:
    """The paper's α: it is a copy by definition."""
    one, none = np.full((1, 5), 0.9), np.full((1, 5), 0.9)
    one[0, 2] = 0.1
    assert Triplets(one, one).importance()[0] < Triplets(none, none).importance()[0]


def test_triplets_pair_each_original_with_the_look_alikes_beside_it() -> None:
    """Of the asked groups only."""
    made = evidence_of(telling(0, 20), WeightGroup.DRESS)
    assert len(triplets_of(made, frozenset({"dress"}))) == 20
    assert len(triplets_of(made, frozenset({"t_shirt"}))) == 0
    assert triplets_of(made, frozenset({"dress"})).positive == pytest.approx(telling(0, 20).positive, abs=1e-6)


def test_each_group_learns_its_own_where_it_can_and_bottoms_keep_theirs(tmp_path: Path) -> None:
    """A table that reads back as it was written."""
    learnt = learn_weights(evidence_of(telling(1, LEAST_TRIPLETS), WeightGroup.DRESS), HAND, "learned-test")
    assert learnt.of(WeightGroup.DRESS).values.argmax() == RegionName.CHEST.row
    assert learnt.of(WeightGroup.T_SHIRT).values == pytest.approx(learnt.of(WeightGroup.DRESS).values)
    assert learnt.of(WeightGroup.BOTTOM).values == pytest.approx(HAND.of(WeightGroup.BOTTOM).values)
    write_weight_table(learnt, "a test", tmp_path / "weights.json")
    again = read_weight_table(tmp_path / "weights.json")
    assert again.version == "learned-test"
    assert again.of(WeightGroup.DRESS).values == pytest.approx(learnt.of(WeightGroup.DRESS).values, abs=1e-3)


def test_without_copies_nothing_is_learnt() -> None:
    """Equal weights are no answer to no question."""
    with pytest.raises(InvalidValue):
        learn_weights(evidence_of(telling(0, 0), WeightGroup.DRESS), HAND, "none")
