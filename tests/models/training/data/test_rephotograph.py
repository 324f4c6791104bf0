"""Photographing a garment again: landmarks stay on it, flips swap them, seeds repeat."""

import numpy as np
import pytest

from models.taxonomy import slot_index
from models.training.data.garment_picture import mirrored_landmarks
from models.training.data.patterns import draw_cloth, draw_graphic, draw_ground
from models.training.data.rephotograph import Odds, Rephotographed, rephotograph
from tests.models.training.data.drawn_garments import CLOTH, t_shirt, t_shirt_landmarks

PLAIN = Odds(flip=0.0, colourway=0.0, watermark=0.0)


def shoot(seed: int, hardness: float = 1.0, odds: Odds = PLAIN) -> Rephotographed:
    picture = t_shirt(printed=False)
    rng = np.random.default_rng(seed)
    ground = draw_ground(rng, 200, 180)
    return rephotograph(picture.pixels, picture.mask, picture.landmarks, ground, rng, hardness, odds=odds)


@pytest.mark.parametrize("seed", range(8))
def test_landmarks_stay_on_the_garment(seed: int) -> None:
    """The middle of collar, sides and hem lies on the new mask, whatever the warp."""
    shot = shoot(seed)
    points = shot.landmarks.points_xy
    middle = points.mean(axis=0)
    for name in ("hem_L", "hem_R", "cuff_outer_L", "cuff_outer_R", "shoulder_L", "shoulder_R"):
        x, y = points[slot_index(shot.landmarks.category)[name]] * 0.92 + middle * 0.08
        assert shot.mask[int(np.clip(y, 0, 255)), int(np.clip(x, 0, 255))] == 1, name


def test_a_flip_swaps_left_and_right() -> None:
    """After the swap, what is called left lies left again."""
    shot = shoot(1, odds=Odds(flip=1.0, colourway=0.0, watermark=0.0))
    index = slot_index(shot.landmarks.category)
    assert shot.flipped
    assert shot.landmarks.points_xy[index["cuff_outer_L"]][0] < shot.landmarks.points_xy[index["cuff_outer_R"]][0]


def test_mirroring_landmarks_twice_gives_them_back() -> None:
    """Places and names both."""
    marks = t_shirt_landmarks()
    twice = mirrored_landmarks(mirrored_landmarks(marks, 256), 256)
    assert twice.points_xy == pytest.approx(marks.points_xy, abs=1e-3)


def test_the_same_seed_takes_the_same_photo() -> None:
    """Bit for bit."""
    assert np.array_equal(shoot(3).pixels, shoot(3).pixels)
    assert not np.array_equal(shoot(3).pixels, shoot(4).pixels)


def test_a_colourway_changes_the_cloth_and_says_so() -> None:
    """Without one the cloth keeps its colour within what light does to it."""
    for seed in range(5):
        kept, turned = shoot(seed, 0.3), shoot(seed, 0.3, Odds(flip=0.0, colourway=1.0, watermark=0.0))
        distance = [np.linalg.norm(np.median(s.pixels[s.mask > 0], axis=0) - CLOTH) for s in (kept, turned)]
        assert turned.recoloured
        assert not kept.recoloured
        assert distance[0] + 10 < distance[1]


def test_points_that_leave_the_picture_turn_invisible() -> None:
    """A landmark off the photo cannot be seen in it."""
    for seed in range(8):
        shot = shoot(seed)
        inside = ((shot.landmarks.points_xy >= 0) & (shot.landmarks.points_xy < 256)).all(axis=1)
        assert np.array_equal(shot.landmarks.visible, inside)


def test_drawn_cloth_has_two_colours_and_a_graphic_covers_part_of_its_box() -> None:
    """Else a change of fabric or an added print could not be seen."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        cloth = draw_cloth(rng, 80, 90, 14.0, np.array([40.0, 40.0, 40.0], np.float32))
        assert cloth.reshape(-1, 3).std(axis=0).max() > 10
        paint, alpha = draw_graphic(rng, 60, 70, np.array([40.0, 40.0, 40.0], np.float32))
        assert paint.shape == (60, 70, 3)
        assert 0.01 < alpha.mean() < 0.99
