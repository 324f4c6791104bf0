"""Nineteen points become the slots of a category."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.taxonomy import Category, slot_index
from models.training.data.hand_landmarks import read_hand_landmarks, slots_from_keys
from models.training.data.outlines import outline_of
from tests.models.training.data.garment_shapes import tee, tee_mask

TEE = Category.SHORT_SLEEVE_TOP
SLOTS = slot_index(TEE)
KEY_SLOTS = {
    "neck_left": (SLOTS["neck_L"],),
    "hem_center": (SLOTS["hem_center"],),
    "waist_left": (SLOTS["side_upper_L"], SLOTS["side_lower_L"]),
    "waist_right": (SLOTS["side_upper_R"], SLOTS["side_lower_R"]),
}


def keys(**weights: float) -> dict[str, tuple[float, float, float]]:
    return {key: (x, y, weights.get(key, 1.0)) for key, (x, y, _) in tee().items()}


def test_a_placed_point_is_its_slot() -> None:
    """The slot takes place and weight from its key."""
    slots = slots_from_keys(TEE, keys(neck_left=0.5), KEY_SLOTS, None, "round")
    assert slots[SLOTS["neck_L"]].tolist() == [85, 40, 0.5]


@pytest.mark.parametrize("side", ["L", "R"])
def test_a_key_of_two_slots_is_their_middle(side: str) -> None:
    """The waist lies between the upper and the lower slot of the side, with or without a mask."""
    waist = tee()["waist_left" if side == "L" else "waist_right"][:2]
    for outline in (None, outline_of(tee_mask(tee()))):
        slots = slots_from_keys(TEE, keys(), KEY_SLOTS, outline, "round")
        upper, lower = slots[SLOTS[f"side_upper_{side}"]], slots[SLOTS[f"side_lower_{side}"]]
        assert (upper[:2] + lower[:2]) / 2 == pytest.approx(waist, abs=1.5)
        assert upper[1] < waist[1] < lower[1]


def test_slots_between_two_points_follow_the_outline() -> None:
    """A sleeve that bulges below its straight line takes the slot with it."""
    bulged = tee_mask(tee())
    bulged[88:108, 48:58] = 1
    straight = slots_from_keys(TEE, keys(), KEY_SLOTS, None, "round")
    followed = slots_from_keys(TEE, keys(), KEY_SLOTS, outline_of(bulged), "round")
    slot = SLOTS["sleeve_inner_mid_L"]
    assert followed[slot, 1] > straight[slot, 1] + 2


def test_a_slot_beside_an_absent_point_has_no_weight() -> None:
    """Nothing is interpolated from a point that is not there."""
    slots = slots_from_keys(TEE, keys(armpit_left=0.0, neck_front=0.0), KEY_SLOTS, None, "round")
    for name in ("sleeve_inner_mid_L", "side_upper_L", "neck_front_L", "neck_front_R"):
        assert slots[SLOTS[name], 2] == 0
    assert slots[SLOTS["sleeve_inner_mid_R"], 2] > 0


def test_a_round_neckline_bends_and_a_v_does_not() -> None:
    """Halfway down, a round neck is wider and lower than the straight line."""
    slot = SLOTS["neck_front_L"]
    bent = slots_from_keys(TEE, keys(), KEY_SLOTS, None, "round")[slot]
    straight = slots_from_keys(TEE, keys(), KEY_SLOTS, None, "v")[slot]
    assert straight[:2] == pytest.approx((92.5, 49))
    assert bent[0] < straight[0] and bent[1] > straight[1]


def test_an_open_jacket_has_both_front_edges() -> None:
    """Outerwear's front slots lie on the line from the neck to the hem."""
    category = Category.LONG_SLEEVE_OUTWEAR
    index = slot_index(category)
    pairs = {
        "neck_front": (index["front_top_L"], index["front_top_R"]),
        "hem_center": (index["front_hem_L"], index["front_hem_R"]),
    }
    slots = slots_from_keys(category, keys(), pairs, None, "lapel")
    top, hem = tee()["neck_front"], tee()["hem_center"]
    assert slots[index["front_upper_L"], 1] == pytest.approx(top[1] + (hem[1] - top[1]) / 3)
    assert slots[index["front_lower_R"], 1] == pytest.approx(top[1] + 2 * (hem[1] - top[1]) / 3)


def test_percent_becomes_pixels(tmp_path: Path) -> None:
    """The file speaks in percent of width and height; a category DeepFashion2 lacks is None."""
    line = {"photo": "a.jpg", "df2": "none", "view": "front", "ok": 0, "box": [10, 20, 60, 70]}
    path = tmp_path / "points.jsonl"
    path.write_text(json.dumps(line | {"pts": {"neck_left": [50, 10, 1]}}) + "\n")
    hand = read_hand_landmarks(path, {"a.jpg": (400, 200)})[0]
    assert hand.points["neck_left"] == pytest.approx((200, 20, 1))
    assert np.allclose(hand.box.as_array(), [40, 40, 240, 140])
    assert hand.category is None
    assert not hand.ok
