"""DeepFashion2 in its own layout, for those who hold it: `train/annos/000001.json` beside `train/image/000001.jpg`.

Garments become what the trainings take: landmark labels, detector scenes, shelves of the embedder, and pairs of one
design. None of the data set's photos could be had here, so only its format is tested.
Source: switchablenorms/DeepFashion2 @fdf5ac3, README.md ("Data Description", "Data Organization").
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import InvalidValue, ModelsError
from models.geometry import Box
from models.taxonomy import Category, slots_of
from models.training.data.hand_landmarks import HIDDEN_WEIGHT
from models.training.data.landmark_labels import LandmarkLabel
from models.training.data.readers import Fold, JudgedPair

FOLDS = {"train": Fold.TRAIN, "validation": Fold.VALIDATION}
SOURCE = "deepfashion2"
"""Of the landmark labels: points were placed by people, but a slot without one is unlabelled, not absent."""
WEIGHT_OF = {2: 1.0, 1: HIDDEN_WEIGHT, 0: 0.0}
_CATEGORIES = {category.df2_id: category for category in Category}
_Kind = TypeVar("_Kind")


class DeepFashion2Error(ModelsError, ValueError):
    """An annotation that is not in DeepFashion2's format, or has no photo; the message names the file."""


class _Item(BaseModel):
    """`itemN` of an annotation; what the trainings have no use for is not asked for."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    category_id: int = Field(ge=1, le=13)
    style: int = Field(ge=0)
    bounding_box: Annotated[list[float], Field(min_length=4, max_length=4)]
    landmarks: list[Annotated[float, Field(allow_inf_nan=False)]]
    segmentation: list[Annotated[list[float], Field(min_length=6)]] = []
    scale: Literal[1, 2, 3] = 1
    occlusion: Literal[1, 2, 3] = 1
    zoom_in: Literal[1, 2, 3] = 1
    viewpoint: Literal[1, 2, 3] = 1


class _Annotation(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    source: Literal["shop", "user"]
    pair_id: int


@dataclass(frozen=True, slots=True, eq=False)
class DeepFashion2Garment:
    """A garment of a photo; coordinates in photo pixels.

    `photo` is `000001.jpg#1` (the item's number), unique in a fold; `points` float64 (slots, 3): x, y, visibility 2, 1
    or 0; `polygons` float64 (n, 2) each. `scale`, `occlusion`, `zoom_in` grow 1..3; `viewpoint`: 1 not worn, 2 front,
    3 side or back. Garments of one `pair_id` and one `style` above 0 are of one design.
    """

    photo: str
    path: Path
    fold: Fold
    source: str
    pair_id: int
    style: int
    category: Category
    box: Box
    points: npt.NDArray[np.float64]
    polygons: tuple[npt.NDArray[np.float64], ...]
    scale: int
    occlusion: int
    zoom_in: int
    viewpoint: int

    def mask(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        """uint8 (height, width), 255 on the garment; empty where nobody drew its outline."""
        filled = np.zeros((height, width), dtype=np.uint8)
        # Each polygon for itself: given together, overlapping ones would cut holes into each other.
        for polygon in self.polygons:
            cv2.fillPoly(filled, [polygon.round().astype(np.int32)], 255)
        return filled


def read_deepfashion2(folder: Path, fold: Fold = Fold.TRAIN) -> Iterator[DeepFashion2Garment]:
    """The garments of `folder/train` or `folder/validation`, photo by photo in the order of their names.

    Raises DeepFashion2Error where there are no annotations, and at the first that is none.
    """
    names = [name for name, known in FOLDS.items() if known is fold]
    if not names:
        raise DeepFashion2Error(f"DeepFashion2 has no {fold} fold: there are {', '.join(FOLDS)}")
    annotations = sorted((folder / names[0] / "annos").glob("*.json"))
    if not annotations:
        raise DeepFashion2Error(f"{folder / names[0] / 'annos'} holds no annotations")
    for path in annotations:
        yield from read_annotation(path, fold)


def read_annotation(path: Path, fold: Fold) -> list[DeepFashion2Garment]:
    """The garments of one annotation file. Raises DeepFashion2Error."""
    photo = path.parent.parent / "image" / f"{path.stem}.jpg"
    if not photo.is_file():
        raise DeepFashion2Error(f"{path}: its photo {photo} is missing")
    annotation = _parsed(_Annotation, path, path.read_bytes())
    items = sorted(name for name in annotation.model_extra or {} if name[:4] == "item" and name[4:].isdigit())
    return [_garment(path, photo, fold, annotation, name) for name in sorted(items, key=lambda name: int(name[4:]))]


def landmark_labels(garments: Iterable[DeepFashion2Garment]) -> list[LandmarkLabel]:
    """What the landmark network learns from: garments with a labelled point. Paths are absolute."""
    return [
        LandmarkLabel(
            photo=garment.photo,
            path=str(garment.path.absolute()),
            category=garment.category,
            fold=garment.fold.value,
            source=SOURCE,
            quality=1.0,
            box=garment.box,
            points=weighted_points(garment),
        )
        for garment in garments
        if (garment.points[:, 2] > 0).any()
    ]


def weighted_points(garment: DeepFashion2Garment) -> npt.NDArray[np.float64]:
    """(slots, 3): x, y and the weight that the trainings give a point of its visibility, 0..1."""
    weights = [WEIGHT_OF[int(visibility)] for visibility in garment.points[:, 2]]
    return np.column_stack([garment.points[:, :2], weights])


def same_design_pairs(garments: Iterable[DeepFashion2Garment]) -> list[JudgedPair]:
    """Each garment of a design with the next one: same pair_id, style above 0 and category.

    A chain says that all are of one design without a pair for every two of them.
    """
    designs: dict[tuple[Fold, int, int, Category], list[str]] = defaultdict(list)
    for garment in garments:
        if garment.style > 0:
            designs[garment.fold, garment.pair_id, garment.style, garment.category].append(garment.photo)
    return [JudgedPair(a, b, "same") for photos in designs.values() for a, b in itertools.pairwise(photos)]


def _garment(path: Path, photo: Path, fold: Fold, annotation: _Annotation, name: str) -> DeepFashion2Garment:
    item = _parsed(_Item, path, (annotation.model_extra or {})[name], name)
    category = _CATEGORIES[item.category_id]
    slots = len(slots_of(category))
    if len(item.landmarks) != 3 * slots:
        raise DeepFashion2Error(f"{path}, {name}: a {category} has {slots} landmarks of x, y, v")
    points = np.array(item.landmarks, dtype=np.float64).reshape(-1, 3)
    if not np.isin(points[:, 2], (0, 1, 2)).all():
        raise DeepFashion2Error(f"{path}, {name}: a landmark's visibility is 0, 1 or 2")
    if any(len(polygon) % 2 for polygon in item.segmentation):
        raise DeepFashion2Error(f"{path}, {name}: an outline has as many x as y")
    try:
        box = Box(*item.bounding_box)
    except InvalidValue as error:
        raise DeepFashion2Error(f"{path}, {name}: {error}") from error
    return DeepFashion2Garment(
        photo=f"{photo.name}#{name[4:]}",
        path=photo,
        fold=fold,
        source=annotation.source,
        pair_id=annotation.pair_id,
        style=item.style,
        category=category,
        box=box,
        points=points,
        polygons=tuple(np.array(polygon, dtype=np.float64).reshape(-1, 2) for polygon in item.segmentation),
        scale=item.scale,
        occlusion=item.occlusion,
        zoom_in=item.zoom_in,
        viewpoint=item.viewpoint,
    )


def _parsed(kind: type[_Kind], path: Path, content: object, where: str = "the file") -> _Kind:
    assert issubclass(kind, BaseModel)
    try:
        return kind.model_validate_json(content) if isinstance(content, bytes) else kind.model_validate(content)
    except ValidationError as error:
        raise DeepFashion2Error(f"{path}, {where}: {error}") from error
