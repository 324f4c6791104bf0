"""The detector's serving class: what it makes of a network's scores and boxes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.errors import ModelFileError
from models.manifest import Manifest, TrainingRecord
from models.preprocessing import PADDING
from models.runtime.detector import GarmentDetector
from models.runtime.session import Arrays
from models.taxonomy import Category, taxonomy_hash
from models.types import Image

SIDE = 320
SETTINGS: dict[str, Any] = {"side": SIDE, "least_confidence": 0.5, "most_overlap": 0.5, "most_garments": 10}


class Answering:
    """A session that keeps what it was asked and answers with the same arrays."""

    provider = "test"

    def __init__(self, scores: npt.ArrayLike, boxes: npt.ArrayLike) -> None:
        self.answer = tuple(
            np.asarray(rows, np.float32).reshape(1, -1, width) for rows, width in ((scores, 13), (boxes, 4))
        )
        self.asked: dict[str, npt.NDArray[Any]] = {}

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        self.asked = dict(inputs)
        return self.answer


def described(extra: dict[str, Any]) -> Manifest:
    return Manifest(
        name="detector", version="1", file="detector.onnx", sha256="0" * 64, taxonomy=taxonomy_hash(),
        inputs={"pictures": ["batch", 3, SIDE, SIDE]}, outputs=["scores", "boxes"],
        mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5),
        training=TrainingRecord(recipe={}, data="", seed=1, wall_time_s=0, started_from=""), quality={}, extra=extra,
    )  # fmt: skip


def photo(width: int, height: int) -> Image:
    return Image(np.full((height, width, 3), 255, np.uint8), "0" * 64)


def scored(**of: float) -> list[float]:
    """Scores of the 13 categories; those not named are zero."""
    return [of.get(category.value, 0.0) for category in Category]


def test_boxes_come_back_in_the_pixels_of_the_photo() -> None:
    """A photo 640 wide is halved for the network; its boxes are doubled."""
    session = Answering([scored(vest=0.9)], [[10, 20, 110, 220]])
    (found,) = GarmentDetector(session, described(SETTINGS)).detect(photo(640, 480))
    assert found.box.as_array() == pytest.approx([20, 40, 220, 440])
    assert found.category is Category.VEST
    assert found.confidence == pytest.approx(0.9)


def test_the_network_is_fed_the_letterboxed_photo() -> None:
    """White above, padding grey below, normalised with the manifest's figures."""
    session = Answering([], [])
    GarmentDetector(session, described(SETTINGS)).detect(photo(400, 200))
    picture = session.asked["pictures"]
    assert picture.shape == (1, 3, SIDE, SIDE) and picture.dtype == np.float32
    assert picture[0, :, :160] == pytest.approx(1.0)
    assert picture[0, :, 160:] == pytest.approx((PADDING / 255 - 0.5) / 0.5)


def test_one_garment_is_one_box_whatever_its_categories() -> None:
    """Of two boxes on one garment the surer stays, even where they disagree on what it is."""
    session = Answering(
        [scored(long_sleeve_top=0.6), scored(long_sleeve_outwear=0.8), scored(skirt=0.7)],
        [[10, 10, 200, 200], [12, 12, 200, 200], [10, 210, 200, 310]],
    )
    found = GarmentDetector(session, described(SETTINGS)).detect(photo(SIDE, SIDE))
    assert [d.category for d in found] == [Category.LONG_SLEEVE_OUTWEAR, Category.SKIRT]


def test_a_garment_is_of_the_group_with_the_most_confidence() -> None:
    """Three kinds of dress outweigh the one top that scores higher than each of them."""
    row = scored(short_sleeve_top=0.35, short_sleeve_dress=0.2, vest_dress=0.25, sling_dress=0.1)
    (found,) = GarmentDetector(Answering([row], [[0, 0, 99, 99]]), described(SETTINGS)).detect(photo(SIDE, SIDE))
    assert found.category is Category.VEST_DRESS
    assert found.confidence == pytest.approx(0.9)


def test_a_photo_without_garments_has_no_detections() -> None:
    """Nothing confident enough is an answer, not an error."""
    session = Answering([scored(shorts=0.49)], [[0, 0, 99, 99]])
    assert GarmentDetector(session, described(SETTINGS)).detect(photo(SIDE, SIDE)) == []


def test_no_more_garments_than_the_manifest_allows() -> None:
    """Twelve garments side by side, the ten surest are reported."""
    scores = [scored(vest=0.6 + 0.01 * n) for n in range(12)]
    boxes = [[26 * n, 0, 26 * n + 20, 40] for n in range(12)]
    found = GarmentDetector(Answering(scores, boxes), described(SETTINGS)).detect(photo(SIDE, SIDE))
    assert len(found) == 10
    assert min(d.confidence for d in found) == pytest.approx(0.62)


def test_a_manifest_without_detector_settings_is_refused() -> None:
    """A wrong manifest fails when the service starts, not at the first photo."""
    with pytest.raises(ModelFileError, match="least_confidence"):
        GarmentDetector(Answering([], []), described({"side": SIDE}))


@given(
    boxes=arrays(np.float32, (6, 4), elements=st.floats(-50, 400, width=32)),
    scores=arrays(np.float32, (6, 13), elements=st.floats(0, 0.125, width=32)),
    width=st.integers(40, 900),
    height=st.integers(40, 900),
)
def test_detections_lie_in_the_photo_and_the_surest_comes_first(
    boxes: npt.NDArray[np.float32], scores: npt.NDArray[np.float32], width: int, height: int
) -> None:
    """Whatever a network answers, callers get boxes inside the photo in order of confidence."""
    found = GarmentDetector(Answering(scores, boxes), described(SETTINGS)).detect(photo(width, height))
    assert all(0 <= d.box.x1 < d.box.x2 <= width and 0 <= d.box.y1 < d.box.y2 <= height for d in found)
    assert [d.confidence for d in found] == sorted((d.confidence for d in found), reverse=True)
