"""Cutting garments out and pasting them on other grounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidValue
from models.geometry import Affine, Box
from models.training.data.compositing import chain, cut_out, mask_box, paste, shift, turn_about, warp

RED, BLUE = (200, 0, 0), (0, 0, 200)


def red_square_on_blue() -> tuple[np.ndarray, np.ndarray]:
    """A 60×80 photo with a garment at (20, 10)–(40, 50), and its mask."""
    pixels = np.full((80, 60, 3), BLUE, np.uint8)
    mask = np.zeros((80, 60), np.uint8)
    mask[10:50, 20:40] = 255
    pixels[mask > 0] = RED
    return pixels, mask


def test_a_cut_out_holds_the_garment_and_little_else() -> None:
    """It is trimmed to the garment, a soft rim included."""
    cutout = cut_out(*red_square_on_blue())
    assert 18 <= cutout.width <= 26 and 38 <= cutout.height <= 46


def test_a_pasted_garment_brings_none_of_its_ground_along() -> None:
    """On white, no blue of the old ground shows."""
    ground = np.full((100, 100, 3), 255, np.uint8)
    laid, mask = paste(ground, cut_out(*red_square_on_blue()), shift(30, 30))
    assert (laid[mask == 255] == RED).all()
    assert (laid[mask == 0] == 255).all()
    bluer_than_red = laid[..., 2].astype(int) > laid[..., 0].astype(int) + 5
    assert not bluer_than_red.any()


def test_an_empty_mask_cannot_be_cut_out() -> None:
    """A photo without a garment is a caller's mistake, said aloud."""
    with pytest.raises(InvalidValue, match="empty"):
        cut_out(np.zeros((20, 20, 3), np.uint8), np.zeros((20, 20), np.uint8))


def test_a_mask_that_shows_nothing_has_no_box() -> None:
    """Garments pushed out of the picture are no targets."""
    assert mask_box(np.zeros((9, 9), np.uint8)) is None


@given(degrees=st.floats(-180, 180), scale=st.floats(0.3, 2), flip=st.booleans())
def test_the_centre_of_a_turn_stays_where_it_is(degrees: float, scale: float, flip: bool) -> None:
    """Turning, scaling and flipping go about the point asked for."""
    turn = turn_about(12.0, 30.0, degrees, scale, flip=flip)
    assert turn.apply([[12.0, 30.0]])[0] == pytest.approx([12, 30], abs=1e-3)
    assert abs(np.linalg.det(turn.matrix[:, :2])) == pytest.approx(scale**2)


@given(dx=st.floats(-9, 9), dy=st.floats(-9, 9), degrees=st.floats(-90, 90))
def test_chained_maps_apply_from_first_to_last(dx: float, dy: float, degrees: float) -> None:
    """`chain(a, b)` is b after a."""
    a, b = turn_about(5, 5, degrees, 1.3), shift(dx, dy)
    points = [[0.0, 0.0], [7.0, 3.0]]
    assert chain(a, b).apply(points) == pytest.approx(b.apply(a.apply(points)), abs=1e-3)


@given(scale=st.floats(0.5, 2), dx=st.floats(0, 20), dy=st.floats(0, 20))
def test_a_warped_mask_lies_where_its_map_takes_its_box(scale: float, dx: float, dy: float) -> None:
    """Resampling and geometry agree on where pixel corners are."""
    _, mask = red_square_on_blue()
    to_target = chain(Affine(np.array([[scale, 0, 0], [0, scale, 0]])), shift(dx, dy))
    warped = mask_box(warp(mask, to_target, 160, 200))
    assert warped is not None
    assert warped.as_array() == pytest.approx(to_target.apply_to_box(Box(20, 10, 40, 50)).as_array(), abs=0.75)
