"""What the detector's training tells of itself, so that it goes on with no other's checkpoint."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save_file

from models.training.checkpoint import Progress
from models.training.detector import train
from models.training.detector.network import GarmentFasterRCNN
from models.training.detector.scenes import Scene
from models.training.detector.train import DetectorRecipe, train_detector


def test_recipe_start_and_photos_decide_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started from another file, on other photos or by another recipe it is another run; otherwise the same."""
    told: list[Mapping[str, Any]] = []

    def noted(*_: object, decided_by: Mapping[str, Any], **__: object) -> Progress:
        told.append(decided_by)
        return Progress()

    monkeypatch.setattr(train, "fit", noted)
    monkeypatch.setattr(train, "read_scenes", lambda *_: [])
    recipe = DetectorRecipe()
    weights = GarmentFasterRCNN(recipe.architecture, pretrained=False).state_dict()
    save_file({name: weights[name].contiguous() for name in list(weights)[:2]}, tmp_path / "warm.safetensors")
    train_detector(tmp_path, tmp_path, recipe)
    train_detector(tmp_path, tmp_path, replace(recipe))
    train_detector(tmp_path, tmp_path, recipe.beside_deepfashion2())
    train_detector(tmp_path, tmp_path, recipe, more=[Scene(np.zeros((2, 2, 3), np.uint8), (), "nothing")])
    train_detector(tmp_path, tmp_path, recipe, warm=tmp_path / "warm.safetensors")
    save_file({name: weights[name].contiguous() for name in list(weights)[:1]}, tmp_path / "warm.safetensors")
    train_detector(tmp_path, tmp_path, recipe, warm=tmp_path / "warm.safetensors")
    first, same, *others = told
    assert first == same
    assert all(one not in others[:place] and one != first for place, one in enumerate(others))
