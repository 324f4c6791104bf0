"""Copies as a copycat would make them, on a drawn T-shirt."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from models.geometry import Box
from models.taxonomy import Category
from models.training.data.copies import Copy, CopyMaker, Original
from models.training.data.readers import Fold, GarmentPhoto
from tests.models.training.data.drawn_garments import t_shirt

MAKER = CopyMaker(donors=(), grounds=(np.full((300, 260, 3), (120, 90, 60), np.uint8),))


@pytest.fixture
def original(tmp_path: Path) -> Original:
    """The drawn T-shirt as a registered photo with its mask on disk."""
    drawn = t_shirt()
    cv2.imwrite(str(tmp_path / "tee.png"), cv2.cvtColor(drawn.pixels, cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(tmp_path / "mask.png"), drawn.mask * 255)
    photo = GarmentPhoto(
        photo="tee.jpg", path=tmp_path / "tee.png", mask_path=tmp_path / "mask.png", width=256, height=256,
        box=Box(26, 36, 230, 238), split="train", fold=Fold.TRAIN, contributor="1", label="T-Shirt",
        df2="short_sleeve_top", category=Category.SHORT_SLEEVE_TOP, view="front", ok=True, sleeve="short", neck="round",
        pattern="graphic", closure="none", length="hip",
    )  # fmt: skip
    return Original(photo, drawn.landmarks)


def made(original: Original, seed: int) -> Copy:
    copy = MAKER.copy(original, seed)
    assert copy is not None
    return copy


def test_a_copy_alters_one_or_two_regions_and_says_which(original: Original) -> None:
    """product.md's partial copy; each edit has a name."""
    for seed in range(8):
        copy = made(original, seed)
        assert 1 <= len(set(copy.altered)) <= 2
        assert len(copy.edits) == len(copy.altered)


def test_the_same_seed_makes_the_same_copy_and_another_seed_another(original: Original) -> None:
    """Benchmarks of two machines ask the same questions."""
    assert np.array_equal(made(original, 3).pixels, made(original, 3).pixels)
    assert not np.array_equal(made(original, 3).pixels, made(original, 4).pixels)


def test_a_copy_is_another_photo_on_another_ground(original: Original) -> None:
    """The corner shows the brown ground instead of the light one."""
    corner = made(original, 1).pixels[:12, :12].astype(int).mean(axis=(0, 1))
    assert np.abs(corner - original.pixels()[:12, :12].mean(axis=(0, 1))).max() > 30


def test_a_copy_can_be_uploaded(original: Original) -> None:
    """Its bytes are a JPEG of its size."""
    copy = made(original, 2)
    with PillowImage.open(io.BytesIO(copy.jpeg())) as opened:
        assert opened.format == "JPEG"
        assert opened.size == copy.pixels.shape[1::-1]
