"""Learnt weights are tried on pairs that they were not learnt from."""

from __future__ import annotations

import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.evidence import Evidence
from models.taxonomy import REGION_COUNT, RegionName, WeightGroup
from models.weight_learning import MOST_TRIPLETS, Triplets, ascend, triplets_across
from models.weight_trial import LEAST_HELD_OUT, LEAST_LEARNT, LEAST_SHARE, Outcome, PairCounts, try_weights
from models.weighting import RegionWeights

GROUP = WeightGroup.T_SHIRT
ENOUGH = 3 * LEAST_LEARNT.copies


def evidence_of(copies: npt.NDArray[np.float64], others: npt.NDArray[np.float64], group: str = GROUP) -> Evidence:
    """A pair for each row of cosines (n, 5)."""
    cosines = np.concatenate([copies, others]).astype(np.float32)
    rows = len(cosines)
    empty = np.zeros((rows, REGION_COUNT), np.float32)
    original = np.arange(rows) < len(copies)
    return Evidence(
        query=np.arange(rows, dtype=np.int32), group=np.array([group] * rows), copied=original, original=original,
        altered=empty > 0, cosines=cosines, shifts=empty, colours=empty[:, 0], ours=empty, theirs=empty,
        absent=empty > 0,
    )  # fmt: skip


def telling(row: int, seed: int = 0) -> Evidence:
    """Copies and look-alikes that one region tells apart; the others say the same of both."""
    rng = np.random.default_rng(seed)
    copies, others = rng.uniform(0.3, 0.9, (2, ENOUGH, REGION_COUNT))
    copies[:, row], others[:, row] = rng.uniform(0.7, 1, ENOUGH), rng.uniform(0, 0.5, ENOUGH)
    return evidence_of(copies, others)


def joined(*parts: Evidence) -> Evidence:
    names = [
        "query",
        "group",
        "copied",
        "original",
        "altered",
        "cosines",
        "shifts",
        "colours",
        "ours",
        "theirs",
        "absent",
    ]
    return Evidence(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


COSINES = arrays(np.float64, (12, REGION_COUNT), elements=st.one_of(st.floats(-1, 1), st.just(float("nan"))))
STARTS = arrays(np.float64, REGION_COUNT, elements=st.floats(0, 1)).filter(lambda values: values.sum() > 1e-3)


@settings(max_examples=40, deadline=None)
@given(COSINES, COSINES, STARTS, st.sampled_from([0.0, LEAST_SHARE]))
def test_learnt_weights_are_weights_and_the_loss_never_rises(
    copies: npt.NDArray[np.float64], others: npt.NDArray[np.float64], start: npt.NDArray[np.float64], floor: float
) -> None:
    """Whatever the cosines, missing ones among them, and from wherever it starts."""
    triplets, old = Triplets(copies, others), RegionWeights(start)
    learnt = ascend(triplets, start=old, floor=floor)
    assert learnt.values.sum() == pytest.approx(1)
    assert (learnt.values >= 0).all()
    assert triplets.loss(learnt.values) <= triplets.loss(old.values) + 1e-9
    assert (learnt.values >= np.minimum(old.values, floor) - 1e-9).all()
    nowhere = np.isnan(np.concatenate([copies, others])).all(axis=0)
    assert (learnt.values[nowhere & (old.values == 0)] == 0).all()


def alike(positive: list[float], negative: list[float]) -> Triplets:
    """The same copy beside the same look-alike, over and over."""
    return Triplets(np.tile(positive, (30, 1)), np.tile(negative, (30, 1)))


def test_a_region_at_the_least_share_does_not_keep_others_from_gaining() -> None:
    """The chest tells best; less waist alone would give more to the regions that mislead."""
    triplets = alike([0.0, 0.9, 0.5, 0.0, 0.0], [0.9, 0.4, 0.4, 0.9, 0.9])
    start = RegionWeights(np.array([0.1, 0.1, 0.6, 0.1, 0.1]))
    learnt = ascend(triplets, start=start, floor=LEAST_SHARE).values
    assert learnt == pytest.approx([0.1, 0.6, 0.1, 0.1, 0.1], abs=0.01)
    assert learnt.min() >= LEAST_SHARE - 1e-9


def test_a_region_that_starts_below_the_least_share_sinks_no_further() -> None:
    """Nor need it rise where it misleads."""
    triplets = alike([0.0, 0.6, 0.5, 0.5, 0.5], [0.9, 0.5, 0.5, 0.5, 0.5])
    start = RegionWeights(np.array([0.04, 0.24, 0.24, 0.24, 0.24]))
    learnt = ascend(triplets, start=start, floor=LEAST_SHARE).values
    assert learnt[0] == pytest.approx(0.04)
    assert learnt[1] == pytest.approx(0.66, abs=0.01)


def test_a_region_that_weighs_nothing_comes_back_only_where_it_is_compared() -> None:
    """Sleeves that no garment of the group has stay out; a collar that somebody set to zero may prove itself."""
    missing = float("nan")
    triplets = alike([0.9, 0.5, 0.5, missing, missing], [0.1, 0.5, 0.5, missing, missing])
    start = RegionWeights(np.array([0.0, 0.5, 0.5, 0.0, 0.0]))
    learnt = ascend(triplets, start=start, floor=LEAST_SHARE).values
    assert learnt[0] > 0.1
    assert learnt[3:].tolist() == [0, 0]


def test_what_is_better_on_pairs_held_out_is_taken() -> None:
    """Both losses fall, and the telling region gains."""
    evidence = joined(telling(RegionName.CHEST.row), telling(RegionName.CHEST.row, seed=1))
    held_out = np.arange(len(evidence.query)) >= 2 * ENOUGH
    trial = try_weights(evidence, held_out, GROUP, RegionWeights.equal())
    assert trial.outcome is Outcome.BETTER
    assert trial.learning_loss is not None and trial.learning_loss.fell
    assert trial.held_out_loss is not None and trial.held_out_loss.fell
    assert trial.new is not None and trial.new.values.argmax() == RegionName.CHEST.row
    assert trial.new.values.min() >= LEAST_SHARE


def test_what_pairs_held_out_contradict_is_not_taken() -> None:
    """The loss falls where it was learnt, and rises where another region tells."""
    evidence = joined(telling(RegionName.CHEST.row), telling(RegionName.COLLAR.row))
    held_out = np.arange(len(evidence.query)) >= 2 * ENOUGH
    trial = try_weights(evidence, held_out, GROUP, RegionWeights.equal())
    assert trial.outcome is Outcome.NO_BETTER
    assert trial.learning_loss is not None and trial.learning_loss.fell
    assert trial.held_out_loss is not None and trial.held_out_loss.after > trial.held_out_loss.before


def test_weights_that_fit_already_are_not_learnt_again() -> None:
    """A step that changes nothing is no better."""
    evidence = joined(telling(1), telling(1, seed=1))
    held_out = np.arange(len(evidence.query)) >= 2 * ENOUGH
    first = try_weights(evidence, held_out, GROUP, RegionWeights.equal())
    assert first.new is not None
    assert try_weights(evidence, held_out, GROUP, first.new).outcome is Outcome.NOTHING_LEARNT


def test_too_few_pairs_decide_nothing() -> None:
    """Of either kind, in either half; those of other groups do not count."""
    trial = try_weights(telling(1), np.zeros(2 * ENOUGH, bool), GROUP, RegionWeights.equal())
    assert (trial.outcome, trial.new) == (Outcome.TOO_FEW, None)
    assert trial.learnt_from.lacking(LEAST_LEARNT) == PairCounts(0, 0)
    assert trial.held_out.lacking(LEAST_HELD_OUT) == LEAST_HELD_OUT
    other = try_weights(telling(1), np.zeros(2 * ENOUGH, bool), WeightGroup.DRESS, RegionWeights.equal())
    assert other.learnt_from == PairCounts(0, 0)


def test_copies_meet_every_look_alike_or_a_fair_draw_of_them() -> None:
    """The same draw every time."""
    rng = np.random.default_rng(0)
    few, many = (evidence_of(*rng.uniform(-1, 1, (2, count, REGION_COUNT))) for count in (7, 200))
    assert len(triplets_across(few, GROUP)) == 49
    drawn = triplets_across(many, GROUP)
    assert len(drawn) == MOST_TRIPLETS
    assert np.array_equal(drawn.positive, triplets_across(many, GROUP).positive)
    assert len(np.unique(drawn.positive, axis=0)) == 200
    assert len(triplets_across(few, WeightGroup.DRESS)) == 0


def test_a_draw_takes_memory_for_what_is_drawn_alone() -> None:
    """Of 16 million pairs too, which numbered one by one would take 128 MB."""
    evidence = evidence_of(*np.random.default_rng(0).uniform(-1, 1, (2, 4000, REGION_COUNT)))
    tracemalloc.start()
    assert len(triplets_across(evidence, GROUP)) == MOST_TRIPLETS
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8e6
