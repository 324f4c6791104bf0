"""Neck finishes: ribs, turned-down leaves, stands and hoods."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from service.demo.canvas import Canvas
from service.demo.cutting import BACK_Y, NECK_DEPTH, Curve, Pattern
from service.demo.designs import Collar, Colour, GarmentDesign

RIB = 0.045
STAND_HEIGHT = 0.13
INSIDE_SHADE = 0.62
"""The inside of the back, seen through the neck, is darker than the front."""


def sew_collar(design: GarmentDesign, pattern: Pattern, canvas: Canvas) -> None:
    """Finish the neck as the design says; also opens the neck hole to the inside of the back."""
    colour = _collar_colour(design)
    if design.collar in (Collar.CREW, Collar.SCOOP, Collar.V_NECK):
        rib = canvas.band(pattern.neckline, 2 * RIB)
        canvas.lay(rib * canvas.cover, colour, 0.0025)
        canvas.stitch(pattern.neckline + (0, RIB), 0.22)
    _open_neck(design, pattern, canvas, colour)
    if design.collar in (Collar.POLO, Collar.SHIRT):
        _sew_leaves(design, canvas, colour)
    elif design.collar is Collar.STAND:
        _sew_stand(design, pattern, canvas, colour)
    elif design.collar is Collar.HOOD:
        for sign in (-1, 1):
            cord = np.array([[sign * 0.09, 0.15], [sign * 0.1, 0.32], [sign * 0.085, 0.48]])
            canvas.lay(canvas.band(cord, 0.016), (232, 230, 224), 0.004)


def sew_hood(design: GarmentDesign, canvas: Canvas) -> None:
    """The hood lies flat above the neck, its opening towards the viewer."""
    half = design.cut.neck_width / 2
    angle = np.linspace(np.pi, 0, 40)
    outer = np.stack([(half + 0.11) * np.cos(angle), 0.08 - 0.5 * np.sin(angle) ** 0.8], axis=1)
    canvas.lay_cloth(canvas.area(outer), design.cloth, thickness=0.003)
    inner = np.stack([(half + 0.01) * np.cos(angle), 0.1 - 0.36 * np.sin(angle) ** 0.8], axis=1)
    canvas.lay(canvas.area(inner), _inside(design))
    canvas.stitch(outer * (0.84, 0.9), 0.22)


def hood_top(design: GarmentDesign) -> Curve:
    """The hood's outline, for whoever needs to know how far the garment reaches."""
    half = design.cut.neck_width / 2 + 0.11
    return np.array([[-half, 0.0], [0.0, -0.42], [half, 0.0]])


def _collar_colour(design: GarmentDesign) -> Colour:
    named = design.collar_colour or design.trim
    if named is not None:
        return named
    red, green, blue = (int(0.93 * value) for value in design.cloth.colours[0])
    return red, green, blue


def _inside(design: GarmentDesign) -> Colour:
    red, green, blue = (int(INSIDE_SHADE * value) for value in design.cloth.colours[0])
    return red, green, blue


def _open_neck(design: GarmentDesign, pattern: Pattern, canvas: Canvas, colour: Colour) -> None:
    hole = canvas.area(np.vstack([pattern.neckline, pattern.back[::-1]]))
    canvas.lay(hole, _inside(design))
    canvas.relief[:] -= 0.006 * hole
    if design.collar is Collar.HOOD:
        return
    canvas.lay(canvas.band(pattern.back + (0, 0.012), 0.03), colour)
    label = np.array(
        [[-0.035, BACK_Y + 0.015], [0.035, BACK_Y + 0.015], [0.035, BACK_Y + 0.06], [-0.035, BACK_Y + 0.06]]
    )
    canvas.print_on(canvas.area(label) * hole, (225, 222, 214))


def _sew_leaves(design: GarmentDesign, canvas: Canvas, colour: Colour) -> None:
    half, depth = design.cut.neck_width / 2, NECK_DEPTH[design.collar]
    drop = 0.15 if design.collar is Collar.SHIRT else 0.12
    for sign in (-1, 1):
        leaf = _mirror(
            [
                (0.5 * half, -0.045),
                (half + 0.015, -0.03),
                (half + 0.06, 0.05),
                (half * 0.72, depth + drop),
                (0.012, depth + 0.01),
                (half * 0.55, depth * 0.72),
                (half * 0.86, 0.02),
            ],
            sign,
        )
        shadow = canvas.area(leaf + (0.0, 0.015))
        canvas.darken(shadow * canvas.cover, 0.2)
        if design.collar_colour is None and design.trim is None:
            canvas.lay_cloth(canvas.area(leaf), design.cloth, sign * 0.7, thickness=0.004)
        else:
            canvas.lay(canvas.area(leaf), colour, 0.004)
        canvas.stitch(leaf[1:5] * (0.98, 0.94), 0.18)
    if design.collar is Collar.POLO:
        placket = np.array([[-0.042, depth + 0.01], [0.042, depth + 0.01], [0.042, 0.46], [-0.042, 0.46]])
        canvas.stitch(placket[[0, 3, 2, 1]], 0.35)
        canvas.stitch([[0.0, depth], [0.0, 0.46]], 0.2)
        canvas.lay(canvas.spots([(0.012, depth + 0.08), (0.012, depth + 0.2)], 0.03), (230, 226, 218), 0.004)


def _sew_stand(design: GarmentDesign, pattern: Pattern, canvas: Canvas, colour: Colour) -> None:
    half = design.cut.neck_width / 2
    x = np.linspace(half * 0.97, -half * 0.97, 21)
    top = np.stack([x, -STAND_HEIGHT + 0.035 * (1 - (x / half) ** 2)], axis=1)
    band = canvas.area(np.vstack([pattern.neckline, top]))
    if design.collar_colour is None and design.trim is None:
        canvas.lay_cloth(band, design.cloth, thickness=0.004)
    else:
        canvas.lay(band, colour, 0.004)
    canvas.stitch(pattern.neckline, 0.35)
    inside = np.vstack([top, np.stack([x[::-1], top[::-1, 1] - 0.035 * (1 - (x / half) ** 2)], axis=1)])
    canvas.lay(canvas.area(inside), _inside(design))


def _mirror(points: npt.ArrayLike, sign: float) -> Curve:
    return np.asarray(np.asarray(points, dtype=np.float64) * (sign, 1.0))
