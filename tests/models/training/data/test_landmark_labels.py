"""From a folder of photos, masks and hand-placed points to a file of labels."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.errors import InvalidValue
from models.geometry import Box
from models.taxonomy import Category, slot_index, slots_of
from models.training.data.landmark_labels import (
    LandmarkLabel,
    count_labels,
    derive_landmark_labels,
    read_landmark_labels,
)
from models.training.data.readers import fold_of
from tests.models.training.data.garment_shapes import HEIGHT, WIDTH, Points, tee, tee_mask

TEE = Category.SHORT_SLEEVE_TOP
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


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Nine hand-placed tees of contributor 181, one tee to fit in each of two splits, one from behind."""
    garments, stores = tmp_path / "garments", tmp_path / "stores"
    for folder in (garments / "photos", garments / "masks", stores / "luma"):
        folder.mkdir(parents=True)
    sizes = [(wide, long) for wide in (0.7, 0.85, 1.0) for long in (0.8, 1.0, 1.15)]
    shapes = {f"hand{number}": tee(wide=wide, long=long) for number, (wide, long) in enumerate(sizes)}
    shapes |= {"mine": tee(wide=0.9, long=0.9), "theirs": tee(wide=0.8), "behind": tee()}
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
        rows.append([f"{name}.jpg", split, "181", "Tee", WIDTH, HEIGHT, *box, TEE, *attributes, view, 1])
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
    return tmp_path


def test_hand_placed_points_are_kept_and_other_masks_are_fitted(root: Path, tmp_path: Path) -> None:
    """Train and validation masks get fits in lines of their own fold, a back view gets none."""
    assert fold_of("train", "181") == "train"
    report = derive_landmark_labels(root, tmp_path / "out" / "labels.jsonl", processes=1)
    labels = {label.photo: label for label in read_landmark_labels(tmp_path / "out" / "labels.jsonl")}
    assert count_labels(list(labels.values())) == report["labels"]
    assert (labels["hand0.jpg"].source, labels["hand0.jpg"].fold) == ("hand", "train")
    assert (labels["mine.jpg"].source, labels["mine.jpg"].fold) == ("template", "train")
    assert (labels["theirs.jpg"].source, labels["theirs.jpg"].fold) == ("template", "validation")
    assert labels["worn.jpg"].fold in {"store_0", "store_1"}
    assert labels["worn.jpg"].path == "stores/luma/worn.jpg"
    assert "behind.jpg" not in labels


def test_a_fitted_label_lies_where_the_garment_was_drawn(root: Path, tmp_path: Path) -> None:
    """The hem and the cuff of a mask without points are found to two hundredths of the diagonal."""
    derive_landmark_labels(root, tmp_path / "labels.jsonl", processes=1)
    label = next(x for x in read_landmark_labels(tmp_path / "labels.jsonl") if x.photo == "mine.jpg")
    index = slot_index(TEE)
    for key, slot in (("hem_left", "hem_L"), ("cuff_outer_left", "cuff_outer_L"), ("neck_left", "neck_L")):
        x, y, weight = label.points[index[slot]]
        assert weight > 0
        assert np.hypot(x - tee(wide=0.9, long=0.9)[key][0], y - tee(wide=0.9, long=0.9)[key][1]) < (
            0.02 * label.box.diagonal
        )
    assert (tmp_path / "labels.report.json").exists()


def test_a_line_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Writing and reading a label changes nothing."""
    points = np.arange(3 * len(slots_of(TEE)), dtype=np.float64).reshape(-1, 3)
    label = LandmarkLabel("a.jpg", "garments/photos/a.jpg", TEE, "train", "hand", 1.0, Box(1, 2, 3, 4), points)
    path = tmp_path / "labels.jsonl"
    path.write_text(label.as_json() + "\n")
    again = read_landmark_labels(path)[0]
    assert again.as_json() == label.as_json()
    assert (again.points == points).all()


def test_a_label_of_another_categorys_slots_is_refused() -> None:
    """A vest has fewer slots than a tee."""
    with pytest.raises(InvalidValue, match="slots"):
        LandmarkLabel("a", "a", Category.VEST, "train", "hand", 1.0, Box(0, 0, 1, 1), np.zeros((25, 3)))
