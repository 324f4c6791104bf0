"""The evidence drawn on the photo: garment boxes, landmarks, regions."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import numpy.typing as npt

from models.geometry import Box
from models.taxonomy import RegionName
from models.types import DescribedPhoto, Image

LONGEST_SIDE = 1_600
_REGION_COLOURS = {
    RegionName.COLLAR: (230, 97, 1),
    RegionName.CHEST: (27, 120, 55),
    RegionName.WAIST: (118, 42, 131),
    RegionName.LEFT_SLEEVE: (33, 102, 172),
    RegionName.RIGHT_SLEEVE: (178, 24, 43),
}
_GARMENT_COLOUR = (20, 20, 20)
_SEEN, _GUESSED = (255, 215, 0), (150, 150, 150)


def draw_overlay(image: Image, described: DescribedPhoto) -> bytes:
    """A PNG of the photo, at most 1600 px a side, with what the models saw."""
    scale = min(1.0, LONGEST_SIDE / max(image.width, image.height))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    canvas = cv2.resize(image.pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    thickness = max(1, round(max(size) / 400))
    for garment in described.garments:
        _rectangle(canvas, garment.detection.box, scale, _GARMENT_COLOUR, thickness + 1)
        _label(canvas, garment.detection.category.replace("_", " "), garment.detection.box, scale, _GARMENT_COLOUR)
        for region in garment.regions:
            if region.box is not None:
                _rectangle(canvas, region.box, scale, _REGION_COLOURS[region.name], thickness)
                _label(canvas, region.name.replace("_", " "), region.box, scale, _REGION_COLOURS[region.name])
        marks = garment.landmarks
        for (x, y), visible in zip(marks.points_xy * scale, marks.visible, strict=True):
            centre = (round(float(x)), round(float(y)))
            cv2.circle(canvas, centre, thickness + 2, _GARMENT_COLOUR, -1, cv2.LINE_AA)
            cv2.circle(canvas, centre, thickness + 1, _SEEN if visible else _GUESSED, -1, cv2.LINE_AA)
    written, png = cv2.imencode(".png", cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR))
    assert written, "an 8-bit RGB picture is always a PNG"
    return png.tobytes()


def as_data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _rectangle(
    canvas: npt.NDArray[np.uint8], box: Box, scale: float, colour: tuple[int, int, int], thickness: int
) -> None:
    x1, y1, x2, y2 = (round(v * scale) for v in (box.x1, box.y1, box.x2, box.y2))
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, thickness, cv2.LINE_AA)


def _label(canvas: npt.NDArray[np.uint8], text: str, box: Box, scale: float, colour: tuple[int, int, int]) -> None:
    size = max(canvas.shape[:2]) / 1_600
    place = (round(box.x1 * scale) + 4, max(12, round(box.y1 * scale) + round(26 * size)))
    cv2.putText(
        canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), max(2, round(5 * size)), cv2.LINE_AA
    )
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, max(1, round(2 * size)), cv2.LINE_AA)
