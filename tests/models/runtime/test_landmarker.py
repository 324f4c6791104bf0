"""The landmarker's serving class: from heatmaps to points of the photo."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ModelFileError
from models.geometry import Box
from models.manifest import Manifest, TrainingRecord
from models.preprocessing import crop_garment
from models.runtime.landmarker import LandmarkEstimator, read_heatmaps
from models.runtime.session import Arrays
from models.taxonomy import LANDMARK_CHANNELS, Category, slots_of, taxonomy_hash
from models.types import Detection, Garment, Image

SIDE = 56


class Answering:
    """A session that keeps what it was asked and answers with the same maps."""

    provider = "test"

    def __init__(self, maps: npt.NDArray[np.float32]) -> None:
        self.maps = maps
        self.asked: list[npt.NDArray[Any]] = []

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        self.asked.append(inputs["pictures"])
        return (self.maps,)


def described(extra: dict[str, Any]) -> Manifest:
    return Manifest(
        name="landmarker",
        version="1",
        file="landmarker.onnx",
        sha256="0" * 64,
        taxonomy=taxonomy_hash(),
        inputs={"pictures": ["batch", 3, 224, 224]},
        outputs=["heatmaps"],
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        training=TrainingRecord(recipe={}, data="none", seed=0, wall_time_s=0, started_from="nothing"),
        quality={},
        extra=extra,
    )


def bell(x: float, y: float, height: float = 1.0, sigma: float = 1.5) -> npt.NDArray[np.float32]:
    axis = np.arange(SIDE) + 0.5
    across, down = np.exp(-((axis - x) ** 2) / (2 * sigma**2)), np.exp(-((axis - y) ** 2) / (2 * sigma**2))
    return (height * np.outer(down, across)).astype(np.float32)


def garment(category: Category, box: Box) -> Garment:
    image = Image(np.full((400, 300, 3), 90, dtype=np.uint8), "0" * 64)
    return crop_garment(image, Detection(box, category, 0.9))


@given(x=st.floats(2, 54), y=st.floats(2, 54), height=st.floats(0.2, 1.0))
def test_the_top_of_a_gaussian_is_found_to_a_hundredth_of_a_map_pixel(x: float, y: float, height: float) -> None:
    """Three levels of a Gaussian's row decide where its top lies."""
    places, peaks = read_heatmaps(bell(x, y, height)[None])
    assert places[0] == pytest.approx((x, y), abs=0.01)
    assert 0.89 * height <= peaks[0] <= height + 1e-6


def test_a_peak_on_the_rim_stays_inside_the_map() -> None:
    """Without a neighbour on one side the pixel's own centre is taken."""
    places, _ = read_heatmaps(np.stack([bell(0.2, 30.5), bell(30.5, 55.9)]))
    assert places[0] == pytest.approx((0.5, 30.5), abs=0.01)
    assert places[1] == pytest.approx((30.5, 55.5), abs=0.01)


def test_an_empty_map_has_a_place_and_no_height() -> None:
    """A slot the network knows nothing of yields a finite point of confidence zero."""
    places, peaks = read_heatmaps(np.zeros((3, SIDE, SIDE), dtype=np.float32))
    assert np.isfinite(places).all()
    assert (peaks == 0).all()


def test_points_come_back_in_photo_pixels() -> None:
    """A peak in the middle of the map is the middle of the garment's box, whatever the box."""
    maps = np.zeros((2, LANDMARK_CHANNELS, SIDE, SIDE), dtype=np.float32)
    maps[:] = bell(28.0, 28.0)
    boxes = (Box(50, 60, 150, 260), Box(10, 10, 290, 110))
    garments = [garment(Category.SHORT_SLEEVE_TOP, boxes[0]), garment(Category.VEST, boxes[1])]
    found = LandmarkEstimator(Answering(maps), described({"visible_peak": 0.5})).estimate(garments)
    for landmarks, box in zip(found, boxes, strict=True):
        assert landmarks.points_xy == pytest.approx(np.tile(box.centre, (len(landmarks.points_xy), 1)), abs=0.05)


def test_each_slot_is_read_from_the_channel_of_its_category() -> None:
    """A peak in one channel shows in exactly the slot that the taxonomy gives it."""
    category = Category.LONG_SLEEVE_OUTWEAR
    slot = slots_of(category)[20]
    maps = np.zeros((1, LANDMARK_CHANNELS, SIDE, SIDE), dtype=np.float32)
    maps[0, slot.channel] = bell(10.5, 40.5)
    landmarks = LandmarkEstimator(Answering(maps), described({"visible_peak": 0.3})).estimate(
        [garment(category, Box(0, 0, 200, 200))]
    )[0]
    assert np.flatnonzero(landmarks.visible).tolist() == [20]
    assert landmarks.confidence[20] == pytest.approx(1.0)


def test_a_peak_below_the_manifests_threshold_is_not_visible() -> None:
    """The manifest decides what is visible; confidence says how sure the network was, never above one."""
    maps = np.zeros((1, LANDMARK_CHANNELS, SIDE, SIDE), dtype=np.float32)
    maps[:] = bell(20.5, 20.5, 1.3)
    high = LandmarkEstimator(Answering(maps), described({"visible_peak": 0.5}))
    low = LandmarkEstimator(Answering(maps * 0.3), described({"visible_peak": 0.5}))
    garments = [garment(Category.SLING, Box(0, 0, 100, 100))]
    assert high.estimate(garments)[0].visible.all()
    assert high.estimate(garments)[0].confidence.max() == pytest.approx(1.0)
    assert not low.estimate(garments)[0].visible.any()


def test_all_garments_go_through_the_network_in_one_run() -> None:
    """A photo of several garments costs one call, fed as the manifest says."""
    maps = np.zeros((3, LANDMARK_CHANNELS, SIDE, SIDE), dtype=np.float32)
    session = Answering(maps)
    LandmarkEstimator(session, described({"visible_peak": 0.5})).estimate(
        [garment(Category.VEST, Box(0, 0, 300, 400))] * 3
    )
    assert [asked.shape for asked in session.asked] == [(3, 3, 224, 224)]
    assert session.asked[0][0, 0, 112, 112] == pytest.approx((90 / 255 - 0.5) / 0.5)


def test_no_garment_asks_nothing_of_the_network() -> None:
    """An empty list is answered without a run."""
    session = Answering(np.zeros((0, LANDMARK_CHANNELS, SIDE, SIDE), dtype=np.float32))
    assert LandmarkEstimator(session, described({"visible_peak": 0.5})).estimate([]) == []
    assert session.asked == []


@pytest.mark.parametrize("extra", [{}, {"visible_peak": "high"}, {"visible_peak": None}])
def test_a_manifest_without_a_threshold_is_refused(extra: dict[str, Any]) -> None:
    """A model whose paper lacks what serving needs must not be served."""
    with pytest.raises(ModelFileError, match="visible_peak"):
        LandmarkEstimator(Answering(np.zeros(1, dtype=np.float32)), described(extra))


def test_maps_of_another_taxonomy_are_refused() -> None:
    """A network with another number of channels is no landmarker of ours."""
    estimator = LandmarkEstimator(
        Answering(np.zeros((1, 80, SIDE, SIDE), dtype=np.float32)), described({"visible_peak": 0.5})
    )
    with pytest.raises(ModelFileError, match="1 garments"):
        estimator.estimate([garment(Category.VEST, Box(0, 0, 100, 100))])
