"""From a folder of photos, masks and hand-placed points to a file of labels."""

from pathlib import Path

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
from tests.models.training.data.garment_shapes import tee
from tests.models.training.data.tiny_garments import TEE, write_tees


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Painted tees in the folders of the real data."""
    write_tees(tmp_path)
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
    assert labels["hand_aside.jpg"].fold == "calibration"
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
