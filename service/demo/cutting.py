"""Cuts a design into panels: outlines and landmarks in body widths, x = 0 the middle, y = 0 the neck, y downwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.taxonomy import Category, slots_of
from service.demo.designs import Collar, GarmentDesign

Curve = npt.NDArray[np.float64]
"""float64 (n, 2), in body widths."""

SHOULDER_Y = 0.12
ARMPIT_Y = 0.44
BACK_Y = 0.03
NECK_DEPTH = {
    Collar.CREW: 0.13,
    Collar.SCOOP: 0.26,
    Collar.V_NECK: 0.34,
    Collar.POLO: 0.12,
    Collar.SHIRT: 0.11,
    Collar.STAND: 0.08,
    Collar.HOOD: 0.17,
}
DRESS_HEIGHTS = (("side_upper", 0.18), ("waist_side", 0.34), ("hip_side", 0.55), ("skirt_side", 0.78))
"""Shares of the way from armpit to hem."""
VEST_DRESS_HEIGHTS = (("side_upper", 0.0), *DRESS_HEIGHTS[1:])
TOP_HEIGHTS = (("side_upper", 0.33), ("side_lower", 0.67))
VEST_HEIGHTS = (("side_upper", 0.0), ("side_lower", 0.5))


@dataclass(frozen=True, slots=True)
class Pose:
    """How the sleeves lie: degrees below the horizontal and bend (body widths) of the left and right one."""

    drop: tuple[float, float] = (45.0, 45.0)
    bend: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A cut garment. `sleeves` are empty for a garment without; `neckline` runs from left to right over the front."""

    body: Curve
    armholes: tuple[Curve, ...]
    sleeves: tuple[Curve, ...]
    neckline: Curve
    back: Curve
    points: Mapping[str, npt.NDArray[np.float64]]

    def everything(self) -> Curve:
        return np.vstack([self.body, *self.sleeves, self.back])


def sleeve_drop(design: GarmentDesign, pose: Pose, index: int) -> float:
    """Degrees below the horizontal of the left (0) or right (1) sleeve: long ones lie closer to the body."""
    return pose.drop[index] + (13.0 if design.cut.sleeve_length > 0.7 else -6.0)


def cut_pattern(design: GarmentDesign, pose: Pose) -> Pattern:
    """The panels and every landmark slot of the design's category."""
    neckline = _neckline(design)
    back = _back(design)
    points = {
        "neck_back_center": back[len(back) // 2],
        "neck_L": neckline[0],
        "neck_front_L": neckline[len(neckline) // 4],
        "neck_front_center": neckline[len(neckline) // 2],
        "neck_front_R": neckline[3 * len(neckline) // 4],
        "neck_R": neckline[-1],
    }
    sleeves = []
    for side, sign in (("L", -1.0), ("R", 1.0)):
        shoulder = np.array([sign * design.cut.shoulder_width / 2, SHOULDER_Y])
        points[f"shoulder_{side}"] = points[f"strap_top_{side}"] = shoulder
        points |= {f"{name}_{side}": place for name, place in _side(design, sign).items()}
        if design.category.has_sleeves:
            armpit = points[f"armpit_{side}"] = np.array([sign * 0.5, ARMPIT_Y])
            index = 0 if sign < 0 else 1
            outer, inner = _sleeve(design, shoulder, armpit, sign, sleeve_drop(design, pose, index), pose.bend[index])
            points |= _sleeve_points(design.category, side, outer, inner)
            # The seam allowance: what the body, laid on top, hides.
            tucked = [armpit - (sign * 0.12, 0.02), shoulder - (sign * 0.12, -0.04)]
            sleeves.append(np.vstack([outer, inner[::-1], tucked]))
    points |= _front(design, points["neck_front_center"])
    body = np.vstack([neckline, _flank(design, 1.0), _hem(design)[::-1], _flank(design, -1.0)[::-1]])
    wanted = {slot.name for slot in slots_of(design.category)}
    kept = {name: place for name, place in points.items() if name in wanted}
    armholes = tuple(_flank(design, sign)[:16] for sign in (-1.0, 1.0)) if sleeves else ()
    return Pattern(body, armholes, tuple(sleeves), neckline, back, kept)


def _neckline(design: GarmentDesign) -> Curve:
    half, depth = design.cut.neck_width / 2, NECK_DEPTH[design.collar]
    angle = np.linspace(np.pi, 0, 41)
    if design.collar is Collar.V_NECK:
        x = half * np.linspace(-1, 1, 41)
        return np.stack([x, depth * (1 - np.abs(x / half) ** 1.15)], axis=1)
    return np.stack([half * np.cos(angle), depth * np.sin(angle) ** 0.9], axis=1)


def _back(design: GarmentDesign) -> Curve:
    half = design.cut.neck_width / 2
    x = np.linspace(-half, half, 21)
    rise = 0.05 if design.collar in (Collar.POLO, Collar.SHIRT) else 0.0
    return np.stack([x, BACK_Y * (1 - (x / half) ** 2) - rise * (1 - (x / half) ** 4)], axis=1)


def _half_width(design: GarmentDesign, y: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Half the body's width at heights y; eased between armpit, waist and hem."""
    cut = design.cut
    waist_y = ARMPIT_Y + (0.36 if design.is_dress else 0.55) * (cut.hem_y - ARMPIT_Y)
    nodes = np.array([ARMPIT_Y, waist_y, cut.hem_y])
    widths = np.array([1.0, cut.waist_width, cut.hem_width]) / 2
    heights = np.asarray(y, dtype=np.float64)
    step = np.clip(np.searchsorted(nodes, heights) - 1, 0, 1)
    share = ((heights - nodes[step]) / (nodes[step + 1] - nodes[step])).clip(0, 1)
    eased = 0.5 - 0.5 * np.cos(np.pi * share)
    return np.asarray(widths[step] + (widths[step + 1] - widths[step]) * eased)


def _side(design: GarmentDesign, sign: float) -> dict[str, npt.NDArray[np.float64]]:
    sleeved = design.category.has_sleeves
    heights: tuple[tuple[str, float], ...]
    if design.is_dress:
        heights = DRESS_HEIGHTS if sleeved else VEST_DRESS_HEIGHTS
    else:
        heights = TOP_HEIGHTS if sleeved else VEST_HEIGHTS
    places = {}
    for name, share in (*heights, ("hem", 1.0)):
        y = ARMPIT_Y + share * (design.cut.hem_y - ARMPIT_Y)
        places[name] = np.array([sign * float(_half_width(design, y)), y])
    return places


def _flank(design: GarmentDesign, sign: float) -> Curve:
    """From the neck over shoulder and armpit to the hem."""
    shoulder = np.array([design.cut.shoulder_width / 2, SHOULDER_Y])
    t = np.linspace(0, 1, 16)[:, None]
    armpit = np.array([0.5, ARMPIT_Y])
    # An armhole bows inwards, more so where no sleeve is sewn in.
    bow = 0.03 if design.category.has_sleeves else 0.09
    hole = shoulder + t * (armpit - shoulder) - np.array([1.0, 0.0]) * bow * np.sin(np.pi * t**1.4)
    y = np.linspace(ARMPIT_Y, design.cut.hem_y, 40)
    side = np.stack([_half_width(design, y), y], axis=1)
    return np.vstack([hole, side[1:]]) * (sign, 1.0)


def _hem(design: GarmentDesign) -> Curve:
    half = design.cut.hem_width / 2
    x = np.linspace(-half, half, 31)
    sag = 0.05 if design.is_dress else 0.02
    return np.stack([x, design.cut.hem_y + sag * (1 - (x / half) ** 2)], axis=1)


def _sleeve(
    design: GarmentDesign, shoulder: Curve, armpit: Curve, sign: float, drop: float, bend: float
) -> tuple[Curve, Curve]:
    angle = np.radians(drop)
    along = np.array([sign * np.cos(angle), np.sin(angle)])
    outward = np.array([sign * np.sin(angle), -np.cos(angle)])
    cuff = (shoulder + armpit) / 2 + design.cut.sleeve_length * along
    t = np.linspace(0, 1, 25)[:, None]
    bow = bend * np.sin(np.pi * t) * outward
    outer = shoulder + t * (cuff + outward * design.cut.cuff_width / 2 - shoulder) + bow
    inner = armpit + t * (cuff - outward * design.cut.cuff_width / 2 - armpit) + bow
    # The shoulder seam rounds over before the sleeve runs straight.
    outer += 0.022 * np.sin(np.pi * t.clip(0, 0.6) / 0.6) * outward
    return outer, inner


def _sleeve_points(category: Category, side: str, outer: Curve, inner: Curve) -> dict[str, npt.NDArray[np.float64]]:
    points = {f"cuff_outer_{side}": outer[-1], f"cuff_inner_{side}": inner[-1]}
    if category.value.startswith("short"):
        return points | {f"sleeve_outer_mid_{side}": outer[12], f"sleeve_inner_mid_{side}": inner[12]}
    for number in (1, 2, 3):
        points[f"sleeve_outer_{number}_{side}"] = outer[6 * number]
        points[f"sleeve_inner_{number}_{side}"] = inner[6 * number]
    return points


def _front(design: GarmentDesign, top: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    """Hem centre, and the two edges of an open front, which meet in the middle when it is closed."""
    hem = _hem(design)[15]
    points = {"hem_center": hem}
    for side, sign in (("L", -1.0), ("R", 1.0)):
        edge = np.array([sign * 0.012, 0.0])
        for name, share in (("front_top", 0.0), ("front_upper", 1 / 3), ("front_lower", 2 / 3), ("front_hem", 1.0)):
            points[f"{name}_{side}"] = top + share * (hem - top) + edge
    return points
