"""Garments that nobody read stand in as strangers, where the detector sees what the shop's word admits."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.geometry import Box
from models.manifest import read_manifest
from models.runtime.landmarker import LandmarkEstimator
from models.taxonomy import LANDMARK_CHANNELS, Category
from models.training.data.landmark_labels import read_landmark_labels
from models.training.data.readers import Fold, read_garments
from models.training.data.unread import is_unread, label_unread
from models.types import Detection, Image
from tests.models.training.data.garment_shapes import HEIGHT, WIDTH, tee, tee_mask
from tests.models.training.data.test_readers import HEADER

MANIFEST = read_manifest(Path("models/weights/landmarker.json"))


@dataclass(frozen=True)
class OneBox:
    """A detector that sees one garment in every photo."""

    box: Box
    category: Category

    def detect(self, _image: Image) -> list[Detection]:
        return [Detection(self.box, self.category, 0.9)]


class Peaks:
    """A landmark network whose heatmaps all peak in the middle."""

    provider = "test"

    def run(self, _inputs: object) -> tuple[np.ndarray, ...]:
        maps = np.zeros((1, LANDMARK_CHANNELS, 56, 56), np.float32)
        maps[..., 28, 28] = 1
        return (maps,)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A hoodie and a hat that nobody read, a tee that somebody read, and a hoodie of a validation contributor."""
    for folder in ("photos", "masks"):
        (tmp_path / "garments" / folder).mkdir(parents=True)
    mask = tee_mask(tee())
    ys, xs = np.nonzero(mask)
    box = f"{xs.min()},{ys.min()},{xs.max() + 1},{ys.max() + 1}"
    rows = [
        f"hoodie.jpg,train,181,Hoodie,{WIDTH},{HEIGHT},{box},,,,,,,,",
        f"hat.jpg,train,181,Hat,{WIDTH},{HEIGHT},{box},,,,,,,,",
        f"tee.jpg,train,181,T-Shirt,{WIDTH},{HEIGHT},{box},short_sleeve_top,short,round,,,,front,1",
        f"theirs.jpg,validation,7,Hoodie,{WIDTH},{HEIGHT},{box},,,,,,,,",
    ]
    for row in rows:
        name = row.split(".")[0]
        cv2.imwrite(str(tmp_path / "garments" / "photos" / f"{name}.jpg"), mask * 200)
        cv2.imwrite(str(tmp_path / "garments" / "masks" / f"{name}.png"), mask * 255)
    (tmp_path / "garments" / "labels.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return tmp_path


def label(root: Path, category: Category, box: Box | None = None) -> list[str]:
    """The photos that were labelled with a detector of this opinion."""
    garment = next(g for g in read_garments(root) if g.photo == "hoodie.jpg")
    assert garment.box is not None
    count = label_unread(
        OneBox(box or garment.box, category), LandmarkEstimator(Peaks(), MANIFEST), root, root / "unread.jsonl"
    )
    labels = read_landmark_labels(root / "unread.jsonl")
    assert len(labels) == count
    assert all(found.category is category for found in labels)
    return [found.photo for found in labels]


def test_only_upper_garments_of_training_contributors_that_nobody_read_count(root: Path) -> None:
    """A validation photo is never a stranger to calibrate on."""
    assert [garment.photo for garment in read_garments(root) if is_unread(garment)] == ["hoodie.jpg"]
    assert all(garment.fold is not Fold.VALIDATION for garment in read_garments(root) if is_unread(garment))


def test_the_detector_decides_within_what_the_word_admits(root: Path) -> None:
    """A hoodie may be a top or a jacket, but it is no dress."""
    assert label(root, Category.LONG_SLEEVE_OUTWEAR) == ["hoodie.jpg"]
    assert label(root, Category.VEST_DRESS) == []


def test_a_box_on_something_else_labels_nothing(root: Path) -> None:
    """The mask says where the garment is."""
    assert label(root, Category.LONG_SLEEVE_TOP, Box(0, 0, 10, 10)) == []
