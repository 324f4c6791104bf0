"""The same picture is told from another, wherever it lies in the query and however it was turned."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from models.fingerprint import orient
from models.geometry import Box
from models.same_picture import SamePicture, compare_pictures, look_at_query, look_at_registered

Pixels = npt.NDArray[np.uint8]


def drawn(seed: int, height: int = 260, width: int = 200) -> Pixels:
    """Something with corners and shades, uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 216, (9, 7, 3), dtype=np.uint8)
    canvas = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8).copy()
    for _ in range(60):
        x, y = int(rng.integers(width - 20)), int(rng.integers(height - 20))
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        cv2.rectangle(canvas, (x, y), (x + int(rng.integers(4, 20)), y + int(rng.integers(4, 20))), colour, -1)
    return canvas


def compared(query: Pixels, registered: Pixels, orientation: int | None = None) -> SamePicture:
    same = compare_pictures(look_at_query(query), look_at_registered(registered), orientation)
    assert same is not None
    return same


@pytest.mark.parametrize("orientation", range(8))
def test_a_turned_picture_is_the_same_and_says_how_it_was_turned(orientation: int) -> None:
    """`orient` with the answer turns the query into the registered picture."""
    registered = drawn(1)
    undone = [k for k in range(8) if np.array_equal(orient(orient(registered, orientation), k), registered)]
    same = compared(orient(registered, orientation), registered)
    assert same.confidence > 0.8
    assert [same.orientation] == undone
    assert same.shown > 0.97


def test_the_place_of_a_picture_in_a_collage_is_found() -> None:
    """Boxes of the registered photo are mapped into the query's pixels."""
    registered = drawn(1)
    collage = np.concatenate([drawn(2), registered, drawn(3)], axis=1)
    same = compared(collage, registered)
    assert same.confidence > 0.7
    place = same.place_of(Box(50, 60, 150, 200))
    np.testing.assert_allclose(place.as_array(), [250, 60, 350, 200], atol=3)


def test_what_is_cut_away_is_not_shown_and_says_nothing_of_its_regions() -> None:
    """Half of the picture is enough."""
    registered = drawn(1)
    same = compared(registered[:130], registered)
    assert same.confidence > 0.7
    assert same.shown == pytest.approx(0.5, abs=0.05)
    assert same.share_alike(Box(20, 20, 180, 110)) == pytest.approx(1, abs=0.1)
    assert same.share_alike(Box(20, 150, 180, 250)) is None


def test_what_was_painted_over_is_not_alike() -> None:
    """Under another light of the whole picture too."""
    registered = drawn(1)
    altered = registered.copy()
    altered[150:250, 20:180] = drawn(4)[150:250, 20:180]
    same = compared(np.asarray(altered * 0.7 + 30, dtype=np.uint8), registered)
    painted, kept = same.share_alike(Box(20, 150, 180, 250)), same.share_alike(Box(20, 20, 180, 130))
    assert painted is not None and kept is not None
    assert painted < 0.5
    assert kept > 0.9


def test_a_grey_picture_is_the_same_in_all_its_parts_as_the_coloured_one() -> None:
    """Colours cannot be made of grey again, yet nothing was altered; what was painted over still is."""
    registered = drawn(1)
    grey = np.asarray(cv2.cvtColor(cv2.cvtColor(registered, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    whole = Box(0, 0, 200, 260)
    assert compared(grey, registered).share_alike(whole) == pytest.approx(1, abs=0.03)
    grey[100:160, 60:140] = 128
    part = compared(grey, registered).share_alike(Box(70, 110, 130, 150))
    assert part is not None
    assert part < 0.3


def test_another_picture_is_not_the_same() -> None:
    """Some points agree by chance: too few to compare pixels anywhere, or the pixels do not agree."""
    for seed in range(5, 15):
        same = compare_pictures(look_at_query(drawn(seed)), look_at_registered(drawn(1)))
        assert same is None or same.confidence < 0.2


@pytest.mark.parametrize("size", [(32, 32), (32, 12_000), (1, 1), (400, 3)])
def test_pictures_without_points_are_compared_where_a_print_says_how(size: tuple[int, int]) -> None:
    """One colour, hardly any size: an answer without a claim, and no error."""
    flat = np.full((*size, 3), 90, np.uint8)
    assert compare_pictures(look_at_query(flat), look_at_registered(drawn(1))) is None
    assert compared(flat, drawn(1), orientation=3).confidence < 0.2
    assert compared(drawn(1), flat, orientation=5).confidence <= 0.5
