"""The same garment photographed again: other ground, pose, light, camera, and sometimes another colour or a flip."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.geometry import Points
from models.training.data.creases import crease, iron
from models.training.data.garment_picture import Floats, GarmentPicture, Mask, Pixels, mirrored_landmarks
from models.training.data.patterns import draw_colour, smooth_noise
from models.types import Landmarks

IRONED = 0.6
"""Of the copies that lie in other folds: how many have lost their own."""

WORST_JPEG = 15
"""Quality below which no shop would show a photo, however hard the set."""


@dataclass(frozen=True, slots=True, eq=False)
class Rephotographed:
    """The new photo. `flipped` says that left and right have changed places; landmarks are already swapped."""

    pixels: Pixels
    mask: Mask
    landmarks: Landmarks
    flipped: bool
    recoloured: bool

    @property
    def picture(self) -> GarmentPicture:
        return GarmentPicture(self.pixels, self.mask, self.landmarks)


@dataclass(frozen=True, slots=True)
class Odds:
    """How often a rendering is flipped, takes another colour as a whole, carries a watermark, lies in other folds."""

    flip: float = 0.15
    colourway: float = 0.2
    watermark: float = 0.1
    creases: float = 0.0


def rephotograph(
    pixels: Pixels,
    mask: Mask,
    landmarks: Landmarks,
    ground: Pixels,
    rng: np.random.Generator,
    hardness: float = 1.0,
    *,
    odds: Odds | None = None,
) -> Rephotographed:
    """Lay the garment on `ground` (any size, uint8 RGB) and take a photo of the same size as `pixels`.

    `hardness` scales warp, light and damage. Landmarks are carried along; those that leave the picture turn
    invisible. A colourway turns all cloth alike, so no region changes relative to the others.
    """
    odds = odds or Odds()
    height, width = pixels.shape[:2]
    mask = (np.asarray(mask) > 0).astype(np.uint8)
    recoloured = bool(rng.random() < odds.colourway)
    if recoloured:
        pixels = _other_colourway(pixels, rng)
    if odds.creases and rng.random() < odds.creases:
        ironed = iron(pixels, rng) if rng.random() < IRONED else pixels
        pixels = crease(ironed, mask, rng, hardness)
    dressed, alpha, points = _warp(pixels, mask, landmarks.points_xy, rng, hardness)
    composed = _lay_on(dressed, alpha, _cover(ground, height, width, rng), rng)
    lit = _light(composed, rng, hardness)
    if rng.random() < odds.watermark:
        lit = _watermark(lit, rng)
    inside = ((points >= 0) & (points < (width, height))).all(axis=1)
    carried = Landmarks(landmarks.category, points, landmarks.confidence, landmarks.visible & inside)
    new_mask = (alpha > 0.5).astype(np.uint8)
    flipped = bool(rng.random() < odds.flip)
    if flipped:
        lit, new_mask = np.ascontiguousarray(lit[:, ::-1]), np.ascontiguousarray(new_mask[:, ::-1])
        carried = mirrored_landmarks(carried, width)
    return Rephotographed(_photograph(lit, rng, hardness), new_mask, carried, flipped, recoloured)


def _other_colourway(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Hue turned, saturation and lightness changed, the same for every pixel."""
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(15, 165)) % 180
    hsv[..., 1] *= rng.uniform(0.5, 1.4)
    turned = np.asarray(cv2.cvtColor(hsv.clip(0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB), np.float64)
    if rng.random() < 0.6:
        # Grey cloth has no hue to turn: a dye lifts black and tints white.
        dye, strength = draw_colour(rng) / 255, rng.uniform(0.3, 0.7)
        lifted = turned + (255 - turned) * rng.uniform(0.0, 0.3)
        turned = lifted * (1 - strength + strength * dye * 1.3)
    return np.asarray(turned.clip(0, 255), dtype=np.uint8)


def _warp(
    pixels: Pixels, mask: Mask, points_xy: Points, rng: np.random.Generator, hardness: float
) -> tuple[Pixels, Floats, Points]:
    """The garment turned, tilted and rippled; with its alpha 0..1 and the points carried along."""
    height, width = mask.shape
    homography = _pose(mask, rng, hardness)
    back = np.linalg.inv(homography)
    ripple = _ripple(height, width, rng, hardness)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    u, v = x + ripple[..., 0], y + ripple[..., 1]
    depth = back[2, 0] * u + back[2, 1] * v + back[2, 2]
    map_x = ((back[0, 0] * u + back[0, 1] * v + back[0, 2]) / depth).astype(np.float32)
    map_y = ((back[1, 0] * u + back[1, 1] * v + back[1, 2]) / depth).astype(np.float32)
    dressed = cv2.remap(pixels, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    soft = cv2.erode(mask, np.ones((3, 3), np.uint8)).astype(np.float32)
    alpha = cv2.remap(soft, map_x, map_y, cv2.INTER_LINEAR, borderValue=0)
    carried = cv2.perspectiveTransform(points_xy[None].astype(np.float64), homography)[0]
    nearest = carried.round().astype(int).clip(0, (width - 1, height - 1))
    moved = carried - ripple[nearest[:, 1], nearest[:, 0]]
    blurred = cv2.GaussianBlur(alpha, (0, 0), 0.8)
    return np.asarray(dressed, np.uint8), np.asarray(blurred, np.float32), moved.astype(np.float32)


def _pose(mask: Mask, rng: np.random.Generator, hardness: float) -> npt.NDArray[np.float64]:
    """A homography that turns and tilts the garment and fits it into the picture."""
    height, width = mask.shape
    x, y, wide, tall = cv2.boundingRect(mask)
    centre = np.array([x + wide / 2, y + tall / 2])
    angle = np.deg2rad(rng.normal(0, 8.0 * hardness))
    stretch = np.exp(rng.normal(0, 0.05 * hardness, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag(stretch)
    source = np.array([[x, y], [x + wide, y], [x + wide, y + tall], [x, y + tall]], dtype=np.float32)
    corners = np.asarray((source - centre) @ turn.T, dtype=np.float64)
    corners = np.asarray(corners * (1 + rng.uniform(-0.07, 0.07, (4, 1)) * hardness), dtype=np.float64)
    room = np.array([width, height]) / np.ptp(corners, axis=0)
    corners *= min(room) * rng.uniform(0.72, 0.97)
    slack = np.maximum(np.array([width, height]) - np.ptp(corners, axis=0), 0)
    corners += slack * rng.uniform(0, 1, 2) - corners.min(axis=0)
    return np.asarray(cv2.getPerspectiveTransform(source, corners.astype(np.float32)), dtype=np.float64)


def _ripple(height: int, width: int, rng: np.random.Generator, hardness: float) -> Floats:
    """Displacement (H, W, 2) in px of cloth that lies a little otherwise: smooth, up to about 2 % of the picture."""
    reach = 0.012 * hardness * min(height, width)
    scale = min(height, width) / rng.uniform(2.0, 4.5)
    return np.stack([smooth_noise(rng, height, width, scale) * reach for _ in range(2)], axis=-1)


def _cover(ground: Pixels, height: int, width: int, rng: np.random.Generator) -> Pixels:
    """A part of the ground, flipped and turned at random, scaled over the whole picture."""
    ground = np.rot90(ground, int(rng.integers(4)))[:, :: int(rng.choice([-1, 1]))]
    tall, wide = ground.shape[:2]
    part = rng.uniform(0.6, 1.0)
    rows, columns = max(2, int(tall * part)), max(2, int(wide * part))
    top, left = int(rng.integers(tall - rows + 1)), int(rng.integers(wide - columns + 1))
    window = np.ascontiguousarray(ground[top : top + rows, left : left + columns])
    return np.asarray(cv2.resize(window, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _lay_on(dressed: Pixels, alpha: Floats, ground: Pixels, rng: np.random.Generator) -> Pixels:
    """The garment over the ground with the soft shadow that it throws."""
    reach = 0.03 * min(alpha.shape)
    shift = np.array([[1, 0, rng.uniform(-reach, reach)], [0, 1, rng.uniform(0, reach)]])
    small = cv2.resize(alpha, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    shift[:, 2] /= 4
    small = cv2.warpAffine(small, shift, small.shape[::-1])
    small = cv2.GaussianBlur(small, (0, 0), max(0.5, rng.uniform(0.2, 0.5) * reach))
    shadow = cv2.resize(small, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
    dimmed = ground * (1 - rng.uniform(0.1, 0.5) * shadow)[..., None]
    share = alpha[..., None]
    return np.asarray(dressed * share + dimmed * (1 - share), dtype=np.uint8)


def _light(pixels: Pixels, rng: np.random.Generator, hardness: float) -> Pixels:
    """Another exposure, white balance, contrast, and light that falls off to one side."""
    height, width = pixels.shape[:2]
    balance = np.exp(rng.normal(0, 0.06 * hardness, 3))
    gamma = np.exp(rng.normal(0, 0.18 * hardness))
    gain = np.exp(rng.normal(0, 0.1 * hardness))
    scale = np.linspace(0, 1, 256)[:, None] ** gamma * gain * balance
    curve = (255 * scale).clip(0, 255).astype(np.uint8)
    lit = cv2.LUT(pixels, curve[None])
    slope = rng.normal(0, 0.12 * hardness, 2)
    fall = 1 + slope[0] * np.linspace(-1, 1, width)[None] + slope[1] * np.linspace(-1, 1, height)[:, None]
    return np.asarray((lit * fall[..., None].astype(np.float32)).clip(0, 255), dtype=np.uint8)


def _watermark(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A pale line of words across the picture, as on a reused photo."""
    height, width = pixels.shape[:2]
    over = pixels.copy()
    text = str(rng.choice(["SHOP", "best price", "www.style", "SALE 50%", "boutique"]))
    place = (int(rng.uniform(0, 0.5) * width), int(rng.uniform(0.2, 0.95) * height))
    size = width / rng.uniform(180, 420)
    cv2.putText(over, text, place, cv2.FONT_HERSHEY_DUPLEX, size, (255, 255, 255), max(1, round(size * 2)), cv2.LINE_AA)
    share = rng.uniform(0.3, 0.7)
    return np.asarray(cv2.addWeighted(over, share, pixels, 1 - share, 0), dtype=np.uint8)


def _photograph(pixels: Pixels, rng: np.random.Generator, hardness: float) -> Pixels:
    """What a camera and a web shop do: a little blur, sensor noise, JPEG."""
    if rng.random() < 0.4 * hardness:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.1)), dtype=np.uint8)
    if rng.random() < 0.5 * hardness:
        # Grey grain at one value a pixel: a third of the cost of three, and what JPEG keeps of noise anyway.
        grain = rng.standard_normal(pixels.shape[:2], dtype=np.float32) * rng.uniform(1, 5)
        pixels = (pixels + grain[..., None]).clip(0, 255).astype(np.uint8)
    quality = int(rng.uniform(max(WORST_JPEG, 90 - 50 * hardness), 95))
    encoded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])
