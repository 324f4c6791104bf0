"""The 19 hand-placed points of a garment, and how they become DeepFashion2 slots.

Nobody gave us DeepFashion2's own landmarks; where a figure is quoted, it is about these points.
Source: `shared/data/README.md`, `gold_to_df2.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.geometry import Box
from models.taxonomy import Category, slot_index, slots_of
from models.training.data.outlines import Outline

KEYS = (
    "neck_left", "shoulder_left", "elbow_left", "cuff_outer_left", "cuff_inner_left", "armpit_left", "waist_left",
    "hem_left", "hem_center", "hem_right", "waist_right", "armpit_right", "cuff_inner_right", "cuff_outer_right",
    "elbow_right", "shoulder_right", "neck_right", "neck_back", "neck_front",
)  # fmt: skip
"""In the order of the outline; the last lies inside it."""
HIDDEN_WEIGHT = 0.5
INTERPOLATED_WEIGHT = 0.5
STRAIGHT_NECKS = ("v", "lapel", "shirt_collar")

SlotPoints = npt.NDArray[np.float64]
"""(slots, 3): x, y in photo pixels and the weight 0..1; 0 where the slot has no place."""


@dataclass(frozen=True, slots=True, eq=False)
class HandLandmarks:
    """`points` maps a key to x, y (photo pixels) and visibility 2, 1 or 0; `box` is the tight one placed with them."""

    photo: str
    category: Category | None
    view: str
    ok: bool
    box: Box
    points: Mapping[str, tuple[float, float, int]]


def read_hand_landmarks(path: Path, sizes: Mapping[str, tuple[int, int]]) -> list[HandLandmarks]:
    """Read a file of hand-placed points; `sizes` gives width and height of each photo."""
    found = []
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        width, height = sizes[entry["photo"]]
        scale = np.array([width, height]) / 100.0
        corners = np.array(entry["box"], dtype=np.float64).reshape(2, 2) * scale
        points = {key: (x * scale[0], y * scale[1], int(v)) for key, (x, y, v) in entry["pts"].items()}
        found.append(
            HandLandmarks(
                photo=entry["photo"],
                category=Category(entry["df2"]) if entry["df2"] in set(Category) else None,
                view=entry["view"],
                ok=bool(entry["ok"]),
                box=Box.around(corners),
                points=points,
            )
        )
    return found


def read_key_slots(root: Path) -> dict[Category, dict[str, tuple[int, ...]]]:
    """For each category, the slot positions whose middle a key stands for (`gold_to_df2.json`)."""
    table = json.loads((root / "garments" / "gold_to_df2.json").read_text())
    return {
        Category(name): {key: tuple(slot_index(Category(name))[slot] for slot in slots) for key, slots in keys.items()}
        for name, keys in table.items()
    }


def slots_from_keys(
    category: Category,
    keys: Mapping[str, tuple[float, float, float]],
    key_slots: Mapping[str, tuple[int, ...]],
    outline: Outline | None,
    neck: str,
) -> SlotPoints:
    """All slots of a category from keys (x, y, weight): placed ones as they are, the rest along the outline.

    `neck` is the collar's kind (`round`, `v`, …): it decides whether the neckline between its ends bends.
    """
    index = slot_index(category)
    slots = np.zeros((len(slots_of(category)), 3))
    for key, positions in key_slots.items():
        for position in positions:
            slots[position] = keys.get(key, (0.0, 0.0, 0.0))
    for side in ("L", "R"):
        word = "left" if side == "L" else "right"
        for start, end, names in _ways(category, side):
            ends = _along_side(keys, f"{start}_{word}", f"{end}_{word}")
            if ends is None:
                continue
            fractions = np.array([share for _, share in names])
            (ax, ay, aw), (bx, by, bw) = ends
            places = _between(outline, (ax, ay), (bx, by), fractions, backwards=side == "R")
            for (name, _), place in zip(names, places, strict=True):
                slots[index[f"{name}_{side}"]] = (*place, INTERPOLATED_WEIGHT * min(aw, bw))
        _place_neckline(slots, index, keys, word, side, neck)
    _place_front_edges(slots, index)
    _spread_waist(slots, index, keys, outline)
    return slots


def _ways(category: Category, side: str) -> list[tuple[str, str, list[tuple[str, float]]]]:
    """(from key, to key, [(slot, share of the way)]) for the slots that lie between two keys."""
    index = slot_index(category)
    ways: list[tuple[str, str, list[tuple[str, float]]]] = [
        ("shoulder", "elbow", [("sleeve_outer_1", 0.5)]),
        ("elbow", "cuff_outer", [("sleeve_outer_3", 0.5)]),
        ("cuff_inner", "armpit", [("sleeve_inner_3", 0.25), ("sleeve_inner_2", 0.5), ("sleeve_inner_1", 0.75)]),
        ("cuff_inner", "armpit", [("sleeve_inner_mid", 0.5)]),
        ("waist", "hem", [("hip_side", 1 / 3), ("skirt_side", 2 / 3)]),
    ]
    if f"armpit_{side}" in index and f"waist_side_{side}" in index:
        ways.append(("armpit", "waist", [("side_upper", 0.5)]))
    kept = [(a, b, [(name, share) for name, share in names if f"{name}_{side}" in index]) for a, b, names in ways]
    return [way for way in kept if way[2]]


def _along_side(
    keys: Mapping[str, tuple[float, float, float]], start: str, end: str
) -> tuple[tuple[float, float, float], tuple[float, float, float]] | None:
    a, b = keys.get(start), keys.get(end)
    return None if a is None or b is None or not (a[2] and b[2]) else (a, b)


def _between(
    outline: Outline | None,
    start: tuple[float, float],
    end: tuple[float, float],
    fractions: npt.NDArray[np.float64],
    *,
    backwards: bool,
) -> npt.NDArray[np.float64]:
    if outline is None:
        return np.asarray(np.array(start) + fractions[:, None] * (np.array(end) - np.array(start)))
    if backwards:
        # The outline runs up the right side: walk it the other way round.
        return outline.between(end, start, 1.0 - fractions)
    return outline.between(start, end, fractions)


def _place_neckline(
    slots: SlotPoints,
    index: Mapping[str, int],
    keys: Mapping[str, tuple[float, float, float]],
    word: str,
    side: str,
    neck: str,
) -> None:
    end, front = keys.get(f"neck_{word}", (0, 0, 0)), keys.get("neck_front", (0, 0, 0))
    if not (end[2] and front[2]):
        return
    # A round neckline is a quarter of an ellipse, a V two straight lines.
    out, down = (0.5, 0.5) if neck in STRAIGHT_NECKS else (0.707, 0.707)
    x = front[0] + out * (end[0] - front[0])
    y = end[1] + down * (front[1] - end[1])
    slots[index[f"neck_front_{side}"]] = (x, y, INTERPOLATED_WEIGHT * min(end[2], front[2]))


def _place_front_edges(slots: SlotPoints, index: Mapping[str, int]) -> None:
    if "front_top_L" not in index:
        return
    for side in ("L", "R"):
        top, hem = slots[index[f"front_top_{side}"]], slots[index[f"front_hem_{side}"]]
        for name, share in (("front_upper", 1 / 3), ("front_lower", 2 / 3)):
            place = top[:2] + share * (hem[:2] - top[:2])
            slots[index[f"{name}_{side}"]] = (*place, INTERPOLATED_WEIGHT * min(top[2], hem[2]))


def _spread_waist(
    slots: SlotPoints,
    index: Mapping[str, int],
    keys: Mapping[str, tuple[float, float, float]],
    outline: Outline | None,
) -> None:
    """Tops: the waist key is the middle of two slots, a third of the way to the armpit and to the hem."""
    if "armpit_L" not in index or "side_lower_L" not in index:
        return
    for side, word in (("L", "left"), ("R", "right")):
        names = [f"{key}_{word}" for key in ("armpit", "waist", "hem")]
        ends = [np.array(keys.get(name, (0, 0, 0)), dtype=np.float64) for name in names]
        weight = min(end[2] for end in ends)
        up, down = (float(np.linalg.norm(ends[1][:2] - ends[other][:2])) for other in (0, 2))
        if not (weight and up and down):
            slots[[index[f"side_upper_{side}"], index[f"side_lower_{side}"]]] = 0.0
            continue
        reach = min(up, down) / 3
        armpit, waist, hem = ((float(end[0]), float(end[1])) for end in ends)
        upper = _between(outline, armpit, waist, np.array([1 - reach / up]), backwards=side == "R")
        lower = _between(outline, waist, hem, np.array([reach / down]), backwards=side == "R")
        slots[index[f"side_upper_{side}"]] = (*upper[0], weight)
        slots[index[f"side_lower_{side}"]] = (*lower[0], weight)
