"""The order of matches, learnt from judged comparisons."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from models.evidence import Evidence
from models.scoring import weighted_score
from models.taxonomy import WeightGroup
from models.weighting import read_weight_table
from service.standing import choose_score_worth, foremost, nearest_of, scores_of

WEIGHTS = read_weight_table(Path(models.__file__).parent / "weights" / "region_weights.json")


def compared(queries: list[int], original: list[bool], cosines: np.ndarray | None = None) -> Evidence:
    """Rows of T-shirts; each query is a copy whose original is registered."""
    rows = len(queries)
    five = np.full((rows, 5), 0.5, np.float32)
    return Evidence(
        query=np.array(queries, np.int32), group=np.full(rows, WeightGroup.T_SHIRT.value),
        copied=np.ones(rows, bool), original=np.array(original), altered=np.zeros((rows, 5), bool),
        cosines=five if cosines is None else cosines.astype(np.float32), shifts=five, colours=five[:, 0],
        ours=five, theirs=five, absent=np.zeros((rows, 5), bool),
    )  # fmt: skip


def test_scores_are_those_of_the_index() -> None:
    """S over the regions that were compared; 0 where none was."""
    cosines = np.array([[0.9, 0.1, 0.5, 0.4, 0.2], [0.9, np.nan, 0.5, np.nan, np.nan], [np.nan] * 5])
    evidence = compared([1, 1, 1], [True, False, False], cosines)
    slow = [weighted_score(row, WEIGHTS.of(WeightGroup.T_SHIRT)) for row in evidence.cosines]
    assert scores_of(evidence, WEIGHTS) == pytest.approx(slow, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-5, 5)), min_size=1, max_size=40), st.integers(1, 5))
def test_the_foremost_of_each_query_are_its_best_and_its_original(rows: list[tuple[int, float]], most: int) -> None:
    """Against a slow count."""
    rows.sort(key=lambda row: row[0])
    queries, standing = [query for query, _ in rows], np.array([value for _, value in rows])
    original = [place % 7 == 3 for place in range(len(rows))]
    kept = foremost(compared(queries, original), standing, most)
    for query in set(queries):
        own = [place for place, asked in enumerate(queries) if asked == query]
        best = sorted(own, key=lambda place: -standing[place])[:most]
        assert {place for place in own if kept[place]} == {*best, *(place for place in own if original[place])}


def test_the_nearest_rows_are_the_first_of_each_query() -> None:
    """Evidence lists candidates best first, the original last where it ranks low."""
    evidence = compared([0, 0, 0, 1, 1], [False, False, True, True, False])
    assert nearest_of(evidence, most=1).query.tolist() == [0, 0, 1]
    assert nearest_of(evidence, most=1).original.tolist() == [False, True, True]


def test_score_counts_in_the_order_only_where_it_puts_more_originals_first() -> None:
    """Evidence that is right alone needs no help; evidence that cannot tell does."""
    cosines = np.array([[0.9] * 5, [0.3] * 5, [0.9] * 5, [0.3] * 5])
    evidence = compared([0, 0, 1, 1], [True, False, True, False], cosines)
    assert choose_score_worth(evidence, np.array([2.0, 1.0, 2.0, 1.0]), WEIGHTS) == 0
    assert choose_score_worth(evidence, np.array([2.0, 3.0, 2.0, 1.0]), WEIGHTS) == 2.0
    nobody = replace(evidence, original=np.zeros(4, bool))
    assert choose_score_worth(nobody, np.zeros(4), WEIGHTS) == 0
