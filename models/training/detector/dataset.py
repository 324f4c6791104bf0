"""Training pictures: scenes framed anew, garments pasted together, light changed; drawn by seed and number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from models.geometry import Affine, Box
from models.preprocessing import PADDING, normalise
from models.training.backbone import IMAGENET_MEAN, IMAGENET_STD
from models.training.data.compositing import (
    Cutout,
    Pixels,
    chain,
    cut_out,
    mask_box,
    paste,
    shift,
    turn_about,
    warp,
)
from models.training.detector.light import relight
from models.training.detector.objective import Targets, label_of
from models.training.detector.scenes import MarkedGarment, Scene

LEAST_SHOWN = 0.4
"""Of a garment's mask; with less in sight it is no target any more."""
MOST_COVERED = 0.35
"""Of a garment's mask; a paste that would hide more is placed elsewhere or not at all."""


@dataclass(frozen=True, slots=True)
class Diet:
    """How an epoch is made up: shares of collages and of scenes by source; the rest are garment photos."""

    pictures: int = 2400
    collages: float = 0.25
    streets: float = 0.12
    stores: float = 0.06
    nothing: float = 0.07
    deepfashion2: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A garment in the picture being made: where its mask shows, and how large that mask would be unhidden."""

    mask: Pixels
    whole_px: float
    garment: MarkedGarment


class DetectorPictures(Dataset[tuple[Pixels, list[tuple[Box, int]]]]):
    """Picture `i` of one epoch at `side` px: uint8 pixels and (box, label) pairs; the same for the same seed."""

    def __init__(self, scenes: Sequence[Scene], diet: Diet, side: int, seed: int, epoch: int) -> None:
        self._by_source = {
            source: [scene for scene in scenes if scene.source == source]
            for source in ("garment", "street", "store", "nothing", "deepfashion2")
        }
        self._weights = {source: _balance(found) for source, found in self._by_source.items()}
        self._diet = diet
        self._side = side
        self._key = (seed, epoch)

    def __len__(self) -> int:
        return self._diet.pictures

    def __getitem__(self, index: int) -> tuple[Pixels, list[tuple[Box, int]]]:
        rng = np.random.default_rng((*self._key, index))
        diet = self._diet
        # One of no share does not move the draw of the others.
        sources = ["collage", "street", "store", "nothing", "deepfashion2", "garment"]
        shares = [diet.collages, diet.streets, diet.stores, diet.nothing, diet.deepfashion2]
        source = sources[int(rng.choice(len(sources), p=[*shares, 1 - sum(shares)]))]
        if source == "collage":
            ground = self._draw(rng, str(rng.choice(["street", "nothing", "garment"], p=[0.5, 0.2, 0.3])))
            pixels, shown, frame = frame_scene(ground, self._side, rng)
            for _ in range(int(rng.integers(1, 4))):
                pixels, shown = _add_garment(pixels, shown, frame, self._draw(rng, "garment"), rng)
        else:
            pixels, shown, frame = frame_scene(self._draw(rng, source), self._side, rng)
        pixels = relight(pixels, rng)
        pixels = _pad(pixels, frame)
        return pixels, _targets(shown)

    def _draw(self, rng: np.random.Generator, source: str) -> Scene:
        source = source if self._by_source[source] else "garment"
        scenes = self._by_source[source]
        return scenes[int(rng.choice(len(scenes), p=self._weights[source]))]


def _balance(scenes: Sequence[Scene]) -> npt.NDArray[np.float64]:
    """Chances of being drawn (len(scenes),): a weight group half as frequent comes up 0.7 times as often.

    Scenes of several groups, or whose label leaves the group open, come up like those of the most frequent group.
    """
    kinds = [frozenset(c.group for g in scene.garments for c in g.admissible) for scene in scenes]
    counts = Counter(kind for kind in kinds if len(kind) == 1)
    most = max(counts.values(), default=1)
    weights = np.array([counts.get(kind, most) ** -0.5 for kind in kinds])
    return weights / weights.sum()


def collate(drawn: list[tuple[Pixels, list[tuple[Box, int]]]]) -> tuple[torch.Tensor, Targets]:
    """Normalised pictures float32 (B, 3, S, S), channels last, and torchvision's targets."""
    pictures = torch.from_numpy(normalise(np.stack([pixels for pixels, _ in drawn]), IMAGENET_MEAN, IMAGENET_STD))
    targets = [
        {
            "boxes": torch.tensor(np.array([box.as_array() for box, _ in marks]).reshape(-1, 4)),
            "labels": torch.tensor([label for _, label in marks], dtype=torch.int64),
        }
        for _, marks in drawn
    ]
    return pictures.contiguous(memory_format=torch.channels_last), targets


def frame_scene(scene: Scene, side: int, rng: np.random.Generator) -> tuple[Pixels, list[Shown], Box]:
    """The scene seen through another frame, letterboxed as in serving: pixels, what shows, its frame in the square."""
    height, width = scene.pixels.shape[:2]
    # A few photos lie on their side.
    quarter = 0 if scene.upright or rng.random() > 0.04 else int(rng.integers(1, 4))
    turned_width, turned_height = (height, width) if quarter % 2 else (width, height)
    zoom = np.exp(rng.uniform(np.log(0.86), np.log(1.3)))
    stretch = np.exp(rng.uniform(-0.06, 0.06))
    seen_width, seen_height = turned_width * zoom * stretch, turned_height * zoom / stretch
    scale = side / max(seen_width, seen_height)
    frame = Box(0, 0, max(1, round(seen_width * scale)), max(1, round(seen_height * scale)))
    slack = 0.5 * abs(1 - zoom)
    dx, dy = rng.uniform(-slack, slack) * turned_width, rng.uniform(-slack, slack) * turned_height
    degrees = 0.0 if scene.upright else float(rng.normal(0, 4))
    turn = turn_about(width / 2, height / 2, degrees + 90 * quarter, flip=bool(rng.random() < 0.5))
    move = shift((seen_width - width) / 2 + dx, (seen_height - height) / 2 + dy)
    to_square = chain(turn, move, Affine(np.array([[scale, 0, 0], [0, scale, 0]])))
    pixels = warp(scene.pixels, to_square, side, side, border=cv2.BORDER_REPLICATE)
    shown = [_show(garment.mask, garment, to_square, frame, side) for garment in scene.garments]
    return pixels, shown, frame


def _show(mask: Pixels, garment: MarkedGarment, to_square: Affine, frame: Box, side: int) -> Shown:
    laid = _inside(warp(mask, to_square, side, side), frame)
    whole = float((mask > 127).sum()) * abs(float(np.linalg.det(to_square.matrix[:, :2])))
    return Shown(laid, whole, garment)


def _add_garment(
    pixels: Pixels, shown: list[Shown], frame: Box, scene: Scene, rng: np.random.Generator
) -> tuple[Pixels, list[Shown]]:
    """Paste a garment of `scene` where it hides little of those already there; unchanged where there is no room."""
    garment = scene.garments[0]
    cutout = cut_out(scene.pixels, garment.mask)
    for _ in range(4):
        to_square = _placement(cutout, frame, rng)
        laid, mask = paste(pixels, cutout, to_square)
        mask = _inside(mask, frame)
        hidden = [float(((old.mask > 127) & (mask > 127)).sum()) / max(1.0, old.whole_px) for old in shown]
        if all(share <= MOST_COVERED for share in hidden):
            whole = float((cutout.mask > 127).sum()) * abs(float(np.linalg.det(to_square.matrix[:, :2])))
            return laid, [*(_behind(old, mask) for old in shown), Shown(mask, whole, garment)]
    return pixels, shown


def _behind(old: Shown, mask: Pixels) -> Shown:
    return Shown(np.where(mask > 127, 0, old.mask).astype(np.uint8), old.whole_px, old.garment)


def _placement(cutout: Cutout, frame: Box, rng: np.random.Generator) -> Affine:
    longest = rng.uniform(0.3, 0.85) * max(frame.width, frame.height)
    scale = longest / max(cutout.width, cutout.height)
    x, y = rng.uniform(0.15, 0.85) * frame.width, rng.uniform(0.15, 0.85) * frame.height
    cx, cy = cutout.width / 2, cutout.height / 2
    turn = turn_about(cx, cy, float(rng.normal(0, 10)), scale, flip=bool(rng.random() < 0.5))
    return chain(turn, shift(x - cx, y - cy))


def _targets(shown: list[Shown]) -> list[tuple[Box, int]]:
    marks = []
    for item in shown:
        box = mask_box(item.mask)
        if box is not None and float((item.mask > 127).sum()) >= LEAST_SHOWN * item.whole_px:
            marks.append((box, label_of(item.garment.admissible)))
    return marks


def _inside(mask: Pixels, frame: Box) -> Pixels:
    mask[int(frame.y2) :] = 0
    mask[:, int(frame.x2) :] = 0
    return mask


def _pad(pixels: Pixels, frame: Box) -> Pixels:
    pixels[int(frame.y2) :] = PADDING
    pixels[:, int(frame.x2) :] = PADDING
    return pixels
