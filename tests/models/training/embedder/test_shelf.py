"""The shelf: what any embedder learns from, decoded by whichever command asks for it first."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training.data.readers import Fold
from models.training.embedder.shelf import open_shelf
from tests.models.training.data.drawn_garments import t_shirt
from tests.models.training.data.tiny_garments import write_tees


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """What `complete` and `street` leave for the painted tees: no garment was found in the street."""
    write_tees(tmp_path / "data")
    folder = tmp_path / "work"
    (folder / "street").mkdir(parents=True)
    (folder / "street" / "labels.jsonl").write_text("")
    return folder


def test_is_filled_when_first_asked_for(work: Path, tmp_path: Path) -> None:
    """Ablations, means and smaller forms need no embedder trained before them."""
    _complete(work, tmp_path / "data")
    shelf = open_shelf(work, tmp_path / "data")
    assert len(shelf.numbers(Fold.TRAIN)) == 1
    assert len(shelf.numbers(Fold.CALIBRATION)) == 1


def test_is_decoded_once(work: Path, tmp_path: Path) -> None:
    """What lies there is read, photos and labels are not."""
    _complete(work, tmp_path / "data")
    filled = len(open_shelf(work, tmp_path / "data"))
    (work / "complete.jsonl").unlink()
    assert len(open_shelf(work, tmp_path / "nowhere")) == filled


def test_nothing_is_left_behind_where_labels_are_missing(work: Path, tmp_path: Path) -> None:
    """Who forgot `complete` runs it, and is served then."""
    with pytest.raises(FileNotFoundError):
        open_shelf(work, tmp_path / "data")
    _complete(work, tmp_path / "data")
    assert len(open_shelf(work, tmp_path / "data")) == 2


def _complete(work: Path, data: Path) -> None:
    """A drawn T-shirt in the place of two painted tees, one of either fold, and all its points."""
    shirt = t_shirt((60, 90, 170))
    points = np.column_stack([shirt.landmarks.points_xy, np.ones(25)]).tolist()
    for name in ("hand0", "hand_aside"):
        cv2.imwrite(str(data / "garments" / "photos" / f"{name}.jpg"), shirt.pixels[..., ::-1])
        cv2.imwrite(str(data / "garments" / "masks" / f"{name}.png"), shirt.mask * 255)
    label = {"category": shirt.landmarks.category.value, "points": points, "box": [26, 36, 230, 238]}
    lines = [json.dumps({"photo": f"{name}.jpg"} | label) for name in ("hand0", "hand_aside")]
    (work / "complete.jsonl").write_text("\n".join(lines))
