"""Other colourways: every colour of a design turned by the same hue."""

from __future__ import annotations

import colorsys
from dataclasses import replace

from service.demo.designs import Cloth, Colour, GarmentDesign


def recoloured(design: GarmentDesign, degrees: float) -> GarmentDesign:
    """The design in another colourway: all hues turned by `degrees`."""

    def cloth(before: Cloth | None) -> Cloth | None:
        return None if before is None else _turned_cloth(before, degrees)

    graphic = design.graphic
    if graphic is not None:
        graphic = replace(graphic, colours=tuple(turned(colour, degrees) for colour in graphic.colours))
    return replace(
        design,
        cloth=_turned_cloth(design.cloth, degrees),
        sleeve_cloth=cloth(design.sleeve_cloth),
        waist_cloth=cloth(design.waist_cloth),
        collar_colour=None if design.collar_colour is None else turned(design.collar_colour, degrees),
        trim=None if design.trim is None else turned(design.trim, degrees),
        graphic=graphic,
    )


def turned(colour: Colour, degrees: float) -> Colour:
    """A colour with its hue turned; greys stay grey."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(value / 255 for value in colour))
    red, green, blue = colorsys.hls_to_rgb((hue + degrees / 360) % 1, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def _turned_cloth(cloth: Cloth, degrees: float) -> Cloth:
    return replace(cloth, colours=tuple(turned(colour, degrees) for colour in cloth.colours))
