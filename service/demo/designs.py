"""What a drawn garment is made of: cloth, collar, cut and closure. Lengths are in body widths (armpit to armpit)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from models.errors import InvalidValue
from models.taxonomy import Category

Colour = tuple[int, int, int]
"""sRGB, 0..255."""


class Print(StrEnum):
    """How a cloth is printed or woven all over."""

    PLAIN = "plain"
    STRIPED = "striped"
    CHECKED = "checked"
    DOTTED = "dotted"
    FLORAL = "floral"


class Collar(StrEnum):
    """How the neck is finished."""

    CREW = "crew"
    SCOOP = "scoop"
    V_NECK = "v_neck"
    POLO = "polo"
    SHIRT = "shirt"
    STAND = "stand"
    HOOD = "hood"


class Closure(StrEnum):
    """How the front closes."""

    NONE = "none"
    BUTTONS = "buttons"
    ZIP = "zip"


class Motif(StrEnum):
    """A picture printed on the chest."""

    SUN = "sun"
    MOUNTAIN = "mountain"
    WAVES = "waves"
    STAR = "star"
    LEAF = "leaf"
    CAT = "cat"
    BLOCKS = "blocks"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class Cloth:
    """A cloth: the first colour is its ground. `period` and `angle` (radians) of its print; `seed` places flowers."""

    colours: tuple[Colour, ...]
    print: Print = Print.PLAIN
    period: float = 0.15
    angle: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.colours or any(not 0 <= value <= 255 for colour in self.colours for value in colour):
            raise InvalidValue("a cloth needs at least one sRGB colour")
        if self.print is not Print.PLAIN and len(self.colours) < 2:
            raise InvalidValue(f"{self.print} cloth needs two colours")
        if not 0.02 <= self.period <= 2.0:
            raise InvalidValue(f"a print repeats every 0.02..2 body widths, got {self.period}")


@dataclass(frozen=True, slots=True)
class Graphic:
    """A motif on the chest with its colours; `size` is its width."""

    motif: Motif
    colours: tuple[Colour, ...]
    size: float = 0.5
    word: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """Proportions of the garment, in body widths; `sleeve_length` 0 for none."""

    neck_width: float = 0.34
    shoulder_width: float = 0.94
    hem_y: float = 1.42
    waist_width: float = 0.96
    hem_width: float = 1.0
    sleeve_length: float = 0.42
    cuff_width: float = 0.30


@dataclass(frozen=True, slots=True)
class GarmentDesign:
    """A design: everything that stays the same when the garment is photographed again.

    `trim` colours collar, cuffs and hem; `collar_colour` the collar alone.
    """

    name: str
    title: str
    category: Category
    cloth: Cloth
    collar: Collar = Collar.CREW
    trim: Colour | None = None
    collar_colour: Colour | None = None
    sleeve_cloth: Cloth | None = None
    waist_cloth: Cloth | None = None
    graphic: Graphic | None = None
    closure: Closure = Closure.NONE
    pockets: bool = False
    cut: Cut = field(default_factory=Cut)

    def __post_init__(self) -> None:
        if self.category.is_bottom:
            raise InvalidValue("the renderer draws upper garments and dresses")
        if self.category.has_sleeves != (self.cut.sleeve_length > 0):
            raise InvalidValue(f"{self.category} and a sleeve of {self.cut.sleeve_length} contradict each other")

    @property
    def is_dress(self) -> bool:
        return "dress" in self.category.value

    @property
    def is_outwear(self) -> bool:
        return "outwear" in self.category.value
