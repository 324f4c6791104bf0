"""`--deepfashion2 DIR`: those who hold the data set train with it by the same commands."""

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from models.taxonomy import Category
from models.training.__main__ import app
from models.training.checkpoint import Progress
from models.training.data.deepfashion2_sources import append_landmark_labels, read_source, told_of
from models.training.data.landmark_labels import read_landmark_labels
from models.training.detector.dataset import DetectorPictures, Diet
from models.training.detector.deepfashion2_scenes import read_deepfashion2_scenes
from models.training.detector.objective import label_of
from models.training.detector.scenes import untrained_labels
from models.training.detector.train import DetectorRecipe
from models.training.embedder.shelf import GarmentShelf, fill_shelf
from models.training.landmarker.augmentation import Augmentation
from models.training.landmarker.dataset import LandmarkDataset, load_sample
from models.training.landmarker.export import telling_of_labels
from models.training.landmarker.recipe import LandmarkerRecipe, draft_manifest
from tests.models.training.data.drawn_garments import SIDE, t_shirt
from tests.models.training.data.tiny_garments import write_tees

COLOURS = ((60, 90, 170), (180, 40, 40), (40, 140, 60))


@pytest.fixture
def deepfashion2(tmp_path: Path) -> Path:
    """Three photos of drawn T-shirts, the first two of one design; beside the last one trousers, without an outline."""
    root = tmp_path / "deepfashion2"
    for folder in ("annos", "image"):
        (root / "train" / folder).mkdir(parents=True)
    for number, colour in enumerate(COLOURS, start=1):
        picture = t_shirt(colour)
        pixels = cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(root / "train" / "image" / f"{number:06d}.jpg"), pixels)
        (outline, *_), _ = cv2.findContours(picture.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        points = np.column_stack([picture.landmarks.points_xy, np.full(25, 2)])
        points[3, 2] = 1
        shirt = {
            "category_id": Category.SHORT_SLEEVE_TOP.df2_id,
            "style": 1 if number < 3 else 0,
            "bounding_box": [26, 36, 230, 238],
            "landmarks": points.ravel().tolist(),
            "segmentation": [outline.ravel().tolist()],
            "viewpoint": 2,
        }
        items: dict[str, object] = {"item1": shirt}
        if number == 3:
            trousers: dict[str, object] = {
                "category_id": Category.TROUSERS.df2_id,
                "style": 0,
                "bounding_box": [100, 200, 160, 250],
            }
            items["item2"] = trousers | {"landmarks": [120, 220, 2] * 14, "segmentation": []}
        annotation = {"source": "shop", "pair_id": 1} | items
        (root / "train" / "annos" / f"{number:06d}.json").write_text(json.dumps(annotation))
    return root


def test_labels_are_followed_by_those_of_deepfashion2(deepfashion2: Path, tmp_path: Path) -> None:
    """The command writes one file that the landmark network learns from; every second photo on request."""
    write_tees(tmp_path / "data")
    asked = ["labels", "--work", str(tmp_path / "work"), "--data", str(tmp_path / "data")]
    answer = CliRunner().invoke(app, [*asked, "--deepfashion2", str(deepfashion2), "--every", "2"])
    assert answer.exit_code == 0, answer.output
    assert "3 garments of DeepFashion2" in answer.output
    labels = read_landmark_labels(tmp_path / "work" / "labels.jsonl")
    counted = Counter(label.source for label in labels)
    assert counted["deepfashion2"] == 3
    assert counted["hand"] >= 9
    theirs = [label for label in labels if label.source == "deepfashion2"]
    assert {label.fold for label in theirs} == {"train"}
    assert [label.photo for label in theirs] == ["000001.jpg#1", "000003.jpg#1", "000003.jpg#2"]
    assert told_of(labels) == "3 garments of DeepFashion2's train fold"


def test_the_landmark_network_is_fed_their_crops(deepfashion2: Path, tmp_path: Path) -> None:
    """Placed points teach, hidden ones half; a slot without a point is not taught to be empty."""
    append_landmark_labels(deepfashion2, tmp_path / "labels.jsonl")
    labels = read_landmark_labels(tmp_path / "labels.jsonl")
    samples = [load_sample(tmp_path, label) for label in labels]
    assert samples[0].present.all()
    assert sorted(set(samples[0].weights.tolist())) == [0.0, 0.5, 1.0]
    (batch,) = LandmarkDataset(samples, Augmentation(), seed=1).batches(0, 4)
    assert batch.pictures.shape == (4, 3, 224, 224)
    assert (batch.weights > 0).sum(dim=1).min() >= 1


def test_the_manifest_tells_what_was_learnt_from(deepfashion2: Path, tmp_path: Path) -> None:
    """Trousers were labelled this once; shorts and skirts still were not."""
    append_landmark_labels(deepfashion2, tmp_path / "labels.jsonl")
    plain = draft_manifest(LandmarkerRecipe(), Progress())
    told = telling_of_labels(plain, read_landmark_labels(tmp_path / "labels.jsonl"))
    assert told.training.data.endswith("and Luma; 4 garments of DeepFashion2's train fold")
    assert set(told.untrained) == {"shorts", "skirt"}
    assert telling_of_labels(plain, []) == plain


def test_the_detector_sees_their_photos_as_often_as_its_diet_says(deepfashion2: Path) -> None:
    """Boxes and categories come through; without a share the draws of other runs stay what they were."""
    scenes = read_deepfashion2_scenes(deepfashion2)
    assert [len(scene.garments) for scene in scenes] == [1, 1, 2]
    assert [scene.upright for scene in scenes] == [False, False, True]
    assert DetectorRecipe().beside_deepfashion2().diet.deepfashion2 > 0
    pictures = DetectorPictures(
        scenes, Diet(pictures=12, collages=0, streets=0, stores=0, nothing=0, deepfashion2=1), 96, 1, 0
    )
    labels = {label for number in range(12) for _, label in pictures[number][1]}
    assert labels == {label_of(frozenset({c})) for c in (Category.SHORT_SLEEVE_TOP, Category.TROUSERS)}
    assert Diet().deepfashion2 == 0
    shares = [0.25, 0.12, 0.06, 0.07]
    for seed in range(50):
        before = int(np.random.default_rng(seed).choice(5, p=[*shares, 0.5]))
        after = int(np.random.default_rng(seed).choice(6, p=[*shares, 0.0, 0.5]))
        assert (after if after < 4 else after - 1) == before


def test_a_category_that_they_show_often_enough_is_trained(deepfashion2: Path) -> None:
    scenes = read_deepfashion2_scenes(deepfashion2)
    assert "short_sleeve_top" in untrained_labels([], scenes)
    assert "short_sleeve_top" not in untrained_labels([], scenes * 4)


def test_the_embedder_gets_them_on_its_shelf_with_their_pairs(deepfashion2: Path, tmp_path: Path) -> None:
    """Garments with every landmark, never trousers; the first two are one design."""
    source = read_source(deepfashion2, tmp_path / "masks")
    assert [garment.photo for garment in source.garments] == ["000001.jpg#1", "000002.jpg#1", "000003.jpg#1"]
    assert fill_shelf(tmp_path / "shelf", source.garments, source.labels) == 3
    shelf = GarmentShelf(tmp_path / "shelf")
    designs = shelf.designs(source.pairs)
    assert designs[0] == designs[1] != designs[2]
    assert shelf[0].fold == "train"
    assert shelf[0].picture.mask.mean() > 0.2
    assert shelf[0].picture.landmarks.visible.all()
    assert source.garments[0].width == SIDE


def test_a_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    write_tees(tmp_path / "data")
    asked = ["detector", "--work", str(tmp_path), "--data", str(tmp_path / "data"), "--deepfashion2", str(tmp_path)]
    answer = CliRunner().invoke(app, asked)
    assert answer.exit_code != 0
    assert "holds no annotations" in str(answer.exception)
