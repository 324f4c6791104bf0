"""The rules of product.md, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.taxonomy import REGIONS, Category, RegionName, WeightGroup
from models.types import DescribedGarment, MissingReason, Region
from models.weighting import RegionWeights
from service.resemblance import Resemblance
from service.verdict import Beside, First, Match, Verdict, gravest, judge
from tests.factories import make_garment
from tests.policies import make_policy

NAN = float("nan")
EQUAL = RegionWeights.equal()
AGREES, DIFFERS = 0.9, 0.2
EARLY = datetime(2026, 1, 1, tzinfo=UTC)


def garment(
    category: Category = Category.SHORT_SLEEVE_TOP, seed: int = 1, **missing: MissingReason
) -> DescribedGarment:
    """A garment with all its regions but those named."""
    made = make_garment(seed, category)
    regions = tuple(
        Region(name, None, missing[name]) if name in missing else Region(name, made.detection.box) for name in REGIONS
    )
    return replace(made, regions=regions)


def found(
    cosines: list[float],
    ours: DescribedGarment | None = None,
    theirs: DescribedGarment | None = None,
    shifts: list[float] | None = None,
    mirrored: bool = False,
    weights: RegionWeights = EQUAL,
    policy: dict[str, Any] | None = None,
    plainness: float = 0.0,
    colour_change: float = 0.0,
    others: Sequence[float] = (),
    **dates: datetime,
) -> Match:
    """The match of two garments with these cosines; another photo unless a garment says otherwise. `plainness` is the
    background of their regions, `others` the evidence of other items."""
    values = np.array(cosines, np.float32)
    colours = np.array([0.0] * 5 if shifts is None else shifts, np.float32)
    resemblance = Resemblance(
        ours or garment(seed=1),
        theirs or garment(seed=2),
        0.99,
        mirrored,
        values,
        np.where(np.isnan(values), NAN, colours),
        colour_change,
        np.zeros(5, np.float32),
        np.full(5, plainness, np.float32),
    )
    return judge(resemblance, weights, make_policy(**(policy or {})), beside=Beside(others), **dates)


def same_photo_as(ours: DescribedGarment) -> DescribedGarment:
    return replace(garment(seed=2), fingerprint=ours.fingerprint)


def test_all_regions_agreeing_is_a_design_copy() -> None:
    """Photographed or drawn anew."""
    match = found([AGREES] * 5)
    assert (match.verdict, match.modified_regions, match.same_photo) == (Verdict.DESIGN_COPY, (), False)


def test_all_regions_agreeing_on_the_same_photo_is_an_image_copy() -> None:
    """The picture itself was reused."""
    ours = garment()
    match = found([AGREES] * 5, ours, same_photo_as(ours))
    assert (match.verdict, match.same_photo) == (Verdict.IMAGE_COPY, True)


def test_a_flipped_photo_is_the_same_photo() -> None:
    """Either orientation of ours."""
    ours = garment()
    theirs = replace(garment(seed=2), fingerprint=ours.mirrored_fingerprint)
    assert found([AGREES] * 5, ours, theirs, mirrored=True).same_photo


@pytest.mark.parametrize(
    ("altered", "verdict"), [(1, Verdict.PARTIAL_COPY), (2, Verdict.PARTIAL_COPY), (3, Verdict.SIMILAR)]
)
def test_at_most_two_altered_regions_make_a_partial_copy(altered: int, verdict: Verdict) -> None:
    """Three are another design."""
    match = found([DIFFERS] * altered + [AGREES] * (5 - altered))
    assert match.verdict is verdict
    assert match.modified_regions == REGIONS[:altered]


def test_agreeing_regions_must_carry_half_of_the_weight() -> None:
    """The chest alone weighs more than the rest."""
    heavy_chest = RegionWeights(np.array([1.0, 6, 1, 1, 1]))
    cosines = [AGREES, DIFFERS, AGREES, AGREES, AGREES]
    assert found(cosines, weights=heavy_chest).verdict is Verdict.SIMILAR
    assert found(cosines).verdict is Verdict.PARTIAL_COPY


def test_regions_that_count_as_nothing_carry_no_weight() -> None:
    """Half of the weight that is there to be seen."""
    occluded = garment(chest=MissingReason.OCCLUDED)
    heavy_chest = RegionWeights(np.array([1.0, 6, 1, 1, 1]))
    assert found([AGREES, NAN, AGREES, DIFFERS, AGREES], occluded, weights=heavy_chest).verdict is Verdict.PARTIAL_COPY


def test_a_region_whose_colour_changed_beside_the_others_is_altered() -> None:
    """The embedding tolerates hue; the relation of colours decides."""
    match = found([AGREES] * 5, shifts=[0, 0, 40, 0, 0])
    assert (match.verdict, match.modified_regions) == (Verdict.PARTIAL_COPY, (RegionName.WAIST,))


def test_absent_on_one_side_only_is_an_alteration() -> None:
    """Cut-off sleeves, whichever side has them."""
    sleeveless = garment(Category.VEST, left_sleeve=MissingReason.ABSENT, right_sleeve=MissingReason.ABSENT)
    cosines = [AGREES, AGREES, AGREES, NAN, NAN]
    sleeves = (RegionName.LEFT_SLEEVE, RegionName.RIGHT_SLEEVE)
    assert found(cosines, sleeveless).modified_regions == sleeves
    assert found(cosines, garment(), sleeveless).modified_regions == sleeves
    other = replace(sleeveless, fingerprint=bytes(32))
    assert found(cosines, sleeveless, other).verdict is Verdict.DESIGN_COPY


@pytest.mark.parametrize("reason", [MissingReason.OUT_OF_FRAME, MissingReason.OCCLUDED])
def test_a_region_that_cannot_be_seen_counts_as_nothing(reason: MissingReason) -> None:
    """Neither agreeing nor altered; also where the other side has none."""
    match = found([AGREES, AGREES, AGREES, AGREES, NAN], garment(right_sleeve=reason))
    assert (match.verdict, match.regions[4].agrees, match.regions[4].reason) == (Verdict.DESIGN_COPY, None, reason)
    absent = garment(Category.VEST, right_sleeve=MissingReason.ABSENT)
    assert found([AGREES] * 4 + [NAN], garment(right_sleeve=reason), absent).modified_regions == ()


def test_a_mirrored_match_names_the_catalogues_regions() -> None:
    """Our absent left sleeve stands for their right one."""
    ours = garment(left_sleeve=MissingReason.ABSENT)
    match = found([AGREES, AGREES, AGREES, AGREES, NAN], ours, mirrored=True)
    assert match.modified_regions == (RegionName.RIGHT_SLEEVE,)


def test_fewer_than_three_compared_regions_are_at_most_similar() -> None:
    """With a warning, also for a reused photo."""
    hidden = dict.fromkeys(REGIONS[2:], MissingReason.OUT_OF_FRAME)
    ours = garment(**hidden)
    for theirs in (garment(seed=2), same_photo_as(ours)):
        match = found([AGREES, AGREES, NAN, NAN, NAN], ours, theirs)
        assert (match.verdict, match.warnings) == (Verdict.SIMILAR, ("few_regions",))


def test_bottoms_are_at_most_similar() -> None:
    """Until they have regions of their own."""
    assert found([AGREES] * 5, garment(Category.TROUSERS)).verdict is Verdict.SIMILAR
    assert found([AGREES] * 5, theirs=garment(Category.SKIRT, seed=2)).verdict is Verdict.SIMILAR


def test_in_the_same_picture_the_registered_garment_is_what_is_shown() -> None:
    """A cut or turned picture was taken for trousers; a picture of trousers was not taken for a top."""
    misread = garment(Category.TROUSERS)
    assert found([AGREES] * 5, misread, same_photo_as(misread)).verdict is Verdict.IMAGE_COPY
    trousers = replace(garment(Category.TROUSERS, seed=2), fingerprint=garment().fingerprint)
    assert found([AGREES] * 5, garment(), trousers).verdict is Verdict.SIMILAR


def test_a_reused_photo_with_an_altered_region_is_a_partial_copy() -> None:
    """And says that the photo is the same; improbable scores do not excuse it."""
    ours = garment()
    match = found([AGREES, DIFFERS, AGREES, AGREES, AGREES], ours, same_photo_as(ours))
    assert (match.verdict, match.same_photo) == (Verdict.PARTIAL_COPY, True)


def test_another_print_on_the_picture_of_a_blank_is_no_copy() -> None:
    """Torso altered, only collar and sleeves agree: shops show many designs on one picture."""
    ours = garment()
    torso = RegionWeights(np.array([0.15, 0.35, 0.2, 0.15, 0.15]))
    match = found([AGREES, DIFFERS, DIFFERS, AGREES, AGREES], ours, same_photo_as(ours), weights=torso)
    assert (match.verdict, match.same_photo) == (Verdict.SIMILAR, True)


def test_a_copy_needs_the_probability_of_the_policy() -> None:
    """Look-alikes agree here and there."""
    assert found([AGREES] * 5).verdict is Verdict.DESIGN_COPY
    assert found([AGREES] * 5, policy=asking(copy=1.0, similar=0.1)).verdict is Verdict.SIMILAR
    assert found([AGREES] * 5, policy=asking(copy=1.0, similar=1.0)).verdict is Verdict.CLEAR


def test_plain_regions_prove_less() -> None:
    """The same cosines are less probable where the catalogue's regions agree with garments in general."""
    shrug = {"offset": -5.0, "slopes": [10.0, 0, 0, 0, 0], "our_background": 0.0, "their_background": -6.0}
    policy = {"likelihoods": dict.fromkeys(RegionName, shrug)}
    probabilities = [found([AGREES] * 5, policy=policy, plainness=p).probability for p in (0.0, 0.4, 0.8)]
    assert probabilities[0] > probabilities[1] > probabilities[2]
    assert found([AGREES] * 5, policy=policy, plainness=0.8).verdict is Verdict.CLEAR


def test_another_colourway_needs_more_evidence_but_is_still_the_design() -> None:
    """The change common to all regions alters none of them; beyond the most it costs nothing more."""
    costly = {"other_colour": {"cost": 0.3, "most": 30.0}}
    probabilities = [found([AGREES] * 5, policy=costly, colour_change=change).probability for change in (0, 20, 30, 90)]
    assert probabilities[0] > probabilities[1] > probabilities[2] == probabilities[3]
    match = found([AGREES] * 5, colour_change=60.0)
    assert (match.verdict, match.modified_regions) == (Verdict.DESIGN_COPY, ())


def test_who_resembles_many_items_as_much_is_probably_the_copy_of_none() -> None:
    """A plain pullover agrees with every pullover; the answer says why it is called similar only."""
    crowded = {"crowd": {"level": -2.0, "most": 30.0}}
    alone = found([AGREES] * 5, policy=crowded)
    match = found([AGREES] * 5, policy=crowded, others=[11.0, 10.0, 10.0, 9.0, -7.0])
    assert (alone.verdict, alone.warnings) == (Verdict.DESIGN_COPY, ())
    assert match.probability < alone.probability
    assert (match.verdict, match.kind) == (Verdict.SIMILAR, Verdict.SIMILAR)
    assert match.warnings == ("many_alike",)


def test_a_crowd_does_not_acquit_the_very_photo() -> None:
    """It was reused, whatever else it resembles."""
    ours, crowded = garment(), {"crowd": {"level": -2.0, "most": 30.0}}
    match = found([AGREES] * 5, ours, same_photo_as(ours), policy=crowded, others=[11.0, 10.0, 10.0, 9.0])
    assert match.verdict is Verdict.IMAGE_COPY


def test_a_design_registered_twice_is_still_copied() -> None:
    """One item that resembles the garment as much is no crowd."""
    crowded = {"crowd": {"level": -2.0, "most": 30.0}}
    assert found([AGREES] * 5, policy=crowded, others=[11.0, -6.0, -7.0]).verdict is Verdict.DESIGN_COPY


def asking(copy: float, similar: float) -> dict[str, Any]:
    """A policy whose groups all ask for these probabilities."""
    wanted = {"copy_probability": copy, "similar_probability": similar}
    return {"groups": {group: rules.model_copy(update=wanted) for group, rules in make_policy().groups.items()}}


def test_the_rules_are_those_of_our_garments_group() -> None:
    """A stricter group sees alterations where another sees none."""
    strict = make_policy().of(WeightGroup.DRESS).model_copy(update={"least_cosine": dict.fromkeys(REGIONS, 0.95)})
    groups = dict(make_policy().groups) | {WeightGroup.DRESS: strict}
    dress = found([AGREES] * 5, garment(Category.VEST_DRESS), policy={"groups": groups})
    top = found([AGREES] * 5, policy={"groups": groups})
    assert (len(dress.modified_regions), len(top.modified_regions)) == (5, 0)


def test_an_earlier_listing_is_never_called_the_copy() -> None:
    """What it resembles is still said."""
    ours = garment()
    match = found([AGREES] * 5, ours, same_photo_as(ours), published=EARLY, their_published=EARLY + timedelta(days=1))
    assert (match.verdict, match.kind, match.first) == (Verdict.SIMILAR, Verdict.IMAGE_COPY, First.QUERY)


def test_a_later_listing_may_be_called_the_copy() -> None:
    """The catalogue was first."""
    match = found([AGREES] * 5, published=EARLY + timedelta(seconds=1), their_published=EARLY)
    assert (match.verdict, match.first) == (Verdict.DESIGN_COPY, First.CATALOGUE)


@pytest.mark.parametrize(
    "dates", [{}, {"published": EARLY}, {"their_published": EARLY}, {"published": EARLY, "their_published": EARLY}]
)
def test_who_came_first_is_only_said_where_both_say_when(dates: dict[str, datetime]) -> None:
    """The same moment decides nothing."""
    match = found([AGREES] * 5, **dates)
    assert (match.verdict, match.first) == (Verdict.DESIGN_COPY, None)


def test_nothing_compared_is_clear() -> None:
    """And breaks nothing."""
    assert found([NAN] * 5, garment(**dict.fromkeys(REGIONS, MissingReason.OCCLUDED))).verdict is Verdict.CLEAR


@given(st.lists(st.sampled_from([AGREES, DIFFERS, NAN]), min_size=5, max_size=5), st.floats(0, 0.4), st.booleans())
def test_agreeing_better_never_makes_a_verdict_milder(cosines: list[float], gain: float, same: bool) -> None:
    """All else the same."""
    ours = garment()
    theirs = same_photo_as(ours) if same else None
    lower, higher = found(cosines, ours, theirs), found([min(c + gain, 1.0) for c in cosines], ours, theirs)
    assert lower.verdict.gravity <= higher.verdict.gravity


def test_the_gravest_verdict_wins() -> None:
    """One partial copy among clear matches is a partial copy."""
    assert gravest([Verdict.CLEAR, Verdict.PARTIAL_COPY, Verdict.SIMILAR], Verdict.CLEAR) is Verdict.PARTIAL_COPY
    assert gravest([], Verdict.NO_GARMENT) is Verdict.NO_GARMENT
