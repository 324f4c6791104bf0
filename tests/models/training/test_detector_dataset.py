"""The detector's training pictures, drawn from two painted scenes."""

import cv2
import numpy as np
import pytest
import torch

from models.preprocessing import PADDING, letterbox
from models.taxonomy import Category
from models.training.data.compositing import mask_box
from models.training.detector.dataset import DetectorPictures, Diet, collate, frame_scene
from models.training.detector.light import relight
from models.training.detector.objective import label_of
from models.training.detector.scenes import MarkedGarment, Scene

SHIRT = frozenset({Category.SHORT_SLEEVE_TOP})
SIDE = 160


def painted(source: str = "garment") -> Scene:
    """A red garment with sleeves on green, 150×200."""
    mask = np.zeros((200, 150), np.uint8)
    cv2.fillPoly(mask, [np.array([[20, 60], [60, 40], [90, 40], [130, 60], [110, 90], [110, 160], [40, 160]])], 255)
    pixels = np.where(mask[..., None] > 0, (200, 30, 30), (30, 120, 30)).astype(np.uint8)
    return Scene(pixels, (MarkedGarment(mask, SHIRT),), source)


def nothing() -> Scene:
    return Scene(np.full((200, 150, 3), 90, np.uint8), (), "nothing")


def test_a_picture_is_the_same_each_time_it_is_drawn() -> None:
    """Seed, epoch and number decide; an interrupted run resumes on the same pictures."""
    scenes = [painted(), painted("street"), nothing()]
    first, again = (DetectorPictures(scenes, Diet(pictures=4), SIDE, 7, 2)[3] for _ in range(2))
    assert np.array_equal(first[0], again[0]) and first[1] == again[1]
    other = DetectorPictures(scenes, Diet(pictures=4), SIDE, 7, 3)[3]
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("seed", range(12))
def test_targets_surround_what_is_red(seed: int) -> None:
    """After any framing the box is where the garment's pixels are."""
    pixels, shown, frame = frame_scene(painted(), SIDE, np.random.default_rng(seed))
    box = mask_box(shown[0].mask)
    assert box is not None
    seen = pixels[: int(frame.y2), : int(frame.x2)]
    red = mask_box(np.where(seen[..., 0] > 115, 255, 0).astype(np.uint8))
    assert red is not None
    assert box.as_array() == pytest.approx(red.as_array(), abs=2.5)


def test_pictures_are_framed_as_serving_letterboxes() -> None:
    """The photo lies in the upper left corner at full length, padding grey right or below."""
    picture, _ = DetectorPictures([painted(), nothing()], Diet(collages=0, streets=0, stores=0), SIDE, 1, 0)[5]
    served, _ = letterbox(painted().pixels, SIDE)
    assert picture.shape == served.shape
    grey_columns = (picture == PADDING).all(axis=(0, 2)).sum()
    grey_rows = (picture == PADDING).all(axis=(1, 2)).sum()
    assert (grey_columns > 0) != (grey_rows > 0) or grey_columns == grey_rows == 0


def test_collages_hold_several_garments() -> None:
    """What serving meets now and then is learnt from: boxes of garments pasted on another photo."""
    scenes = [painted(), painted("street"), nothing()]
    pictures = DetectorPictures(scenes, Diet(pictures=20, collages=1, streets=0, stores=0, nothing=0), SIDE, 1, 0)
    marks = [pictures[n][1] for n in range(20)]
    assert max(len(m) for m in marks) >= 3
    for mark in marks:
        assert all(0 <= b.x1 < b.x2 <= SIDE and 0 <= b.y1 < b.y2 <= SIDE for b, _ in mark)


def test_photos_without_garments_have_no_targets() -> None:
    """Shoes teach the detector to answer nothing."""
    only_nothing = Diet(pictures=3, collages=0, streets=0, stores=0, nothing=1)
    pictures = DetectorPictures([painted(), nothing()], only_nothing, SIDE, 1, 0)
    batch, targets = collate([pictures[n] for n in range(3)])
    assert batch.shape == (3, 3, SIDE, SIDE) and batch.is_contiguous(memory_format=torch.channels_last)
    assert [t["boxes"].shape for t in targets] == [(0, 4)] * 3


def test_targets_carry_their_sets_of_categories() -> None:
    """A garment's label is its admissible set as bits."""
    only_garments = Diet(pictures=1, collages=0, streets=0, stores=0, nothing=0)
    _, targets = collate([DetectorPictures([painted()], only_garments, SIDE, 1, 0)[0]])
    assert targets[0]["labels"].tolist() == [label_of(SHIRT)]


def test_other_light_keeps_the_shape_of_a_photo() -> None:
    """Colours change, edges stay: relit pictures correlate with their originals."""
    original = painted().pixels
    for seed in range(10):
        relit = relight(original, np.random.default_rng(seed))
        assert relit.shape == original.shape and relit.dtype == np.uint8
        assert not np.array_equal(relit, original)
        assert np.corrcoef(_edges(relit), _edges(original))[0, 1] > 0.5


def _edges(pixels: np.ndarray) -> np.ndarray:
    """How steep the picture is at each pixel, noise smoothed away: float32 (H * W,)."""
    smooth = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 2)
    return np.abs(cv2.Laplacian(smooth, cv2.CV_32F)).sum(axis=2).ravel()


def test_rare_groups_come_up_more_often_than_their_share() -> None:
    """One dress among nine shirts is drawn for a quarter of the pictures, as 1/√1 to 9/√9 has it."""
    dress = Scene(np.full((60, 60, 3), 250, np.uint8), _everywhere(Category.VEST_DRESS), "garment")
    shirt = Scene(np.full((60, 60, 3), 5, np.uint8), _everywhere(Category.SHORT_SLEEVE_TOP), "garment")
    only_garments = Diet(pictures=200, collages=0, streets=0, stores=0, nothing=0)
    pictures = DetectorPictures([dress] + [shirt] * 9, only_garments, 64, 1, 0)
    labels = [pictures[n][1][0][1] for n in range(200)]
    assert 30 <= labels.count(label_of(frozenset({Category.VEST_DRESS}))) <= 70


def _everywhere(category: Category) -> tuple[MarkedGarment, ...]:
    return (MarkedGarment(np.full((60, 60), 255, np.uint8), frozenset({category})),)
