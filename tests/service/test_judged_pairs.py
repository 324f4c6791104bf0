"""Pairs that moderators judged, measured and told as evidence."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from index.decisions import DecidedPhoto, Decision
from index.types import CatalogueGarment, CatalogueItem, CataloguePhoto, ItemDetails
from models.background import Cohort
from models.taxonomy import REGION_COUNT, RegionName, WeightGroup
from models.types import DescribedGarment
from models.weighting import RegionWeights, WeightTable
from service.compare import compare_garments
from service.judged_pairs import MOST_VIEWS, JudgedPhoto, decision_on, evidence_of, measure, photos_of_item
from service.judging import Rules
from service.verdict import Verdict
from tests.factories import SLEEVELESS, alter_regions, make_garment
from tests.policies import make_policy

RULES = Rules(WeightTable("equal", dict.fromkeys(WeightGroup, RegionWeights.equal())), make_policy(), Cohort.empty())


def judged(*garments: DescribedGarment, name: str = "a") -> JudgedPhoto:
    return JudgedPhoto(DecidedPhoto(name), garments)


def copy_of(garment: DescribedGarment, *regions: RegionName) -> DescribedGarment:
    return make_garment(99, embeddings=alter_regions(garment.embeddings, regions, seed=5, noise=0.1))


def decide(ours: DescribedGarment, theirs: DescribedGarment, verdict: str = "design_copy") -> Decision:
    measured = measure([judged(ours)], [judged(theirs, name="b")], RULES)
    return decision_on(measured, verdict, frozenset(), "acme", "key", "m1")


def test_the_two_garments_that_resemble_each_other_most_are_measured() -> None:
    """Of all photos and garments on both sides, just as a comparison scores them."""
    original = make_garment(1)
    copy = copy_of(original, RegionName.COLLAR)
    side_a = [judged(make_garment(2), name="x"), judged(make_garment(3), copy, name="y")]
    side_b = [judged(make_garment(4), original, name="z")]
    found = measure(side_a, side_b, RULES)
    assert (found.photo_a.sha256, found.photo_b.sha256) == ("y", "z")
    expected = compare_garments(copy, original, RegionWeights.equal(), Cohort.empty())
    assert found.resemblance.score == expected.score
    assert np.array_equal(found.resemblance.cosines, expected.cosines)


def test_a_decision_becomes_the_comparison_that_it_was_made_on() -> None:
    """Cosines, shifts, backgrounds and absences; what is no copy is a look-alike."""
    original, vest = make_garment(1), make_garment(2, mask=SLEEVELESS)
    decisions = [
        decide(copy_of(original), original),
        decide(original, vest, "similar"),
        decide(vest, original, "clear"),
    ]
    evidence = evidence_of(decisions)
    assert evidence.original.tolist() == [True, False, False]
    assert evidence.group.tolist() == ["t_shirt"] * 3
    assert np.isnan(evidence.cosines[1, 3:]).all()
    assert not np.isnan(evidence.cosines[0]).any()
    for row, one in enumerate(decisions):
        rows = (evidence.cosines[row], evidence.shifts[row], evidence.ours[row], evidence.theirs[row])
        assert np.array_equal(np.stack(rows), one.measures, equal_nan=True)
        assert np.array_equal(evidence.absent[row], one.absent)


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.NO_GARMENT])
def test_only_copies_are_originals(verdict: Verdict) -> None:
    """Of whatever kind."""
    garment = make_garment(1)
    assert evidence_of([decide(garment, make_garment(2), verdict.value)]).original[0] == verdict.is_copy


def test_no_decisions_are_no_evidence() -> None:
    """Of the right shape."""
    evidence = evidence_of([])
    assert evidence.cosines.shape == (0, REGION_COUNT)


def test_only_what_these_models_saw_of_an_item_is_compared() -> None:
    """And of each photo the design alone."""
    now = datetime.now(UTC)
    garments = tuple(CatalogueGarment(seed, seed == 2, make_garment(seed)) for seed in (1, 2))
    photos = tuple(
        CataloguePhoto(f"pho_{n}", f"{n}", 8, 8, models, now, garments) for n, models in enumerate(("m1", "m2", "m1"))
    )
    item = CatalogueItem("SKU-1", ItemDetails(), now, now, photos)
    found = photos_of_item(item, "m1", None)
    assert [photo.photo for photo in found] == [DecidedPhoto("0", "SKU-1"), DecidedPhoto("2", "SKU-1")]
    assert [photo.garments for photo in found] == [(garments[1].described,)] * 2
    assert [photo.photo.sha256 for photo in photos_of_item(item, "m1", "pho_2")] == ["2"]
    assert photos_of_item(item, "m3", None) == photos_of_item(item, "m1", "pho_1") == ()


def item_of(*photos: tuple[CatalogueGarment, ...]) -> CatalogueItem:
    """An item whose photos, numbered from 0, the models `m1` saw."""
    now = datetime.now(UTC)
    seen = (CataloguePhoto(f"pho_{n}", f"{n}", 8, 8, "m1", now, garments) for n, garments in enumerate(photos))
    return CatalogueItem("SKU-1", ItemDetails(), now, now, tuple(seen))


def test_photos_in_which_these_models_saw_no_garment_are_left_out() -> None:
    """New models may see nothing where those of before saw a design."""
    design = (CatalogueGarment(1, True, make_garment(1)),)
    item = item_of((), design, ())
    assert [photo.photo.sha256 for photo in photos_of_item(item, "m1", None)] == ["1"]
    assert photos_of_item(item, "m1", "pho_2") == photos_of_item(item_of((), ()), "m1", None) == ()


def test_of_many_photos_the_latest_are_compared() -> None:
    """Those that show a garment count; one that is named is compared however old it is."""
    designs = [(CatalogueGarment(n, True, make_garment(n)),) for n in range(MOST_VIEWS + 3)]
    item = item_of(*designs, ())
    numbers = [photo.photo.sha256 for photo in photos_of_item(item, "m1", None)]
    assert numbers == [f"{n}" for n in range(3, MOST_VIEWS + 3)]
    assert [photo.photo.sha256 for photo in photos_of_item(item, "m1", "pho_0")] == ["0"]
