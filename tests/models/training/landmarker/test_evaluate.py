"""Measuring landmarks through the serving code, on painted tees."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from models.runtime.landmarker import LandmarkEstimator
from models.runtime.session import Arrays
from models.taxonomy import LANDMARK_CHANNELS, Category, slot_index, slots_of
from models.training.checkpoint import Progress
from models.training.data.hand_landmarks import HandLandmarks, read_key_slots
from models.training.data.readers import Fold
from models.training.landmarker.evaluate import cut_garments, measure
from models.training.landmarker.network import MAP_SIDE
from models.training.landmarker.objective import gaussian_maps
from models.training.landmarker.recipe import LandmarkerRecipe, draft_manifest, hand_placed
from models.types import CROP_SIZE, Garment
from tests.models.training.data.tiny_garments import TEE, write_tees

KeySlots = Mapping[Category, Mapping[str, tuple[int, ...]]]


class Knowing:
    """A session that draws maps at the hand-placed points, all moved by `shift_px` photo pixels."""

    provider = "test"

    def __init__(self, hands: list[HandLandmarks], garments: list[Garment], keys: KeySlots, shift_px: float) -> None:
        places = np.zeros((len(hands), LANDMARK_CHANNELS, 2), dtype=np.float32)
        for number, (hand, garment) in enumerate(zip(hands, garments, strict=True)):
            for key, slots in keys[TEE].items():
                x, y, _ = hand.points[key]
                place = garment.to_photo.inverse().apply([[x + shift_px, y]])[0] * MAP_SIDE / CROP_SIZE
                places[number, [slots_of(TEE)[slot].channel for slot in slots]] = place
        self._maps = gaussian_maps(torch.from_numpy(places)).numpy()

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        assert len(inputs["pictures"]) == len(self._maps)
        return (self._maps,)


@pytest.mark.parametrize("shift_px", [0.0, 6.0])
def test_the_error_is_the_distance_over_the_hand_placed_boxs_diagonal(tmp_path: Path, shift_px: float) -> None:
    """Points that are right cost nothing; points six pixels off cost six pixels, in crops of jittered boxes too."""
    write_tees(tmp_path)
    keys = read_key_slots(tmp_path)
    hands, paths = hand_placed(tmp_path, "landmarks_train.jsonl", Fold.TRAIN)
    garments = cut_garments(hands, paths, share=0.04)
    estimator = LandmarkEstimator(
        Knowing(hands, garments, keys, shift_px), draft_manifest(LandmarkerRecipe(), Progress())
    )
    quality = measure(estimator, hands, garments, keys)
    expected = np.mean([shift_px / hand.box.diagonal for hand in hands])
    assert quality.mean_error == pytest.approx(expected, abs=5e-4)
    assert quality.points == len(hands) * len(keys[TEE])
    if shift_px == 0:
        assert quality.share_close == 1.0
    assert quality.by_category == {"short_sleeve_top": pytest.approx(quality.mean_error)}


def test_only_the_wanted_fold_is_read(tmp_path: Path) -> None:
    """The calibration contributor's tee is not among the training ones."""
    write_tees(tmp_path)
    train, _ = hand_placed(tmp_path, "landmarks_train.jsonl", Fold.TRAIN)
    aside, paths = hand_placed(tmp_path, "landmarks_train.jsonl", Fold.CALIBRATION)
    assert [hand.photo for hand in aside] == ["hand_aside.jpg"] == list(paths)
    assert "hand_aside.jpg" not in {hand.photo for hand in train}


def test_a_key_is_read_from_the_slots_of_the_table(tmp_path: Path) -> None:
    """`gold_to_df2.json` names slots; the table gives their places in the category."""
    write_tees(tmp_path)
    assert read_key_slots(tmp_path)[TEE]["hem_center"] == (slot_index(TEE)["hem_center"],)
