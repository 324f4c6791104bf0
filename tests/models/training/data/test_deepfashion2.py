"""DeepFashion2's folders as the trainings' own types."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.geometry import Box
from models.taxonomy import Category
from models.training.data.deepfashion2 import (
    DeepFashion2Error,
    landmark_labels,
    read_deepfashion2,
    same_design_pairs,
)
from models.training.data.landmark_labels import LandmarkLabel
from models.training.data.readers import Fold, JudgedPair


def item(category_id: int = 1, slots: int = 25, **changes: Any) -> dict[str, Any]:
    """An item as the data set writes it: every third point hidden, the last not labelled."""
    points: list[int] = []
    for number in range(slots):
        visibility = 0 if number == slots - 1 else 1 if number % 3 == 2 else 2
        points += [10 + number, 20 + 2 * number, visibility] if visibility else [0, 0, 0]
    return {
        "segmentation": [[10, 10, 60, 10, 60, 70, 10, 70], [40, 50, 70, 50, 70, 90, 40, 90]],
        "scale": 3,
        "viewpoint": 2,
        "zoom_in": 1,
        "landmarks": points,
        "style": 1,
        "bounding_box": [10, 10, 71, 91],
        "category_id": category_id,
        "occlusion": 2,
        "category_name": "short sleeve top",
    } | changes


def write(root: Path, number: int, fold: str = "train", source: str = "shop", pair_id: int = 1, **items: Any) -> Path:
    annotation = root / fold / "annos" / f"{number:06d}.json"
    photo = root / fold / "image" / f"{number:06d}.jpg"
    for path in (annotation, photo):
        path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(photo), np.full((100, 80, 3), 200, np.uint8))
    annotation.write_text(json.dumps({**items, "source": source, "pair_id": pair_id}))
    return annotation


def test_an_annotation_becomes_its_garments(tmp_path: Path) -> None:
    """In the order of their numbers, of which there may be ten."""
    write(tmp_path, 1, item10=item(8, 14), item2=item(), pair_id=7)
    top, trousers = read_deepfashion2(tmp_path)
    assert (top.photo, trousers.photo) == ("000001.jpg#2", "000001.jpg#10")
    assert (top.category, trousers.category) == (Category.SHORT_SLEEVE_TOP, Category.TROUSERS)
    assert (top.source, top.pair_id, top.style) == ("shop", 7, 1)
    assert (top.scale, top.viewpoint, top.zoom_in, top.occlusion) == (3, 2, 1, 2)
    assert (top.box, top.points.shape, top.fold) == (Box(10, 10, 71, 91), (25, 3), Fold.TRAIN)
    assert top.path.read_bytes()[:2] == b"\xff\xd8"


def test_a_mask_is_the_union_of_the_outlines(tmp_path: Path) -> None:
    write(tmp_path, 1, item1=item())
    (garment,) = read_deepfashion2(tmp_path)
    mask = garment.mask(80, 100)
    assert (mask.shape, sorted(np.unique(mask).tolist())) == ((100, 80), [0, 255])
    assert (mask[55, 50], mask[80, 65], mask[80, 20], mask[5, 5]) == (255, 255, 0, 0)


def test_points_become_landmark_labels_that_survive_their_file(tmp_path: Path) -> None:
    """Seen ones count wholly, hidden ones half, unlabelled ones not; the photo is found from any data root."""
    write(tmp_path, 1, item1=item())
    (label,) = landmark_labels(read_deepfashion2(tmp_path))
    assert isinstance(label, LandmarkLabel)
    assert label.points[[0, 2, 24], 2].tolist() == [1.0, 0.5, 0.0]
    assert (Path("/another/root") / label.path).is_file()
    assert json.loads(label.as_json())["category"] == "short_sleeve_top"


def test_a_garment_without_any_point_teaches_no_landmarks(tmp_path: Path) -> None:
    write(tmp_path, 1, item1=item(landmarks=[0] * 75))
    assert landmark_labels(read_deepfashion2(tmp_path)) == []


def test_pairs_share_pair_style_and_category(tmp_path: Path) -> None:
    """Style 0 has no partner; another style, pair or category is another design."""
    write(tmp_path, 1, item1=item(), item2=item(8, 14))
    write(tmp_path, 2, source="user", item1=item())
    write(tmp_path, 3, item1=item(style=2), item2=item(style=0), item3=item(style=0))
    write(tmp_path, 4, pair_id=2, item1=item())
    write(tmp_path, 5, item1=item())
    assert same_design_pairs(read_deepfashion2(tmp_path)) == [
        JudgedPair("000001.jpg#1", "000002.jpg#1", "same"),
        JudgedPair("000002.jpg#1", "000005.jpg#1", "same"),
    ]


def test_validation_is_read_from_its_own_folder(tmp_path: Path) -> None:
    write(tmp_path, 1, item1=item())
    write(tmp_path, 2, fold="validation", item1=item())
    assert [garment.photo for garment in read_deepfashion2(tmp_path, Fold.VALIDATION)] == ["000002.jpg#1"]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"category_id": 14}, "category_id"),
        ({"category_id": 2}, "33 landmarks"),
        ({"landmarks": [1, 2, 3] * 25}, "visibility"),
        ({"landmarks": "none"}, "landmarks"),
        ({"bounding_box": [10, 10, 10, 20]}, "box"),
        ({"bounding_box": [10, 10, 20]}, "bounding_box"),
        ({"segmentation": [[1, 2, 3, 4, 5, 6, 7]]}, "outline"),
        ({"viewpoint": 9}, "viewpoint"),
        ({"style": -1}, "style"),
    ],
)
def test_a_malformed_item_is_named(tmp_path: Path, broken: dict[str, Any], says: str) -> None:
    write(tmp_path, 1, item1=item(**broken))
    with pytest.raises(DeepFashion2Error, match=says) as raised:
        list(read_deepfashion2(tmp_path))
    assert "000001.json, item1" in str(raised.value)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"source": "shop"}', '{"source": "web", "pair_id": 1}'])
def test_a_file_that_is_no_annotation_is_named(tmp_path: Path, content: str) -> None:
    write(tmp_path, 1).write_text(content)
    with pytest.raises(DeepFashion2Error, match=r"000001\.json"):
        list(read_deepfashion2(tmp_path))


def test_a_missing_photo_or_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DeepFashion2Error, match="no annotations"):
        list(read_deepfashion2(tmp_path))
    write(tmp_path, 1, item1=item())
    (tmp_path / "train" / "image" / "000001.jpg").unlink()
    with pytest.raises(DeepFashion2Error, match="missing"):
        list(read_deepfashion2(tmp_path))
    with pytest.raises(DeepFashion2Error, match="fold"):
        list(read_deepfashion2(tmp_path, Fold.CALIBRATION))
