"""One decoding for queries, adds and training."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from models.errors import ImageTooLarge, ImageTooSmall, UndecodableImage, UnsupportedFormat
from models.geometry import Box
from models.preprocessing import ImageLimits, crop_garment, decode, landmark_maps, letterbox, normalise
from models.taxonomy import Category
from models.types import Detection, Image

LIMITS = ImageLimits()


def picture(width: int = 64, height: int = 48) -> PillowImage.Image:
    """Red on the left, blue on the right, green top line: every flip and turn shows."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = (200, 30, 30)
    pixels[:, width // 2 :] = (30, 30, 200)
    pixels[: height // 6] = (30, 200, 30)
    return PillowImage.fromarray(pixels)


def encoded(image: PillowImage.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, **({"format": "PNG"} | options))
    return stream.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_exif_orientations_decode_to_the_same_upright_photo(orientation: int) -> None:
    """A phone's rotation flag must not change what the models see."""
    turns = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}
    stored = picture()
    for turn in turns.get(orientation, []):
        stored = stored.transpose(PillowImage.Transpose(turn))
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(decode(encoded(stored, exif=exif), LIMITS).pixels, np.asarray(picture()))


def test_transparency_shows_white_ground() -> None:
    """Cut-out product pictures are common; black ground would change every embedding."""
    cut_out = picture().convert("RGBA")
    cut_out.putalpha(PillowImage.fromarray(np.zeros((48, 64), np.uint8)))
    assert decode(encoded(cut_out), LIMITS).pixels.min() == 255


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_png_mode_becomes_8_bit_rgb(mode: str) -> None:
    """Whatever the shop's tool wrote."""
    image = PillowImage.new("I;16", (64, 48), 40_000) if mode == "I;16" else picture().convert(mode)
    pixels = decode(encoded(image), LIMITS).pixels
    assert pixels.shape == (48, 64, 3)
    if mode == "I;16":
        assert abs(int(pixels.mean()) - round(40_000 / 65535 * 255)) <= 1


def test_cmyk_jpegs_keep_their_colours_roughly() -> None:
    """Print departments send CMYK; red must stay red."""
    red = PillowImage.new("RGB", (64, 64), (200, 30, 30)).convert("CMYK")
    r, g, b = decode(encoded(red, format="JPEG", quality=95), LIMITS).pixels.reshape(-1, 3).mean(axis=0)
    assert r > 150
    assert max(g, b) < 90


def test_a_palette_with_transparency_is_laid_on_white() -> None:
    """GIF-like PNGs with tRNS."""
    image = PillowImage.new("P", (64, 48), 0)
    image.putpalette([255, 0, 0] + [0, 0, 255] * 255)
    assert (decode(encoded(image, transparency=0), LIMITS).pixels == 255).all()


def test_an_animation_is_its_first_frame() -> None:
    """A listing's GIF is judged by what it shows first."""
    frames = [picture(), PillowImage.new("RGB", (64, 48), "black")]
    data = encoded(frames[0], format="GIF", save_all=True, append_images=frames[1:])
    assert decode(data, LIMITS).pixels.mean() > 50


def test_a_broken_colour_profile_is_ignored() -> None:
    """A bad profile is no reason to refuse a listing."""
    data = encoded(picture(), icc_profile=b"not a profile")
    assert np.array_equal(decode(data, LIMITS).pixels, np.asarray(picture()))


def test_a_bomb_is_refused_on_its_header() -> None:
    """100 megapixels of nothing weigh a few kilobytes; no pixel is allocated."""
    data = encoded(PillowImage.new("1", (12_000, 9_000)))
    with pytest.raises(ImageTooLarge, match="12000×9000"):
        decode(data, LIMITS)


def test_a_one_pixel_image_is_too_small() -> None:
    """It has killed embedding servers of others (peers.md, infinity #609)."""
    with pytest.raises(ImageTooSmall):
        decode(encoded(PillowImage.new("RGB", (1, 1))), LIMITS)


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.4 not an image", b"BM" + b"\0" * 60])
def test_what_is_no_photo_is_named_so(data: bytes) -> None:
    """Formats that we do not take are refused before any other parser sees them."""
    with pytest.raises(UnsupportedFormat):
        decode(data, LIMITS)


def test_a_truncated_photo_is_undecodable() -> None:
    """Half an upload is no photo."""
    data = encoded(picture(400, 300), format="JPEG")
    with pytest.raises(UndecodableImage):
        decode(data[: len(data) // 2], LIMITS)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_mutated_bytes_either_decode_or_raise_an_image_error(data: st.DataObject) -> None:
    """Nothing but our own errors leaves the decoder."""
    original = bytearray(encoded(picture(), format=data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]))))
    for _ in range(data.draw(st.integers(1, 6))):
        original[data.draw(st.integers(0, len(original) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert decode(bytes(original), LIMITS).pixels.ndim == 3
    except (ImageTooLarge, ImageTooSmall, UndecodableImage, UnsupportedFormat):
        pass


def test_a_garment_crop_leads_back_to_the_photo() -> None:
    """The crop's centre is the box's centre; its border adds the margin."""
    image = Image(np.asarray(picture(640, 480)), "0" * 64)
    box = Box(100, 120, 300, 420)
    garment = crop_garment(image, Detection(box, Category.VEST, 0.9))
    assert garment.to_photo.apply([[144, 144]])[0] == pytest.approx([200, 270], abs=0.01)
    corners = garment.to_photo.apply([[0, 0], [288, 288]])
    assert corners[1, 0] - corners[0, 0] == pytest.approx(300 * 1.16, abs=0.01)


@pytest.mark.parametrize("width", [300, 900, 3000])
def test_the_crop_shows_the_same_place_at_any_resolution(width: int) -> None:
    """A colour edge at the photo's middle lands at the crop's middle, large or small."""
    image = Image(np.asarray(picture(width, width)), "0" * 64)
    garment = crop_garment(
        image, Detection(Box(width * 0.25, width * 0.3, width * 0.75, width * 0.8), Category.VEST, 1)
    )
    row = garment.crop[144].astype(int)
    assert row[140, 0] > row[140, 2]
    assert row[148, 2] > row[148, 0]


@given(st.integers(40, 900), st.integers(40, 900))
@settings(max_examples=30, deadline=None)
def test_letterboxing_maps_back_exactly(width: int, height: int) -> None:
    """The corner of the scaled photo is the corner of the photo."""
    canvas, back = letterbox(np.zeros((height, width, 3), np.uint8), 320)
    filled = np.argwhere(canvas[..., 0] == 0).max(axis=0)[::-1] + 1
    assert back.apply([filled])[0] == pytest.approx([width, height], abs=0.01)


def test_landmark_maps_peak_where_the_landmark_is() -> None:
    """Map cell 10 of 36 holds crop pixels 80 to 88."""
    maps = landmark_maps([[84, 44]], [7], [0.6], side=36, channel_count=81)
    assert maps.argmax() == 7 * 36 * 36 + 5 * 36 + 10
    assert maps.max() == pytest.approx(0.6)


def test_every_level_is_normalised_to_the_last_bit_as_by_division() -> None:
    """All 256 of each channel, in pictures of their own."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    pixels = np.stack([np.arange(768).reshape(16, 16, 3) % 256, np.arange(768)[::-1].reshape(16, 16, 3) // 3])
    expected = (pixels.astype(np.float32) / np.float32(255) - np.array(mean, np.float32)) / np.array(std, np.float32)
    normal = normalise(pixels.astype(np.uint8), mean, std)
    assert normal.dtype == np.float32
    np.testing.assert_array_equal(normal, expected.transpose(0, 3, 1, 2))
