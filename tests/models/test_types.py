"""Values that check themselves."""

import numpy as np
import pytest

from models.errors import InvalidValue
from models.geometry import Box
from models.taxonomy import Category, RegionName
from models.types import Detection, Image, Landmarks, MissingReason, Region, RegionEmbeddings


def test_arrays_inside_values_cannot_be_written() -> None:
    """A cached description is shared between requests."""
    image = Image(np.zeros((4, 4, 3), np.uint8), "0" * 64)
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[0, 0] = 1


def test_a_value_keeps_its_own_copy() -> None:
    """Changing the array that it was made from changes nothing."""
    pixels = np.zeros((4, 4, 3), np.uint8)
    image = Image(pixels, "0" * 64)
    pixels[:] = 9
    assert image.pixels.max() == 0


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_confidence_outside_zero_to_one_is_refused(confidence: float) -> None:
    """Networks that overflow are caught at the door."""
    with pytest.raises(InvalidValue):
        Detection(Box(0, 0, 1, 1), Category.VEST, confidence)


def test_landmarks_need_one_point_a_slot_of_their_category() -> None:
    """A vest has 15 slots, not 25."""
    with pytest.raises(InvalidValue):
        Landmarks(Category.VEST, np.zeros((25, 2)), np.zeros(25), np.zeros(25, bool))


def test_a_region_has_a_box_or_a_reason_and_never_both() -> None:
    """No region is silently missing."""
    with pytest.raises(InvalidValue):
        Region(RegionName.CHEST, None)
    with pytest.raises(InvalidValue):
        Region(RegionName.CHEST, Box(0, 0, 1, 1), MissingReason.ABSENT)


def test_embeddings_that_are_not_unit_length_are_refused() -> None:
    """Otherwise an inner product would be no cosine."""
    with pytest.raises(InvalidValue):
        RegionEmbeddings(np.full((5, 4), 0.9), np.zeros((5, 3)))


def test_the_mask_has_one_bit_a_visible_region() -> None:
    """Catalogue items are grouped by this number."""
    vectors = np.zeros((5, 4))
    vectors[[0, 3], 0] = 1
    embeddings = RegionEmbeddings(vectors, np.zeros((5, 3)))
    assert embeddings.mask == 0b01001
    assert embeddings.mirrored_rows().mask == 0b10001
