"""Training crops: points stay on their garment whatever befalls the picture."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.geometry import Box
from models.preprocessing import crop_square
from models.runtime.landmarker import PICTURE_SIDE
from models.taxonomy import Category, slot_index, slots_of
from models.training.data.landmark_labels import LandmarkLabel
from models.training.landmarker.augmentation import Augmentation, bare_ground, erased, laid_on
from models.training.landmarker.dataset import ABSENT_WEIGHT, LandmarkDataset, Sample, collate, load_sample

TEE = Category.SHORT_SLEEVE_TOP
INDEX = slot_index(TEE)
LEFT, RIGHT = slots_of(TEE)[INDEX["hem_L"]].channel, slots_of(TEE)[INDEX["hem_R"]].channel
STILL = Augmentation(turn=1e-6, shift=0, scale=0, flip=0, new_ground=0, erase=0, degrade=0)


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """A grey garment on white with a black dot at its left hem; the neck is absent."""
    pixels = np.full((360, 300, 3), 255, np.uint8)
    pixels[60:300, 50:250] = 150
    cv2.circle(pixels, (70, 280), 7, (0, 0, 0), -1)
    mask = np.zeros((360, 300), np.uint8)
    mask[60:300, 50:250] = 255
    for folder in ("photos", "masks"):
        (tmp_path / "garments" / folder).mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "garments" / "photos" / "a.png"), pixels)
    cv2.imwrite(str(tmp_path / "garments" / "masks" / "a.png"), mask)
    points = np.zeros((len(slots_of(TEE)), 3))
    points[INDEX["hem_L"]] = (70.5, 280.5, 1)
    points[INDEX["hem_R"]] = (230.5, 280.5, 1)
    points[INDEX["shoulder_L"]] = (50, 60, 1)
    points[INDEX["shoulder_R"]] = (250, 60, 1)
    label = LandmarkLabel("a.png", "garments/photos/a.png", TEE, "train", "hand", 1.0, Box(50, 60, 250, 300), points)
    return load_sample(tmp_path, label)


def darkest(crop: np.ndarray, below: int = 40) -> np.ndarray:
    rows, columns = np.nonzero(crop.max(axis=2) < below)
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


def test_an_unvaried_crop_is_the_serving_crop(sample: Sample) -> None:
    """Without jitter the box's square is cut, as `crop_garment` does."""
    drawn = LandmarkDataset([sample], STILL, seed=0).draw(sample, np.random.default_rng(0))
    square = crop_square(Box(50, 60, 250, 300))
    expected = (np.array([70.5, 280.5]) - (square.x1, square.y1)) * PICTURE_SIDE / square.width
    # The crop is stretched across by up to 8 %, which leaves heights alone.
    assert drawn.places[LEFT, 1] == pytest.approx(expected[1], abs=1.0)
    assert drawn.pixels.shape == (PICTURE_SIDE, PICTURE_SIDE, 3)


@pytest.mark.parametrize("seed", range(6))
def test_points_follow_the_picture_through_turns_and_shifts(sample: Sample, seed: int) -> None:
    """The black dot of the picture is where the label says, turned or not."""
    turned = Augmentation(flip=0, new_ground=0, erase=0, degrade=0)
    drawn = LandmarkDataset([sample], turned, seed=0).draw(sample, np.random.default_rng(seed))
    assert darkest(drawn.pixels) == pytest.approx(drawn.places[LEFT], abs=2.0)


def test_a_flip_swaps_the_sides(sample: Sample) -> None:
    """In the mirror the black dot is the right end of the hem."""
    flipped = Augmentation(turn=1e-6, shift=0, scale=0, flip=1, new_ground=0, erase=0, degrade=0)
    drawn = LandmarkDataset([sample], flipped, seed=0).draw(sample, np.random.default_rng(0))
    assert darkest(drawn.pixels) == pytest.approx(drawn.places[RIGHT], abs=2.0)
    assert drawn.places[RIGHT, 0] > drawn.places[LEFT, 0]


def test_an_absent_slot_is_to_stay_empty_and_a_foreign_channel_is_free(sample: Sample) -> None:
    """Hand-placed garments say that a landmark is absent; channels of other categories have no weight."""
    neck = slots_of(TEE)[INDEX["neck_L"]].channel
    assert not sample.present[neck]
    assert sample.weights[neck] == ABSENT_WEIGHT
    foreign = {slot.channel for slot in slots_of(Category.SKIRT)} - {slot.channel for slot in slots_of(TEE)}
    assert not sample.weights[list(foreign)].any()


def test_a_landmark_outside_the_crop_has_no_weight(sample: Sample) -> None:
    """What the crop cuts off cannot be learnt."""
    far = sample.places.copy()
    far[LEFT] = (-400, 280)
    moved = Sample(sample.pixels, sample.mask, sample.rim, far, sample.weights, sample.present)
    drawn = LandmarkDataset([moved], STILL, seed=0).draw(moved, np.random.default_rng(0))
    assert drawn.weights[LEFT] == 0
    assert drawn.weights[RIGHT] == 1


def test_an_epoch_is_the_same_every_time_and_unlike_the_next(sample: Sample) -> None:
    """A resumed run sees the pictures that an uninterrupted one would have seen."""
    dataset = LandmarkDataset([sample] * 4, Augmentation(), seed=5)
    first, again, other = (next(dataset.batches(epoch, 4)) for epoch in (0, 0, 1))
    assert (first.pictures == again.pictures).all()
    assert not (first.pictures == other.pictures).all()


def test_batches_are_in_map_pixels(sample: Sample) -> None:
    """Places shrink from the crop's 224 to the map's 56."""
    batch = collate([sample, sample])
    assert batch.places[1, LEFT].tolist() == pytest.approx((sample.places[LEFT] / 4).tolist(), rel=1e-5)


def test_a_bare_ground_shows_no_garment(sample: Sample) -> None:
    """The garment's grey is painted over in the white of its surroundings; laid on another it is whole."""
    assert sample.mask is not None
    ground = bare_ground(sample.pixels, sample.mask)
    assert ground[80, 80].min() > 240
    black = np.zeros((160, 160, 3), np.uint8)
    joined = laid_on(sample.pixels, sample.mask, black)
    assert joined[10, 10].max() == 0
    assert joined[180, 150].tolist() == [150, 150, 150]


def test_a_covered_place_is_told() -> None:
    """Exactly the places under the rectangle are hidden."""
    crop = np.full((PICTURE_SIDE, PICTURE_SIDE, 3), 7, np.uint8)
    rows, columns = np.mgrid[0:224:4, 0:224:4]
    places = np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5
    covered, hidden = erased(crop, places, np.random.default_rng(3))
    changed = (covered != 7).any(axis=2)[places[:, 1].astype(int), places[:, 0].astype(int)]
    assert hidden.any() and (changed == hidden).all()
