"""Judged comparisons of one query with a gallery."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import models
from models.background import Cohort
from models.evidence import CANDIDATES
from models.scoring import region_cosines, weighted_score
from models.taxonomy import REGIONS, Category, RegionName
from models.training.data.copies import Copy
from models.training.gather_evidence import Comparisons, Gallery
from models.types import DescribedGarment, MissingReason, Region
from models.weighting import RegionWeights, read_weight_table
from tests.factories import alter_regions, make_embeddings, make_garment

ALTERED = (RegionName.CHEST,)
GALLERY = {f"{seed}.jpg": make_garment(seed) for seed in range(CANDIDATES + 20)}
COPY = Copy("3.jpg", np.zeros((8, 8, 3), np.uint8), ALTERED, ("recolour",), flipped=False, recoloured=False)
QUERY = make_garment(99, embeddings=alter_regions(GALLERY["3.jpg"].embeddings, ALTERED, seed=5))
WEIGHTS = read_weight_table(Path(models.__file__).parent / "weights" / "region_weights.json")
LEAST_WEIGHT = 0.35
COHORT = Cohort(np.stack([make_embeddings(seed).vectors for seed in range(900, 930)], axis=1))


def comparisons(garments: dict[str, DescribedGarment], *same: tuple[str, str]) -> Comparisons:
    """Comparisons with these garments; `same` are pairs of photos of one design."""
    return Comparisons(Gallery.of(garments), WEIGHTS, COHORT, frozenset(frozenset(pair) for pair in same), LEAST_WEIGHT)


def test_a_registered_original_is_marked_with_what_was_altered() -> None:
    """Its unaltered regions agree, the altered one does not; both backgrounds are those of the cohort."""
    rows = comparisons(GALLERY).of(7, QUERY, COPY, registered=True)
    (original,) = [row for row in rows if row.original]
    assert original.query == 7
    assert [name for name, altered in zip(REGIONS, original.altered, strict=True) if altered] == list(ALTERED)
    assert np.delete(original.cosines, RegionName.CHEST.row) == pytest.approx(np.ones(4), abs=1e-3)
    assert original.cosines[RegionName.CHEST.row] < 0.9
    assert original.ours == pytest.approx(COHORT.background(QUERY.embeddings))
    assert original.theirs == pytest.approx(COHORT.background(GALLERY["3.jpg"].embeddings))


def test_candidates_rank_as_the_service_ranks_them() -> None:
    """By S under the group's weights, the better of both orientations."""
    gallery = Gallery.of(GALLERY)
    weights = WEIGHTS.of(QUERY.detection.category.group)
    slow = [weighted_score(region_cosines(QUERY.embeddings, one.embeddings), weights) for one in GALLERY.values()]
    assert gallery.scores(QUERY.embeddings, weights.values, LEAST_WEIGHT) == pytest.approx(slow, abs=1e-5)
    bare = make_garment(1, mask=0b00011)
    alone = Gallery.of({"x.jpg": make_garment(2, mask=0b11100)})
    assert alone.scores(bare.embeddings, RegionWeights.equal().values, 0.0).tolist() == [-np.inf]


def test_who_shares_too_little_is_no_candidate() -> None:
    """A search skips them too: two collars that agree prove nothing. The original stays, for its regions' sake."""
    collars = {name: make_garment(int(name[:-4]), mask=0b00001) for name in ("3.jpg", "4.jpg", "5.jpg")}
    rows = comparisons({"60.jpg": make_garment(60)} | collars).of(0, QUERY, COPY, registered=True)
    assert [row.original for row in rows] == [False, True]


def test_an_unregistered_original_does_not_answer() -> None:
    """What is left are strangers, the best of them."""
    rows = comparisons(GALLERY).of(0, QUERY, COPY, registered=False)
    assert len(rows) == CANDIDATES
    assert not any(row.original or row.copied for row in rows)


def test_another_photo_of_the_same_design_is_no_stranger() -> None:
    """Accusing it would be right."""
    twins = GALLERY | {"twin.jpg": GALLERY["3.jpg"]}
    best = max(np.nanmean(row.cosines) for row in comparisons(twins).of(0, QUERY, COPY, registered=False))
    apart = comparisons(twins, ("3.jpg", "twin.jpg")).of(0, QUERY, COPY, registered=False)
    assert max(np.nanmean(row.cosines) for row in apart) < best - 0.1


def test_the_original_is_kept_however_badly_it_ranks() -> None:
    """Calibration must see the copies that search misses."""
    rows = comparisons(GALLERY).of(0, make_garment(1234), COPY, registered=True)
    assert sum(row.original for row in rows) == 1
    assert len(rows) in (CANDIDATES, CANDIDATES + 1)


def test_a_sleeveless_candidate_lacks_the_sleeves_that_the_query_shows() -> None:
    """By design, so it counts as altered later."""
    made = make_garment(50, Category.VEST, mask=0b00111)
    sleeves = tuple(Region(name, None, MissingReason.ABSENT) for name in REGIONS[3:])
    vest = replace(made, regions=(*made.regions[:3], *sleeves))
    (row,) = comparisons({"vest.jpg": vest}).of(0, make_garment(51), COPY, registered=True)
    assert row.absent == [False, False, False, True, True]
    assert np.isnan(row.cosines).tolist() == row.absent
