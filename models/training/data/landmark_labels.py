"""Landmark labels for training: hand-placed points as they are, and templates fitted to the masks of other garments.

One garment a line in `labels.jsonl`. Points are in photo pixels with a weight 0..1 per DeepFashion2 slot of the
category; weight 0 means that the slot has no place one could trust.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from models.errors import InvalidValue
from models.geometry import Box
from models.taxonomy import Category, slots_of
from models.training.data.fit_report import key_trust, report_fits
from models.training.data.hand_landmarks import (
    HIDDEN_WEIGHT,
    HandLandmarks,
    read_hand_landmarks,
    read_key_slots,
    slots_from_keys,
)
from models.training.data.outlines import outline_of, read_mask
from models.training.data.readers import Fold, GarmentPhoto, read_garments, read_stores
from models.training.data.template_fits import (
    OUTLINE_POINTS,
    FittedKeys,
    fit_keys,
    learn_templates,
    leave_one_out,
    usable_example,
)
from models.training.data.templates import TemplateFamily, family_name, is_dress

LEAST_WEIGHT = 0.2
"""Slots below it are dropped: the template's guess would teach the network the mean shape."""
LEAST_EVIDENCE = 0.5
FITTED_FOLDS = (Fold.TRAIN, Fold.CALIBRATION, Fold.VALIDATION)
VISIBILITY_WEIGHT = {2: 1.0, 1: HIDDEN_WEIGHT, 0: 0.0}


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkLabel:
    """A line of the file. `path` is relative to the data root; `fold` that of the garment, `store_0` or `store_1`.

    `source` is hand or template, `quality` the template's overlap with the mask (1 for hand), `points` (slots, 3).
    """

    photo: str
    path: str
    category: Category
    fold: str
    source: str
    quality: float
    box: Box
    points: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.points.shape != (len(slots_of(self.category)), 3) or not np.isfinite(self.points).all():
            raise InvalidValue(f"{self.photo}: a {self.category} has {len(slots_of(self.category))} slots")

    def as_json(self) -> str:
        entry = {
            "photo": self.photo,
            "path": self.path,
            "category": self.category,
            "fold": self.fold,
            "source": self.source,
            "quality": round(self.quality, 4),
            "box": [round(float(side), 2) for side in self.box.as_array()],
            "points": np.round(self.points, 3).tolist(),
        }
        return json.dumps(entry)


def read_landmark_labels(path: Path) -> list[LandmarkLabel]:
    """Read a file that `derive_landmark_labels` wrote."""
    return [_label(json.loads(line)) for line in path.read_text().splitlines()]


def derive_landmark_labels(data_root: Path, out_path: Path, *, processes: int = 2) -> dict[str, Any]:
    """Write `out_path` (jsonl) and beside it `out_path` with `.report.json`; return that report.

    Validation garments get template fits only, as inputs of evaluations; nothing is ever trained on their lines.
    """
    garments = read_garments(data_root)
    by_photo = {garment.photo: garment for garment in garments}
    sizes = {garment.photo: (garment.width, garment.height) for garment in garments}
    hand = read_hand_landmarks(data_root / "garments" / "landmarks_train.jsonl", sizes)
    key_slots = read_key_slots(data_root)
    placed = [_from_hand(item, by_photo[item.photo], key_slots) for item in hand if item.ok and item.category]
    placed += _from_luma(data_root, key_slots)
    learnt = [item for item in hand if by_photo[item.photo].fold is Fold.TRAIN]
    examples = [found for item in learnt if (found := usable_example(item, by_photo[item.photo])) is not None]
    checked = leave_one_out(examples)
    trust = {
        family: key_trust([pair for pair in checked if family_name(pair[0].category) == family])
        for family in sorted({family_name(example.category) for example in examples})
    }
    templates = learn_templates(examples)
    taken = {item.photo for item in hand}
    others = [garment for garment in garments if garment.photo not in taken and _fittable(garment)]
    jobs = [(garment, templates) for garment in others]
    with multiprocessing.get_context("fork").Pool(processes, initializer=_single_thread) as pool:
        fits = pool.map(_fit_garment, jobs, chunksize=16)
    pairs = [(garment, fit) for garment, fit in zip(others, fits, strict=True) if fit is not None]
    fitted = [_from_fit(garment, fit, key_slots, trust) for garment, fit in pairs if fit.good]
    out_path.parent.mkdir(parents=True, exist_ok=True)
    out_path.write_text("".join(label.as_json() + "\n" for label in [*placed, *fitted]))
    report = report_fits(checked, pairs, trust)
    report["labels"] = count_labels([*placed, *fitted])
    out_path.with_suffix(".report.json").write_text(json.dumps(report, indent=1))
    return report


def _single_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"


def _fittable(garment: GarmentPhoto) -> bool:
    return (
        garment.category is not None
        and not garment.category.is_bottom
        and garment.ok
        and garment.view == "front"
        and garment.mask_path is not None
        and garment.box is not None
        and garment.fold in FITTED_FOLDS
    )


def _fit_garment(job: tuple[GarmentPhoto, Mapping[tuple[str, bool], TemplateFamily]]) -> FittedKeys | None:
    garment, templates = job
    assert garment.category is not None and garment.mask_path is not None
    mask = read_mask(garment.mask_path)
    outline = outline_of(mask, OUTLINE_POINTS)
    template = templates.get((family_name(garment.category), is_dress(garment.category)))
    return None if outline is None or template is None else fit_keys(template, outline, mask)


def _from_hand(
    hand: HandLandmarks, garment: GarmentPhoto, key_slots: Mapping[Category, Mapping[str, tuple[int, ...]]]
) -> LandmarkLabel:
    assert hand.category is not None
    outline = outline_of(read_mask(garment.mask_path)) if garment.mask_path else None
    keys = {key: (x, y, VISIBILITY_WEIGHT[v]) for key, (x, y, v) in hand.points.items()}
    points = slots_from_keys(hand.category, keys, key_slots[hand.category], outline, garment.neck)
    path = f"garments/photos/{hand.photo}"
    return LandmarkLabel(hand.photo, path, hand.category, garment.fold, "hand", 1.0, hand.box, points)


def _from_luma(root: Path, key_slots: Mapping[Category, Mapping[str, tuple[int, ...]]]) -> list[LandmarkLabel]:
    photos = {photo.photo: photo for photo in read_stores(root, ("luma",))}
    path = root / "stores" / "landmarks_luma.jsonl"
    wanted = {json.loads(line)["photo"] for line in path.read_text().splitlines()}
    sizes = {name: _size(photos[name].path) for name in wanted}
    labels = []
    for hand in read_hand_landmarks(path, sizes):
        if hand.category is None or not hand.ok:
            continue
        keys = {key: (x, y, VISIBILITY_WEIGHT[v]) for key, (x, y, v) in hand.points.items()}
        points = slots_from_keys(hand.category, keys, key_slots[hand.category], None, "round")
        fold = f"store_{photos[hand.photo].fold}"
        where = f"stores/luma/{hand.photo}"
        labels.append(LandmarkLabel(hand.photo, where, hand.category, fold, "hand", 1.0, hand.box, points))
    return labels


def _from_fit(
    garment: GarmentPhoto,
    fit: FittedKeys,
    key_slots: Mapping[Category, Mapping[str, tuple[int, ...]]],
    trust: Mapping[str, Mapping[str, float]],
) -> LandmarkLabel:
    assert garment.category is not None and garment.mask_path is not None and garment.box is not None
    trusted = trust[family_name(garment.category)]
    keys = {
        key: (x, y, trusted.get(key, 0.0) * (evidence if evidence >= LEAST_EVIDENCE else 0.0))
        for key, (x, y, evidence) in fit.keys.items()
    }
    outline = outline_of(read_mask(garment.mask_path))
    points = slots_from_keys(garment.category, keys, key_slots[garment.category], outline, garment.neck)
    points[points[:, 2] < LEAST_WEIGHT / 2] = 0.0
    path = f"garments/photos/{garment.photo}"
    return LandmarkLabel(
        garment.photo, path, garment.category, garment.fold, "template", fit.overlap, garment.box, points
    )


def count_labels(labels: Sequence[LandmarkLabel]) -> dict[str, int]:
    """How many labels there are of each fold and source."""
    return dict(sorted(Counter(f"{label.fold}/{label.source}" for label in labels).items()))


def _size(path: Path) -> tuple[int, int]:
    with PillowImage.open(path) as picture:
        return picture.size


def _label(entry: dict[str, Any]) -> LandmarkLabel:
    return LandmarkLabel(
        photo=entry["photo"],
        path=entry["path"],
        category=Category(entry["category"]),
        fold=entry["fold"],
        source=entry["source"],
        quality=entry["quality"],
        box=Box(*entry["box"]),
        points=np.array(entry["points"], dtype=np.float64),
    )
