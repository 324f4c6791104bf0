"""Sews a cut garment together on a canvas: sleeves, body, waist, print, closure, pockets, collar, hems."""

from __future__ import annotations

import cv2
import numpy as np

from service.demo.canvas import Canvas
from service.demo.cloth import draw_graphic
from service.demo.collars import sew_collar, sew_hood
from service.demo.cutting import ARMPIT_Y, Pattern, Pose, sleeve_drop
from service.demo.designs import Closure, Cloth, Colour, GarmentDesign, Graphic

CHEST_Y = 0.56
"""Middle of a chest print."""


def sew(design: GarmentDesign, pattern: Pattern, pose: Pose, canvas: Canvas) -> None:
    """Draw the whole garment in the order it is laid: what comes later lies on top."""
    if design.collar.value == "hood":
        sew_hood(design, canvas)
    _sew_sleeves(design, pattern, pose, canvas)
    _sew_body(design, pattern, canvas)
    if design.graphic is not None:
        _print_graphic(design.graphic, canvas)
    if design.pockets:
        _sew_pockets(design, canvas)
    _sew_hem(design, pattern, canvas)
    sew_collar(design, pattern, canvas)
    _sew_closure(design, pattern, canvas)


def trim_colour(design: GarmentDesign) -> Colour:
    """The colour of ribs and bands: as named, else the cloth's own, a little darker."""
    if design.trim is not None:
        return design.trim
    red, green, blue = (int(0.9 * value) for value in design.cloth.colours[0])
    return red, green, blue


def _sew_sleeves(design: GarmentDesign, pattern: Pattern, pose: Pose, canvas: Canvas) -> None:
    cloth = design.sleeve_cloth or design.cloth
    for index, (sleeve, sign) in enumerate(zip(pattern.sleeves, (-1.0, 1.0), strict=False)):
        area = canvas.area(sleeve)
        angle = np.radians(sleeve_drop(design, pose, index))
        turned = -sign * (np.pi / 2 - angle)
        canvas.lay_cloth(area, cloth, float(turned), thickness=0.003)
        outer, inner = sleeve[24], sleeve[25]
        back = 0.045 * np.array([np.cos(angle) * sign, np.sin(angle)])
        hem = np.array([outer - back, inner - back])
        if design.trim is not None or design.is_outwear or design.closure is Closure.BUTTONS:
            cuff = np.array([outer, inner, inner - 1.6 * back, outer - 1.6 * back])
            shade = trim_colour(design)
            canvas.lay(canvas.area(cuff) * area, shade, 0.002)
        canvas.stitch(hem, 0.22)


def _sew_body(design: GarmentDesign, pattern: Pattern, canvas: Canvas) -> None:
    area = canvas.area(pattern.body)
    # Where the body lies on the sleeves it throws a narrow shadow.
    shadow = cv2.GaussianBlur(area, (0, 0), 0.02 * canvas.scale)
    canvas.darken(np.asarray(shadow, np.float32), 0.28)
    canvas.lay_cloth(area, design.cloth, thickness=0.003)
    for armhole in pattern.armholes:
        canvas.stitch(armhole, 0.3)
    if design.waist_cloth is not None:
        top = ARMPIT_Y + (0.36 if design.is_dress else 0.3) * (design.cut.hem_y - ARMPIT_Y)
        below = np.array([[-2, top], [2, top], [2, 4], [-2, 4]])
        canvas.lay_cloth(canvas.area(below) * area, design.waist_cloth)
        canvas.stitch([[-0.5 * design.cut.waist_width, top], [0.5 * design.cut.waist_width, top]], 0.35)
    elif design.is_dress:
        waist = ARMPIT_Y + 0.36 * (design.cut.hem_y - ARMPIT_Y)
        canvas.stitch([[-0.49 * design.cut.waist_width, waist], [0.49 * design.cut.waist_width, waist]], 0.2)


def _print_graphic(graphic: Graphic, canvas: Canvas) -> None:
    width = max(8, round(graphic.size * canvas.scale))
    paint, alpha = draw_graphic(graphic, width)
    left, top = canvas.to_pixels((-graphic.size / 2, CHEST_Y - graphic.size / 2)).astype(int)
    rows, columns = slice(top, top + width), slice(left, left + width)
    share = alpha[..., None] * 0.94
    canvas.colour[rows, columns] += share * (paint.astype(np.float32) - canvas.colour[rows, columns])


def _sew_pockets(design: GarmentDesign, canvas: Canvas) -> None:
    hem = design.cut.hem_y
    if design.collar.value == "hood":
        pouch = np.array([[-0.2, hem - 0.48], [0.2, hem - 0.48], [0.33, hem - 0.14], [-0.33, hem - 0.14]])
        _patch(canvas, pouch, design.cloth)
    elif design.is_outwear:
        for sign in (-1, 1):
            _patch(canvas, _rectangle(sign * 0.28, hem - 0.3, 0.24, 0.26), design.cloth)
            canvas.stitch([[sign * 0.28 - 0.12, hem - 0.24], [sign * 0.28 + 0.12, hem - 0.24]])
    else:
        _patch(canvas, _rectangle(0.23, 0.46, 0.22, 0.24), design.cloth)


def _rectangle(x: float, y: float, wide: float, high: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Corners around its upper middle (x, y)."""
    return np.array([[x - wide / 2, y], [x + wide / 2, y], [x + wide / 2, y + high], [x - wide / 2, y + high]])


def _patch(canvas: Canvas, outline: np.ndarray[tuple[int, int], np.dtype[np.float64]], cloth: Cloth) -> None:
    canvas.lay_cloth(canvas.area(outline), cloth, thickness=0.003)
    canvas.stitch(np.vstack([outline, outline[:1]]), 0.35)


def _sew_hem(design: GarmentDesign, pattern: Pattern, canvas: Canvas) -> None:
    half, hem = design.cut.hem_width / 2, design.cut.hem_y
    x = np.linspace(-half, half, 31)
    line = np.stack([x, hem - 0.045 + 0.02 * (1 - (x / half) ** 2)], axis=1)
    if design.trim is not None and not design.is_dress:
        rib = np.vstack([line - (0, 0.02), [[half + 0.05, hem + 0.1], [-half - 0.05, hem + 0.1]]])
        canvas.lay(canvas.area(rib) * canvas.area(pattern.body), design.trim, 0.002)
    canvas.stitch(line, 0.25)


def _sew_closure(design: GarmentDesign, pattern: Pattern, canvas: Canvas) -> None:
    if design.closure is Closure.NONE:
        return
    top = float(pattern.neckline[20, 1]) + 0.02
    bottom = design.cut.hem_y + (0.05 if design.is_dress else 0.02)
    if design.closure is Closure.ZIP:
        canvas.print_on(canvas.band([[0, top], [0, bottom]], 0.026), (72, 72, 76))
        teeth = [[[-0.007, y], [0.007, y]] for y in np.arange(top, bottom, 0.016)]
        canvas.print_on(canvas.bands(teeth, 0.005), (186, 186, 190))
        canvas.lay(canvas.band([[0, top], [0, top + 0.06]], 0.02), (150, 150, 155), 0.004)
        return
    for x in (-0.04, 0.04):
        canvas.stitch([[x, top], [x, bottom]], 0.28)
    buttons = [(0.0, float(y)) for y in np.arange(top + 0.06, bottom - 0.05, 0.155)]
    canvas.lay(canvas.spots(buttons, 0.034), (232, 228, 220), 0.004)
    canvas.darken(canvas.spots(buttons, 0.008), 0.5)
