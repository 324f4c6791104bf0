"""A checked photo as it is kept where that is switched on: its pixels, and nothing that its file said beside them."""

from __future__ import annotations

import cv2

from models.types import Image

MEDIA_TYPE = "image/jpeg"
_OPTIONS = (
    cv2.IMWRITE_JPEG_QUALITY, 92,
    # Colours at full resolution: they decide with the shapes.
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)  # fmt: skip


def as_kept(image: Image) -> bytes:
    """The upright photo as a JPEG of its own size, which boxes and points are of; no EXIF, no profile, no comment."""
    bgr = cv2.cvtColor(image.pixels, cv2.COLOR_RGB2BGR)
    written, jpeg = cv2.imencode(".jpg", bgr, _OPTIONS)
    assert written, "an 8-bit RGB picture of at most 12,000 pixels a side is always a JPEG"
    return jpeg.tobytes()
