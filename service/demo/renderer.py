"""Photographs a drawn garment: lays it on a ground, lights it, and knows where every landmark came to lie."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from models.geometry import Box, Points
from models.taxonomy import slots_of
from models.types import Landmarks
from service.demo.canvas import Canvas
from service.demo.collars import hood_top
from service.demo.cutting import Curve, Pattern, cut_pattern
from service.demo.designs import Collar, GarmentDesign
from service.demo.folds import crease_relief, light_relief, weave_noise
from service.demo.grounds import Ground, draw_ground
from service.demo.scenes import Crumple, Places, Scene
from service.demo.sewing import sew

SUPERSAMPLING = 1.35
"""The garment is sewn this many times larger than it appears in the photo."""
CRUMPLE_STEP = 8
"""Pixels between the places where the crumple is worked out."""
HIDDEN_BY_COLLAR = {
    Collar.HOOD: ("neck_back_center",),
    Collar.STAND: ("neck_back_center",),
}


@dataclass(frozen=True, slots=True, eq=False)
class RenderedPhoto:
    """A drawn photo and the truth about it.

    `pixels` uint8 (H, W, 3) sRGB; `mask` bool (H, W), the garment; `box` around the mask and `landmarks` in pixels of
    the photo.
    """

    design: GarmentDesign
    pixels: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.bool_]
    box: Box
    landmarks: Landmarks

    def jpeg(self, quality: int = 90) -> bytes:
        return self._encoded("JPEG", quality=quality)

    def png(self) -> bytes:
        return self._encoded("PNG")

    def _encoded(self, kind: str, **options: int) -> bytes:
        stream = io.BytesIO()
        PillowImage.fromarray(self.pixels).save(stream, kind, **options)
        return stream.getvalue()


def render(design: GarmentDesign, scene: Scene) -> RenderedPhoto:
    """Photograph a design in a scene; the same two always give the same pixels."""
    rng = np.random.default_rng(scene.seed)
    crumple = Crumple.drawn(rng)
    pattern = cut_pattern(design, scene.pose)
    reach = _reach(design, pattern)
    homography = _homography(reach, scene)
    canvas = _sewn(design, pattern, scene, reach, rng)
    garment, cover = _photographed(canvas, homography, crumple, scene)
    pixels = _developed(_on_ground(garment, cover, scene, rng), rng)
    mask = cover > 0.5
    landmarks = _placed(design, pattern, homography, crumple, scene)
    if scene.flipped:
        pixels, mask = np.ascontiguousarray(pixels[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
        landmarks = _mirrored(landmarks, scene.width)
    rows, columns = np.nonzero(mask)
    box = Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    return RenderedPhoto(design, pixels, mask, box, landmarks)


def _reach(design: GarmentDesign, pattern: Pattern) -> Curve:
    points = pattern.everything()
    if design.collar is Collar.HOOD:
        return np.vstack([points, hood_top(design)])
    return np.vstack([points, [[0.0, -0.13]]]) if design.collar is Collar.STAND else points


def _scale(reach: Curve, scene: Scene) -> float:
    """Pixels a body width, so that the garment fills `scene.fill` of the photo's tighter side."""
    wide, high = np.ptp(reach, axis=0)
    return float(scene.fill * min(scene.width / wide, scene.height / high))


def _homography(reach: Curve, scene: Scene) -> npt.NDArray[np.float64]:
    """Body widths → photo pixels: turned, shifted and seen a little from the side."""
    scale = _scale(reach, scene)
    centre = (reach.min(axis=0) + reach.max(axis=0)) / 2
    cosine, sine = np.cos(np.radians(scene.tilt)), np.sin(np.radians(scene.tilt))
    to_origin = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1]])
    turn = scale * np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1 / scale]])
    lean = np.array([[1, 0, 0], [0, 1, 0], [scene.lean[0] / scene.width, scene.lean[1] / scene.height, 1]])
    middle = np.array(
        [
            [1, 0, scene.width * (0.5 + scene.shift[0])],
            [0, 1, scene.height * (0.5 + scene.shift[1])],
            [0, 0, 1],
        ]
    )
    return np.asarray(middle @ lean @ turn @ to_origin)


def _sewn(design: GarmentDesign, pattern: Pattern, scene: Scene, reach: Curve, rng: np.random.Generator) -> Canvas:
    """The garment with its creases lit, on an empty canvas."""
    canvas = Canvas.around(reach, _scale(reach, scene) * SUPERSAMPLING)
    sew(design, pattern, scene.pose, canvas)
    x, y = canvas.places()
    edge = cv2.GaussianBlur(canvas.cover, (0, 0), 0.014 * canvas.scale)
    relief = cv2.GaussianBlur(canvas.relief, (0, 0), 0.8) + 0.012 * edge
    relief = relief + crease_relief(rng, x, y, design.cut.hem_y, design.cut.sleeve_length)
    light = light_relief(np.asarray(relief, np.float32), canvas.scale, scene.light)
    canvas.colour[:] *= (light * weave_noise(rng, *canvas.cover.shape))[..., None]
    return canvas


def _photographed(
    canvas: Canvas, homography: npt.NDArray[np.float64], crumple: Crumple, scene: Scene
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The garment's colour (H, W, 3) and cover (H, W) in the photo's frame."""
    back = np.asarray(np.linalg.inv(homography), np.float64)
    flat = _carried(back, _pixel_centres(scene.width, scene.height, 1))
    # Waves are long: how far they push is worked out on a coarse grid.
    coarse = _carried(back, _pixel_centres(scene.width, scene.height, CRUMPLE_STEP))
    pushed = cv2.resize(crumple.undone(coarse) - coarse, (scene.width, scene.height), interpolation=cv2.INTER_LINEAR)
    source = canvas.to_pixels(flat + pushed) - 0.5
    maps = source[..., 0].astype(np.float32), source[..., 1].astype(np.float32)
    # Premultiplied, so that the empty canvas does not bleed into the garment's edge.
    colour = cv2.remap(canvas.colour * canvas.cover[..., None], *maps, cv2.INTER_LINEAR)
    cover = np.asarray(cv2.remap(canvas.cover, *maps, cv2.INTER_LINEAR), np.float32)
    return np.asarray(colour, np.float32), cover


def _pixel_centres(width: int, height: int, step: int) -> Places:
    """(H/step, W/step, 2): centres of the cells of a grid over the photo."""
    columns, rows = -(-width // step), -(-height // step)
    x, y = (np.arange(columns) + 0.5) * width / columns, (np.arange(rows) + 0.5) * height / rows
    return np.stack(np.meshgrid(x, y), axis=-1)


def _carried(homography: Places, places: Places) -> Places:
    return np.asarray(cv2.perspectiveTransform(places.reshape(-1, 1, 2), homography).reshape(places.shape), np.float64)


def _on_ground(
    garment: npt.NDArray[np.float32], cover: npt.NDArray[np.float32], scene: Scene, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    ground = draw_ground(scene.ground, rng, scene.height, scene.width)
    away = 0.008 * scene.width * np.array([np.cos(scene.light), np.sin(scene.light)])
    shadow = np.zeros_like(cover)
    for reach, depth in ((0.5, 0.34), (1.6, 0.26)):
        shift = np.array([[1, 0, reach * away[0]], [0, 1, reach * away[1]]])
        moved = cv2.warpAffine(cover, shift, (scene.width, scene.height))
        soft = cv2.GaussianBlur(moved, (0, 0), max(1.0, 0.006 * reach * scene.width))
        shadow = 1 - (1 - shadow) * (1 - depth * soft)
    # Premultiplied colour is added as it is.
    picture = ground * (1 - shadow)[..., None] * (1 - cover)[..., None] + garment
    x = np.linspace(-0.5, 0.5, scene.width)[None, :]
    y = np.linspace(-0.5, 0.5, scene.height)[:, None]
    falloff = 1 + scene.gradient * (x * np.cos(scene.light) + y * np.sin(scene.light)) - 0.22 * (x**2 + y**2)
    return np.asarray(picture * falloff[..., None] * np.array(scene.white, np.float32) * scene.exposure, np.float32)


def _developed(picture: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A phone camera's blur and noise."""
    soft = cv2.GaussianBlur(picture, (0, 0), 0.6)
    noise = rng.normal(0, 2.0, soft.shape) + rng.normal(0, 1.6, (*soft.shape[:2], 1))
    return np.asarray((soft + noise).clip(0, 255), dtype=np.uint8)


def _placed(
    design: GarmentDesign, pattern: Pattern, homography: npt.NDArray[np.float64], crumple: Crumple, scene: Scene
) -> Landmarks:
    slots = slots_of(design.category)
    flat = np.array([pattern.points[slot.name] for slot in slots], dtype=np.float64)
    places = cv2.perspectiveTransform(crumple.applied(flat).reshape(-1, 1, 2), homography).reshape(-1, 2)
    inside = (places >= 0).all(axis=1) & (places < (scene.width, scene.height)).all(axis=1)
    hidden = HIDDEN_BY_COLLAR.get(design.collar, ())
    seen = inside & np.array([slot.name not in hidden for slot in slots])
    return Landmarks(design.category, places.astype(np.float32), np.ones(len(slots), np.float32), seen)


def _mirrored(landmarks: Landmarks, width: int) -> Landmarks:
    order = [slot.mirror - 1 for slot in slots_of(landmarks.category)]
    points: Points = landmarks.points_xy[order].copy()
    points[:, 0] = width - points[:, 0]
    return Landmarks(landmarks.category, points, landmarks.confidence[order], landmarks.visible[order])


def rephotographed(scene: Scene, seed: int, *, flipped: bool = False) -> Scene:
    """Another photo of the same garment: laid anew on another ground, in other light."""
    other = Scene.drawn(seed, scene.width, scene.height)
    grounds = [ground for ground in Ground if ground is not scene.ground]
    return replace(other, ground=grounds[seed % len(grounds)], flipped=flipped)
