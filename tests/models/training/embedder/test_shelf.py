"""The shelf: what any embedder learns from, decoded by whichever command asks for it first."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training.data.readers import Fold, read_garments
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
    senders = {garment.photo: garment.contributor for garment in read_garments(tmp_path / "data")}
    assert shelf.contributors() == [senders[shelf[number].photo] for number in range(len(shelf))]


def test_is_decoded_once(work: Path, tmp_path: Path) -> None:
    """What lies there is read, photos and labels are not."""
    _complete(work, tmp_path / "data")
    filled = len(open_shelf(work, tmp_path / "data"))
    (work / "complete.jsonl").unlink()
    assert len(open_shelf(work, tmp_path / "nowhere")) == filled


def test_is_filled_anew_when_labels_are_others(work: Path, tmp_path: Path) -> None:
    """Who labels the photos again with a better landmark network learns from what that says."""
    _complete(work, tmp_path / "data")
    before = open_shelf(work, tmp_path / "data")
    entries = [json.loads(line) for line in (work / "complete.jsonl").read_text().splitlines()]
    for entry in entries:
        entry["points"][0][0] += 3
    (work / "complete.jsonl").write_text("\n".join(json.dumps(entry) for entry in entries))
    after = open_shelf(work, tmp_path / "data")
    assert after[0].picture.landmarks.points_xy[0, 0] > before[0].picture.landmarks.points_xy[0, 0]
    assert after.digest() != before.digest(), "a run cannot go on with other labels"


def test_nothing_is_left_behind_where_labels_are_missing(work: Path, tmp_path: Path) -> None:
    """Who forgot `complete` runs it, and is served then."""
    with pytest.raises(FileNotFoundError):
        open_shelf(work, tmp_path / "data")
    _complete(work, tmp_path / "data")
    assert len(open_shelf(work, tmp_path / "data")) == 2


def test_a_fill_that_was_stopped_is_begun_again(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half shelf is read, whether the stopped run had the folder's name already or not."""
    _complete(work, tmp_path / "data")
    written: list[object] = []
    save = np.save

    def stopped(path: Path, rows: object) -> None:
        if written:
            raise KeyboardInterrupt
        written.append(path)
        save(path, rows)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(np, "save", stopped)
        open_shelf(work, tmp_path / "data")
    (work / "shelf").mkdir(exist_ok=True)
    (work / "shelf" / "pixels.npy").write_bytes(b"half")
    assert len(open_shelf(work, tmp_path / "data")) == 2
    assert sorted(path.name for path in work.iterdir() if path.is_dir()) == ["shelf", "street"]


def test_others_garments_lie_on_a_shelf_of_their_own(work: Path, tmp_path: Path) -> None:
    """Asked for before or after the plain one, each holds what was asked for; the plain one stays our own."""
    data = tmp_path / "data"
    _complete(work, data)
    label = json.loads((work / "complete.jsonl").read_text().splitlines()[0])
    ours = next(garment for garment in read_garments(data) if garment.photo == label["photo"])
    theirs = [replace(ours, photo=f"00000{number}.jpg#1", fold=Fold.TRAIN) for number in range(2)]
    labels = {garment.photo: label for garment in theirs}
    counts = [len(open_shelf(work, data, theirs[:count], labels)) for count in (0, 1, 2, 0, 1, 2)]
    assert counts == [2, 3, 4] * 2
    folders = {path.name for path in work.glob("shelf*")}
    assert "shelf" in folders and len(folders) == 3
    assert len({open_shelf(work, data, theirs[:count], labels).digest() for count in range(3)}) == 3


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
