"""A shelf of drawn T-shirts, so that the whole training runs without photos."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training.embedder.render_plan import RenderPlan
from models.training.embedder.shelf import GarmentShelf
from tests.models.training.data.drawn_garments import t_shirt

COLOURS = [(60, 90, 170), (180, 40, 40), (40, 140, 60), (90, 90, 90), (200, 180, 60), (30, 30, 40), (70, 60, 180)]
PLAN = RenderPlan(garments_a_batch=3, steps_an_epoch=2, donors=4, grounds=4, neighbours=3)


@pytest.fixture
def shelf(tmp_path: Path) -> GarmentShelf:
    """Seven T-shirts, the last two for calibration."""
    pictures = [t_shirt(colour) for colour in COLOURS]
    np.save(tmp_path / "pixels.npy", np.stack([picture.pixels for picture in pictures]))
    np.save(tmp_path / "masks.npy", np.stack([picture.mask for picture in pictures]))
    entries = [
        {
            "photo": f"{number}.jpg",
            "fold": "train" if number < 5 else "calibration",
            "contributor": f"{number % 2}",
            "category": picture.landmarks.category.value,
            "points": np.column_stack([picture.landmarks.points_xy, np.ones(25)]).tolist(),
            "box": [26, 36, 230, 238],
            "colour": cv2.cvtColor(picture.pixels, cv2.COLOR_RGB2LAB)[picture.mask > 0].mean(axis=0).tolist(),
        }
        for number, picture in enumerate(pictures)
    ]
    (tmp_path / "shelved.json").write_text(json.dumps(entries))
    return GarmentShelf(tmp_path)
