"""Band by band comes to what one conversion of the whole picture comes to."""

import io

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms, ImageOps

from models.upright import in_memory, orientation_of, upright_srgb

MANY_BANDS = (900, 700)
"""Three bands of a quarter of a megapixel, the last of them short."""


def picture(mode: str = "RGB") -> PillowImage.Image:
    """Noise, and so another colour at every pixel."""
    pixels = np.random.default_rng(1).integers(0, 256, (*MANY_BANDS[::-1], 4), dtype=np.uint8)
    if mode == "I;16":
        return PillowImage.fromarray(pixels.view(np.uint16)[..., 0])
    return PillowImage.fromarray(pixels).convert(mode if mode not in ("CMYK", "P") else "RGB").convert(mode)


@pytest.mark.parametrize("orientation", [*range(10), "6", None])
def test_every_orientation_is_turned_as_pillow_turns_it(orientation: object) -> None:
    """Also those that do not exist, which turn nothing."""
    stored = picture()
    if isinstance(orientation, int):
        exif = PillowImage.Exif()
        exif[0x0112] = orientation
        stored.info["exif"] = exif.tobytes()
        assert orientation_of(stored) == orientation
    assert np.array_equal(upright_srgb(stored, orientation), np.asarray(ImageOps.exif_transpose(stored)))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "RGBA", "LA"])
def test_every_mode_is_converted_as_the_whole_would_be(mode: str) -> None:
    """Over white where it is transparent."""
    stored = picture(mode)
    whole = stored.convert("RGBA") if mode in ("RGBA", "LA") else stored.convert("RGB")
    if whole.mode == "RGBA":
        whole = PillowImage.alpha_composite(PillowImage.new("RGBA", whole.size, "white"), whole).convert("RGB")
    assert np.array_equal(upright_srgb(stored, 1), np.asarray(whole))


def test_a_profile_is_applied_to_every_band() -> None:
    """A profile whose primaries are not those of sRGB, so that it changes something."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entry = profile.index(b"rXYZ")
    profile[int.from_bytes(profile[entry + 4 : entry + 8], "big") + 10] ^= 0x35
    stored = picture()
    source = ImageCms.ImageCmsProfile(io.BytesIO(bytes(profile)))
    whole = ImageCms.profileToProfile(stored, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert whole is not None
    stored.info["icc_profile"] = bytes(profile)
    assert np.array_equal(upright_srgb(stored, 1), np.asarray(whole))
    assert not np.array_equal(np.asarray(whole), np.asarray(stored))


@pytest.mark.parametrize("brightest", [255, 256])
def test_deep_grey_has_one_scale_for_all_bands(brightest: int) -> None:
    """The pixel that tells is in the last band."""
    values = np.full(MANY_BANDS[::-1], 255, np.uint16)
    values[-1, -1] = brightest
    pixels = upright_srgb(PillowImage.fromarray(values), 1)
    assert pixels[0, 0].tolist() == [255 if brightest == 255 else 0] * 3


def test_pixels_are_written_where_the_caller_says() -> None:
    """And nowhere else."""
    places: list[np.ndarray] = []

    def allocate(shape: tuple[int, int, int]) -> np.ndarray:
        places.append(in_memory(shape))
        return places[0]

    assert upright_srgb(picture("I;16"), 6, allocate) is places[0]
    assert places[0].shape == (*MANY_BANDS, 3)
