"""The embedder's serving class: what it feeds the network and what it makes of the answer."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.errors import ModelFileError
from models.geometry import Affine, Box
from models.manifest import Manifest, TrainingRecord
from models.regions import locate_regions
from models.runtime.embedder import RegionEmbedder, both_orientations, mirrored_boxes, region_colours
from models.runtime.session import Arrays
from models.taxonomy import REGIONS, Category, RegionName, mirror_channels, slots_of, taxonomy_hash
from models.types import CROP_SIZE, Detection, Garment, Landmarks, Region

DIMENSION = 4
INPUTS: dict[str, list[int | str]] = {
    "crops": ["batch", 3, 288, 288], "landmark_maps": ["batch", 81, 36, 36], "boxes": ["batch", 5, 4],
}  # fmt: skip


class Pointing:
    """A session whose vectors point along the first axis where a box has an area; keeps what it was fed."""

    provider = "test"

    def __init__(self) -> None:
        self.fed: dict[str, npt.NDArray[Any]] = {}

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        self.fed = dict(inputs)
        seen = inputs["boxes"].any(axis=2)
        vectors = np.zeros((*seen.shape, DIMENSION), np.float32)
        vectors[..., 0] = seen
        return (vectors,)


def described(inputs: dict[str, list[int | str]] = INPUTS) -> Manifest:
    return Manifest(
        name="embedder", version="7", file="embedder.onnx", sha256="0" * 64, taxonomy=taxonomy_hash(), inputs=inputs,
        outputs=["vectors"], mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), quality={}, extra={"dimension": DIMENSION},
        training=TrainingRecord(recipe={}, data="", seed=1, wall_time_s=0, started_from=""),
    )  # fmt: skip


def garment_of(category: Category, seed: int = 0) -> tuple[Garment, Landmarks, tuple[Region, ...]]:
    """A garment in a photo of 448×448 whose crop is the whole photo."""
    rng = np.random.default_rng(seed)
    count = len(slots_of(category))
    marks = Landmarks(category, rng.uniform(60, 380, (count, 2)), np.full(count, 0.8), np.ones(count, bool))
    crop = rng.integers(0, 255, (CROP_SIZE, CROP_SIZE, 3)).astype(np.uint8)
    to_photo = Affine(np.array([[448 / CROP_SIZE, 0, 0], [0, 448 / CROP_SIZE, 0]]))
    garment = Garment(Detection(Box(10, 10, 400, 400), category, 0.9), crop, to_photo)
    return garment, marks, locate_regions(marks, 448, 448)


def test_every_garment_is_described_both_ways_round_in_one_run() -> None:
    """Two garments make four rows of the batch, and the answers come back to their garments."""
    session = Pointing()
    given = [garment_of(Category.SHORT_SLEEVE_TOP, 1), garment_of(Category.VEST, 2)]
    answers = RegionEmbedder(session, described()).embed(*map(list, zip(*given, strict=True)))
    assert session.fed["crops"].shape == (4, 3, CROP_SIZE, CROP_SIZE)
    assert [seen.mask for seen, _ in answers] == [31, 7]
    assert [flipped.mask for _, flipped in answers] == [31, 7]


def test_the_flipped_crop_is_fed_with_flipped_maps_and_swapped_sleeves() -> None:
    """The network cannot tell it from a photo of the mirrored garment."""
    garment, marks, regions = garment_of(Category.LONG_SLEEVE_TOP)
    seen, flipped = both_orientations(garment.crop, garment.to_photo.inverse(), marks, regions)
    assert np.array_equal(flipped.crop, seen.crop[:, ::-1])
    assert flipped.maps == pytest.approx(seen.maps[list(mirror_channels()), :, ::-1], abs=1e-4)
    left, right = RegionName.LEFT_SLEEVE.row, RegionName.RIGHT_SLEEVE.row
    assert flipped.boxes[left][[0, 2]] == pytest.approx(CROP_SIZE - seen.boxes[right][[2, 0]])


def test_boxes_are_fed_in_crop_pixels_and_missing_ones_as_zeros() -> None:
    """A vest has no sleeves; its chest box is scaled as the photo is."""
    garment, marks, regions = garment_of(Category.VEST)
    seen, _ = both_orientations(garment.crop, garment.to_photo.inverse(), marks, regions)
    chest = regions[RegionName.CHEST.row].box
    assert chest is not None
    assert seen.boxes[RegionName.CHEST.row] == pytest.approx(chest.as_array() * CROP_SIZE / 448, abs=1e-3)
    assert not seen.boxes[RegionName.LEFT_SLEEVE.row].any()


def test_hidden_landmarks_leave_no_mark_on_the_maps() -> None:
    """Attention is drawn to what was seen, as strongly as it was seen."""
    garment, marks, regions = garment_of(Category.VEST)
    hidden = Landmarks(marks.category, marks.points_xy, marks.confidence, np.zeros_like(marks.visible))
    to_crop = garment.to_photo.inverse()
    assert both_orientations(garment.crop, to_crop, hidden, regions)[0].maps.max() == 0
    assert 0.5 < both_orientations(garment.crop, to_crop, marks, regions)[0].maps.max() <= 0.8


@given(arrays(np.float32, (5, 4), elements=st.floats(1, 223, width=32)), st.integers(0, 31))
def test_mirroring_boxes_twice_gives_them_back(drawn: npt.NDArray[np.float32], mask: int) -> None:
    """Missing boxes stay missing under the sleeve's new name."""
    boxes = np.concatenate([np.minimum(drawn[:, :2], drawn[:, 2:]), np.maximum(drawn[:, :2], drawn[:, 2:])], axis=1)
    boxes[(mask >> np.arange(5)) & 1 == 0] = 0
    assert mirrored_boxes(mirrored_boxes(boxes)) == pytest.approx(boxes, abs=1e-3)


def test_a_regions_colour_is_the_median_of_the_garment_inside_its_box() -> None:
    """Ground in the box does not count; a missing region has none. CIELAB of pure red is (53, 80, 67)."""
    crop = np.full((CROP_SIZE, CROP_SIZE, 3), 255, np.uint8)
    crop[40:180, 60:160] = (255, 0, 0)
    outline = np.array([[60, 40], [160, 40], [160, 180], [60, 180]], np.float32)
    boxes = np.zeros((5, 4), np.float32)
    boxes[RegionName.CHEST.row] = (0, 30, 288, 120)
    colours = region_colours(crop, outline, boxes)
    assert colours[RegionName.CHEST.row] == pytest.approx([53.2, 80.1, 67.2], abs=0.3)
    assert not colours[RegionName.WAIST.row].any()


def test_the_colours_of_the_flipped_crop_change_names_with_its_sleeves() -> None:
    """Same garment, same colours, sleeves swapped."""
    given = garment_of(Category.SHORT_SLEEVE_TOP, 3)
    ((seen, flipped),) = RegionEmbedder(Pointing(), described()).embed(*[[part] for part in given])
    order = [name.mirrored.row for name in REGIONS]
    assert np.array_equal(flipped.colours, seen.colours[order])


def test_a_network_of_smaller_crops_is_fed_smaller_ones() -> None:
    """The embedder that a new one takes over from: crop, maps and boxes shrink together, colours do not change."""
    smaller: dict[str, list[int | str]] = {
        "crops": ["batch", 3, 224, 224], "landmark_maps": ["batch", 81, 28, 28], "boxes": ["batch", 5, 4],
    }  # fmt: skip
    given = [[part] for part in garment_of(Category.SHORT_SLEEVE_TOP, 3)]
    session, before = Pointing(), Pointing()
    ((seen, _),) = RegionEmbedder(session, described()).embed(*given)
    ((earlier, _),) = RegionEmbedder(before, described(smaller)).embed(*given)
    assert before.fed["crops"].shape == (2, 3, 224, 224)
    assert before.fed["landmark_maps"].shape == (2, 81, 28, 28)
    assert before.fed["boxes"] == pytest.approx(session.fed["boxes"] * 224 / CROP_SIZE)
    assert np.array_equal(seen.colours, earlier.colours)


@pytest.mark.parametrize("side", [300, 320, "side"])
def test_a_network_of_other_crops_is_refused(side: int | str) -> None:
    """Larger than what is cut, or no whole number of cells."""
    inputs: dict[str, list[int | str]] = INPUTS | {"crops": ["batch", 3, side, side]}
    with pytest.raises(ModelFileError):
        RegionEmbedder(Pointing(), described(inputs))


def test_no_garments_need_no_network() -> None:
    """A photo without garments is an answer too."""
    session = Pointing()
    assert RegionEmbedder(session, described()).embed([], [], []) == []
    assert session.fed == {}


def test_a_model_with_other_inputs_is_refused() -> None:
    """Rather than at the first request."""
    with pytest.raises(ModelFileError):
        RegionEmbedder(Pointing(), described({"picture": [1, 3, 224, 224]}))
