"""Batches of renderings: each garment as it was photographed, photographed again, and as a partial copy.

Every step is drawn afresh from a seed of run, epoch and step, so a run can be interrupted and repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from models.geometry import Affine, Box
from models.preprocessing import crop_square, cut_square, normalise
from models.regions import locate_regions
from models.runtime.embedder import draw_maps, mirrored_boxes, region_boxes
from models.taxonomy import REGIONS, RegionName, mirror_channels, slots_of
from models.training.backbone import IMAGENET_MEAN, IMAGENET_STD
from models.training.data.edit_fabric import mirror_print
from models.training.data.edit_shape import fill_ground
from models.training.data.garment_picture import GarmentPicture, Pixels
from models.training.data.patterns import draw_ground
from models.training.data.readers import Fold, JudgedPair
from models.training.data.reframing import crop_picture
from models.training.data.region_edits import alter_regions, cut_patch, edits_for, every_edit_for
from models.training.data.rephotograph import Odds, rephotograph
from models.training.embedder.neighbours import Neighbours, in_turns, near_in_colour
from models.training.embedder.objective import Views
from models.training.embedder.render_plan import RenderPlan
from models.training.embedder.shelf import GarmentShelf
from models.types import CROP_SIZE, Landmarks, Region


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One rendering as the network is fed: crop uint8 (288, 288, 3), maps (81, 36, 36), boxes (5, 4), altered (5,)."""

    crop: Pixels
    maps: npt.NDArray[np.float32]
    boxes: npt.NDArray[np.float32]
    altered: npt.NDArray[np.bool_]


class Studio:
    """Renders garments of the shelf; grounds and donors come from the training fold alone."""

    def __init__(self, shelf: GarmentShelf, plan: RenderPlan, seed: int) -> None:
        self._shelf, self._plan = shelf, plan
        rng = np.random.default_rng(seed)
        train = shelf.numbers(Fold.TRAIN)
        lent = rng.permutation(train)[: max(plan.donors, plan.grounds)]
        pictures = [shelf[int(number)].picture for number in lent]
        self._grounds = [fill_ground(picture.pixels, picture.mask) for picture in pictures[: plan.grounds]]
        self._donors = [patch for picture in pictures[: plan.donors] if (patch := cut_patch(picture)) is not None]

    def original(self, number: int, rng: np.random.Generator) -> View:
        """The photo as it is, in a jittered crop; the camera's settings differ a little."""
        garment = self._shelf[number]
        pixels = _relit(garment.picture.pixels, rng)
        return self._frame(
            GarmentPicture(pixels, garment.picture.mask, garment.picture.landmarks), garment.box, (), rng
        )

    def plain(self, number: int) -> View:
        """The photo as it is, nothing jittered: what registers the design."""
        garment = self._shelf[number]
        return view_of(garment.picture, garment.box, garment.picture.landmarks, ())

    def copy(self, number: int, altered: Sequence[RegionName], rng: np.random.Generator) -> View:
        """The garment photographed again, after altering these regions."""
        picture = self._shelf[number].picture
        done: tuple[RegionName, ...] = ()
        if altered:
            kinds = every_edit_for if self._plan.every_edit else edits_for
            edited = alter_regions(
                picture.pixels, picture.mask, picture.landmarks, altered, rng, donors=self._donors, kinds_for=kinds
            )
            picture, done = edited.picture, edited.altered
        elif rng.random() < self._plan.mirrored_print:
            picture = mirror_print(picture, RegionName.CHEST) or picture
        ground = self._ground(rng)
        odds = Odds(flip=0.0, colourway=self._plan.colourway, creases=self._plan.creases)
        hardness = float(rng.uniform(*self._plan.hardness))
        shot = rephotograph(picture.pixels, picture.mask, picture.landmarks, ground, rng, hardness, odds=odds).picture
        if self._plan.every_edit and rng.random() < self._plan.cropped:
            shot = crop_picture(shot, rng)
        x, y, width, height = cv2.boundingRect(shot.mask)
        return self._frame(shot, Box(x, y, x + max(width, 2), y + max(height, 2)), done, rng)

    def _ground(self, rng: np.random.Generator) -> Pixels:
        if rng.random() < 0.35:
            return draw_ground(rng, 160, 160)
        return self._grounds[int(rng.integers(len(self._grounds)))]

    def _frame(
        self, picture: GarmentPicture, box: Box, altered: Sequence[RegionName], rng: np.random.Generator
    ) -> View:
        shifts = rng.normal(0, self._plan.box_jitter / 2, 4).clip(-self._plan.box_jitter, self._plan.box_jitter)
        dx, dy = box.width, box.height
        seen = Box(box.x1 + shifts[0] * dx, box.y1 + shifts[1] * dy, box.x2 + shifts[2] * dx, box.y2 + shifts[3] * dy)
        marks = picture.landmarks
        common = rng.normal(0, 0.5 * self._plan.point_jitter * box.diagonal, 2)
        noise = common + rng.normal(0, self._plan.point_jitter * box.diagonal, marks.points_xy.shape)
        confidence = rng.uniform(0.4, 1.0, len(marks.confidence)).astype(np.float32)
        seen_marks = Landmarks(
            marks.category,
            (marks.points_xy + noise).astype(np.float32),
            confidence,
            marks.visible & (rng.random(len(confidence)) > 0.04),
        )
        return view_of(picture, seen, seen_marks, altered)


def view_of(picture: GarmentPicture, box: Box, landmarks: Landmarks, altered: Sequence[RegionName]) -> View:
    """Cut the crop that serving would cut for this box, and what goes with it."""
    square = crop_square(box)
    to_crop = Affine.between(square, Box(0, 0, CROP_SIZE, CROP_SIZE))
    regions: tuple[Region, ...] = locate_regions(landmarks, picture.width, picture.height)
    strength = np.where(landmarks.visible, landmarks.confidence, 0)
    channels = [slot.channel for slot in slots_of(landmarks.category)]
    return View(
        cut_square(picture.pixels, square),
        draw_maps(to_crop.apply(landmarks.points_xy), channels, strength),
        region_boxes(to_crop, regions),
        np.array([name in altered for name in REGIONS]),
    )


def mirrored(view: View) -> View:
    """The view flipped left to right, regions and landmark channels renamed."""
    return View(
        np.ascontiguousarray(view.crop[:, ::-1]),
        np.ascontiguousarray(view.maps[list(mirror_channels()), :, ::-1]),
        mirrored_boxes(view.boxes),
        view.altered[[name.mirrored.row for name in REGIONS]],
    )


def draw_alterations(view_boxes: npt.NDArray[np.float32], rng: np.random.Generator) -> list[RegionName]:
    """One or two of the regions that are there; sleeves often go together, as copies change them."""
    there = [name for name in REGIONS if view_boxes[name.row].any()]
    if {RegionName.LEFT_SLEEVE, RegionName.RIGHT_SLEEVE} <= set(there) and rng.random() < 0.2:
        return [RegionName.LEFT_SLEEVE, RegionName.RIGHT_SLEEVE]
    count = min(len(there), 1 + int(rng.random() < 0.5))
    return [there[number] for number in rng.permutation(len(there))[:count]]


def collate(views: Sequence[View], garments: Sequence[int], designs: Sequence[int]) -> Views:
    """Views as tensors, crops normalised."""
    crops = normalise(np.stack([view.crop for view in views]), IMAGENET_MEAN, IMAGENET_STD)
    return Views(
        torch.from_numpy(crops).to(memory_format=torch.channels_last),
        torch.from_numpy(np.stack([view.maps for view in views])),
        torch.from_numpy(np.stack([view.boxes for view in views])),
        torch.from_numpy(np.stack([view.altered for view in views])),
        torch.tensor(list(garments)),
        torch.tensor(list(designs)),
    )


class TripletBatches(Dataset[Views]):
    """The batches of one epoch: per garment its original, a copy with nothing altered, and a partial copy.

    A batch is drawn around one garment: half of it hard strangers (of its category group and colour; its contributor's
    where the plan asks for them; those that a network confuses it with, where `confused` names them), half anything.
    """

    def __init__(
        self,
        shelf: GarmentShelf,
        studio: Studio,
        plan: RenderPlan,
        pairs: Sequence[JudgedPair],
        seed: int,
        epoch: int,
        confused: Neighbours | None = None,
    ) -> None:
        self._shelf, self._studio, self._plan = shelf, studio, plan
        self._seed, self._epoch = seed, epoch
        self._train = np.array(shelf.numbers(Fold.TRAIN, plan.share))
        self._designs = shelf.designs(pairs)
        self._alike = shelf.look_alikes(pairs)
        groups = [category.group for category in shelf.categories()]
        self._near = near_in_colour(shelf.colours(), groups, self._train, plan.neighbours)
        self._kinds = [confused or {}, self._near]
        if plan.same_contributor:
            hands = list(zip(groups, shelf.contributors(), strict=True))
            self._kinds.append(near_in_colour(shelf.colours(), hands, self._train, plan.same_contributor))

    def __len__(self) -> int:
        return self._plan.steps_an_epoch

    def __getitem__(self, step: int) -> Views:
        if step >= len(self):
            raise IndexError(step)
        rng = np.random.default_rng((self._seed, self._epoch, step))
        chosen = self._choose(rng)
        views: list[View] = []
        for number in chosen:
            original = self._studio.original(number, rng)
            trio = [
                original,
                self._studio.copy(number, (), rng),
                self._studio.copy(number, draw_alterations(original.boxes, rng), rng),
            ]
            flip = rng.random() < 0.5
            views.extend(mirrored(view) if flip else view for view in trio)
        garments = np.repeat(chosen, 3).tolist()
        return collate(views, garments, [self._designs[number] for number in garments])

    def _choose(self, rng: np.random.Generator) -> list[int]:
        first = int(rng.choice(self._train))
        alike = [number for number in self._alike.get(first, []) if number in self._near]
        near = in_turns([kind[first] for kind in self._kinds if first in kind], rng)
        anything = rng.permutation(self._train)
        half = self._plan.garments_a_batch // 2
        ordered = [first, *alike[:2], *near[:half], *anything.tolist()]
        return list(dict.fromkeys(int(number) for number in ordered))[: self._plan.garments_a_batch]


def epoch_batches(dataset: TripletBatches, workers: int) -> Iterator[Views]:
    """The epoch's batches in order, rendered ahead by worker processes where there are any."""
    cv2.setNumThreads(1)  # before the fork: a worker would wait for ever on the parent's pool of OpenCV threads
    loader = DataLoader(
        dataset, batch_size=None, num_workers=workers, prefetch_factor=3 if workers else None, shuffle=False
    )
    return iter(loader)


def _relit(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    gain = np.exp(rng.normal(0, 0.06, 3)) * np.exp(rng.normal(0, 0.06))
    curve = (np.arange(256)[:, None] * gain).clip(0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(pixels, curve[None]), dtype=np.uint8)
