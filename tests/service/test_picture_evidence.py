"""What the pixels of the same picture decide: whether it is reused, and which of its regions were altered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from index.prints import PrintMatch, PrintOf
from models.geometry import Box
from models.same_picture import SamePicture
from models.taxonomy import REGIONS, RegionName
from models.types import DescribedGarment, Region
from models.weighting import RegionWeights
from service.picture_evidence import PictureEvidence, shows
from service.picture_verdict import judge_picture
from service.resemblance import Resemblance
from service.verdict import Match, Verdict, judge
from tests.factories import make_garment
from tests.policies import make_policy

POLICY = make_policy()
HEIGHT = 50


def garment() -> DescribedGarment:
    """Its five regions are five bands of a photo of 50 × 50 pixels, one below the other."""
    made = make_garment(2)
    bands = tuple(Region(name, Box(0, 10 * name.row, 50, 10 * name.row + 10)) for name in REGIONS)
    return replace(made, regions=bands, detection=replace(made.detection, box=Box(0, 0, 50, 50)))


def same(agreement: float = 0.9, **alike: float) -> SamePicture:
    """Every band is the same but those named, NaN where not shown."""
    bands = [alike.get(name, 1.0) for name in REGIONS]
    pixels = np.repeat(np.array(bands, np.float32), 10)[:, None] * np.ones((1, 50), np.float32)
    return SamePicture(100, agreement, 1.0, False, np.array([[2.0, 0, 10], [0, 2, 20]]), pixels, 50, HEIGHT)


def judged(picture: PictureEvidence, cosine: float = 0.2) -> Match:
    """Regions whose embeddings do not agree, unless said otherwise."""
    cosines = np.full(5, cosine, np.float32)
    zeros = np.zeros(5, np.float32)
    found = Resemblance(make_garment(1), garment(), cosine, False, cosines, zeros, 0.0, zeros, zeros, picture)
    return judge(found, RegionWeights.equal(), POLICY)


def test_pixels_that_agree_make_an_image_copy_whatever_the_embeddings_say() -> None:
    """A filter changes embeddings; the picture is still the same."""
    match = judged(PictureEvidence(None, same()))
    assert (match.verdict, match.same_photo, match.modified_regions) == (Verdict.IMAGE_COPY, True, ())
    assert match.probability >= 0.8


def test_the_very_bytes_are_the_same_picture_though_nothing_in_it_can_be_placed() -> None:
    """A plain sheet of cloth has no points to compare; where other pixels would not agree, its own need not."""
    match = judged(PictureEvidence(None, same(agreement=0.2, chest=0.0), identical=True))
    assert (match.verdict, match.same_photo, match.modified_regions) == (Verdict.IMAGE_COPY, True, ())


def test_a_region_that_is_not_alike_was_altered_in_the_reused_picture() -> None:
    """What is not shown counts as nothing."""
    match = judged(PictureEvidence(None, same(chest=0.1, waist=float("nan"))))
    assert (match.verdict, match.same_photo, match.modified_regions) == (
        Verdict.PARTIAL_COPY, True, (RegionName.CHEST,),
    )  # fmt: skip
    assert [finding.agrees for finding in match.regions] == [True, False, None, True, True]


def test_pixels_that_do_not_agree_outweigh_a_print() -> None:
    """The same design on the same ground may have nearly the same print."""
    near = PrintMatch(1, 10, 0, PrintOf.PHOTO)
    match = judged(PictureEvidence(near, same(agreement=0.2)), cosine=0.9)
    assert (match.verdict, match.same_photo) == (Verdict.DESIGN_COPY, False)
    assert judged(PictureEvidence(near, None), cosine=0.9).verdict is Verdict.IMAGE_COPY


@pytest.mark.parametrize(
    ("altered", "verdict"), [(0, Verdict.IMAGE_COPY), (2, Verdict.PARTIAL_COPY), (3, Verdict.SIMILAR)]
)
def test_a_picture_alone_is_judged_by_what_was_altered_in_it(altered: int, verdict: Verdict) -> None:
    """Where the models saw no garment in the query."""
    changed = dict.fromkeys([name.value for name in REGIONS[:altered]], 0.0)
    found, first, named = judge_picture(PictureEvidence(None, same(**changed)), garment(), POLICY)
    assert (found, first, named) == (verdict, None, REGIONS[:altered])


def test_a_garment_elsewhere_in_the_photo_is_not_the_registered_one() -> None:
    """Its place in the query is that of the registered garment, doubled and moved."""
    there, elsewhere = boxed(Box(10, 20, 110, 120)), boxed(Box(200, 20, 300, 120))
    placed = PictureEvidence(None, same())
    assert (shows(there, placed, garment()), shows(elsewhere, placed, garment())) == (True, False)


def test_in_the_very_bytes_every_garment_lies_where_it_was() -> None:
    """Nothing has to be placed for that; where nothing says, it may be the registered one."""
    bytes_alike = PictureEvidence(None, None, identical=True)
    assert (shows(garment(), bytes_alike, garment()), shows(boxed(Box(0, 60, 50, 99)), bytes_alike, garment())) == (
        True, False,
    )  # fmt: skip
    assert shows(boxed(Box(0, 60, 50, 99)), PictureEvidence(None, None), garment())


def test_points_that_come_to_nothing_are_no_evidence() -> None:
    """Any two pictures have some in common; a near print is told even where the pixels outweigh it."""
    near = PrintMatch(1, 10, 5, PrintOf.PHOTO)
    assert judged(PictureEvidence(None, same(agreement=0.2)), cosine=0.9).picture is None
    told = judged(PictureEvidence(near, same(agreement=0.2)), cosine=0.9).picture
    assert told is not None and told.orientation == "mirrored_turned_90"


def boxed(box: Box) -> DescribedGarment:
    return replace(garment(), detection=replace(garment().detection, box=box))
