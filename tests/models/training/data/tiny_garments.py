"""A data root of painted tees: photos, masks, labels and hand-placed points, as `shared/data` has them."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np

from models.taxonomy import Category
from models.training.data.readers import Fold, fold_of
from tests.models.training.data.garment_shapes import HEIGHT, WIDTH, Points, tee, tee_mask

TEE = Category.SHORT_SLEEVE_TOP
ASIDE = next(name for name in map(str, range(1000)) if fold_of("train", name) is Fold.CALIBRATION)
"""A contributor who is held out of all training."""
COLUMNS = "photo split sender label width height x1 y1 x2 y2 df2 sleeve neck pattern closure length view ok"
KEYS_OF_TEE = {
    "neck_left": ["neck_L"],
    "neck_right": ["neck_R"],
    "armpit_left": ["armpit_L"],
    "cuff_outer_left": ["cuff_outer_L"],
    "hem_left": ["hem_L"],
    "hem_right": ["hem_R"],
    "hem_center": ["hem_center"],
}


def points_in_percent(points: Points) -> dict[str, list[float]]:
    return {key: [100 * x / WIDTH, 100 * y / HEIGHT, v] for key, (x, y, v) in points.items()}


def write_tees(root: Path) -> None:
    """Nine hand-placed tees of contributor 181 and one of a calibration contributor; a tee to fit in train and in
    validation, one from behind, and one worn at a store.
    """
    garments, stores = root / "garments", root / "stores"
    for folder in (garments / "photos", garments / "masks", stores / "luma"):
        folder.mkdir(parents=True)
    sizes = [(wide, long) for wide in (0.7, 0.85, 1.0) for long in (0.8, 1.0, 1.15)]
    shapes = {f"hand{number}": tee(wide=wide, long=long) for number, (wide, long) in enumerate(sizes)}
    shapes |= {"mine": tee(wide=0.9, long=0.9), "theirs": tee(wide=0.8), "behind": tee(), "hand_aside": tee(wide=0.95)}
    split_of = {"theirs": "validation"}
    rows, placed = [], []
    for name, points in shapes.items():
        mask = tee_mask(points)
        cv2.imwrite(str(garments / "photos" / f"{name}.jpg"), mask * 200)
        cv2.imwrite(str(garments / "masks" / f"{name}.png"), mask * 255)
        ys, xs = np.nonzero(mask)
        box = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
        view = "back" if name == "behind" else "front"
        split, attributes = split_of.get(name, "train"), ("short", "round", "", "", "")
        contributor = ASIDE if name == "hand_aside" else "181"
        rows.append([f"{name}.jpg", split, contributor, "Tee", WIDTH, HEIGHT, *box, TEE, *attributes, view, 1])
        if name.startswith("hand"):
            share = [100 * side / (WIDTH, HEIGHT)[number % 2] for number, side in enumerate(box)]
            entry = {"photo": f"{name}.jpg", "df2": TEE, "view": "front", "ok": 1, "box": [float(s) for s in share]}
            placed.append(json.dumps(entry | {"pts": points_in_percent(points)}))
    with (garments / "labels.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS.split(), *rows])
    (garments / "landmarks_train.jsonl").write_text("\n".join(placed) + "\n")
    (garments / "gold_to_df2.json").write_text(json.dumps({str(TEE): KEYS_OF_TEE}))
    cv2.imwrite(str(stores / "luma" / "worn.jpg"), np.full((HEIGHT, WIDTH, 3), 255, np.uint8))
    (stores / "luma.csv").write_text("product,photo,kind,colour,view\nms01,worn.jpg,tee,red,main\n")
    worn = {"photo": "worn.jpg", "df2": TEE, "view": "worn", "ok": 1, "box": [10, 10, 90, 90]}
    (stores / "landmarks_luma.jsonl").write_text(json.dumps(worn | {"pts": points_in_percent(tee())}) + "\n")
