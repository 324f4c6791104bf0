"""The designs of the demo: T-shirts, tops, shirts, jackets, hoodies and dresses."""

from __future__ import annotations

from models.taxonomy import Category
from service.demo.designs import Closure, Cloth, Collar, Cut, GarmentDesign, Graphic, Motif, Print

_TEE = Category.SHORT_SLEEVE_TOP
_LONG = Category.LONG_SLEEVE_TOP
_OUTER = Category.LONG_SLEEVE_OUTWEAR
_DRESS = Category.SHORT_SLEEVE_DRESS
_LONG_CUT = Cut(sleeve_length=1.12, cuff_width=0.2)
_JACKET_CUT = Cut(sleeve_length=1.12, cuff_width=0.23, hem_width=0.98)
_DRESS_CUT = Cut(hem_y=2.2, waist_width=0.86, hem_width=1.35, sleeve_length=0.36)
_VEST_CUT = Cut(shoulder_width=0.64, sleeve_length=0.0, neck_width=0.4)
_SHIFT_CUT = Cut(hem_y=2.05, waist_width=0.92, hem_width=1.08, sleeve_length=0.0, shoulder_width=0.66, neck_width=0.38)

BLACK, INK, NAVY = (32, 32, 36), (24, 34, 62), (38, 52, 96)
WHITE, CREAM, SAND = (242, 241, 238), (238, 228, 208), (206, 182, 146)
RED, ORANGE, YELLOW = (196, 52, 52), (232, 132, 44), (236, 196, 72)
GREEN, OLIVE, TEAL = (58, 122, 82), (112, 116, 72), (40, 128, 132)
SKY, PINK, PLUM, GREY = (128, 172, 214), (226, 150, 170), (104, 56, 104), (150, 152, 156)

WARDROBE: tuple[GarmentDesign, ...] = (
    GarmentDesign("sunset-tee", "Sunset tee", _TEE, Cloth((INK,)), graphic=Graphic(Motif.SUN, (ORANGE, RED))),
    GarmentDesign("cat-tee", "Cat tee", _TEE, Cloth((YELLOW,)), graphic=Graphic(Motif.CAT, (BLACK, WHITE))),
    GarmentDesign(
        "summit-tee",
        "Summit tee",
        _TEE,
        Cloth((WHITE,)),
        trim=TEAL,
        graphic=Graphic(Motif.MOUNTAIN, (TEAL, NAVY, SAND)),
    ),
    GarmentDesign("breton-tee", "Breton tee", _TEE, Cloth((WHITE, NAVY), Print.STRIPED, 0.11), Collar.SCOOP),
    GarmentDesign(
        "surf-tee", "Surf tee", _TEE, Cloth((SKY,)), Collar.V_NECK, graphic=Graphic(Motif.WAVES, (NAVY, WHITE))
    ),
    GarmentDesign(
        "rugby-polo", "Rugby polo", _TEE, Cloth((GREEN, WHITE), Print.STRIPED, 0.34), Collar.POLO, trim=WHITE
    ),
    GarmentDesign("plain-polo", "Plain polo", _TEE, Cloth((RED,)), Collar.POLO, pockets=True),
    GarmentDesign(
        "dot-tee", "Dotted tee", _TEE, Cloth((PINK, WHITE), Print.DOTTED, 0.14), sleeve_cloth=Cloth((WHITE,))
    ),
    GarmentDesign(
        "holiday-shirt",
        "Holiday shirt",
        _TEE,
        Cloth((TEAL, CREAM, ORANGE, YELLOW), Print.FLORAL, 0.55, seed=4),
        Collar.SHIRT,
        closure=Closure.BUTTONS,
        pockets=True,
    ),
    GarmentDesign(
        "star-tee", "Star tee", _TEE, Cloth((PLUM,)), trim=YELLOW, graphic=Graphic(Motif.STAR, (YELLOW, PLUM, PINK))
    ),
    GarmentDesign(
        "ringer-tee",
        "Ringer tee",
        _TEE,
        Cloth((CREAM,)),
        trim=RED,
        graphic=Graphic(Motif.WORD, (RED,), word="warp weft"),
    ),
    GarmentDesign(
        "fern-vest",
        "Fern vest",
        Category.VEST,
        Cloth((SAND,)),
        Collar.SCOOP,
        graphic=Graphic(Motif.LEAF, (GREEN, OLIVE)),
        cut=_VEST_CUT,
    ),
    GarmentDesign(
        "lumber-shirt",
        "Lumber shirt",
        _LONG,
        Cloth((BLACK, RED, WHITE), Print.CHECKED, 0.26),
        Collar.SHIRT,
        closure=Closure.BUTTONS,
        pockets=True,
        cut=_LONG_CUT,
    ),
    GarmentDesign(
        "pin-shirt",
        "Pinstripe shirt",
        _LONG,
        Cloth((WHITE, SKY), Print.STRIPED, 0.05, angle=1.5708),
        Collar.SHIRT,
        closure=Closure.BUTTONS,
        cut=_LONG_CUT,
    ),
    GarmentDesign(
        "block-jumper", "Block jumper", _LONG, Cloth((GREY,)), waist_cloth=Cloth((NAVY,)), trim=NAVY, cut=_LONG_CUT
    ),
    GarmentDesign(
        "rose-jumper",
        "Rose V jumper",
        _LONG,
        Cloth((PLUM, PINK, CREAM), Print.FLORAL, 0.5, seed=9),
        Collar.V_NECK,
        cut=_LONG_CUT,
    ),
    GarmentDesign(
        "multi-stripe", "Many-stripe top", _LONG, Cloth((CREAM, RED, TEAL, YELLOW), Print.STRIPED, 0.42), cut=_LONG_CUT
    ),
    GarmentDesign(
        "mosaic-sweat",
        "Mosaic sweatshirt",
        _LONG,
        Cloth((OLIVE,)),
        graphic=Graphic(Motif.BLOCKS, (CREAM, ORANGE, TEAL, RED), 0.46),
        cut=_LONG_CUT,
    ),
    GarmentDesign(
        "green-hoodie",
        "Green zip hoodie",
        _OUTER,
        Cloth((GREEN,)),
        Collar.HOOD,
        closure=Closure.ZIP,
        pockets=True,
        cut=_JACKET_CUT,
    ),
    GarmentDesign(
        "track-jacket",
        "Track jacket",
        _OUTER,
        Cloth((NAVY,)),
        Collar.STAND,
        trim=WHITE,
        sleeve_cloth=Cloth((RED, WHITE), Print.STRIPED, 0.3, angle=1.5708),
        closure=Closure.ZIP,
        cut=_JACKET_CUT,
    ),
    GarmentDesign(
        "check-overshirt",
        "Checked overshirt",
        _OUTER,
        Cloth((SAND, OLIVE, CREAM), Print.CHECKED, 0.3),
        Collar.SHIRT,
        closure=Closure.BUTTONS,
        pockets=True,
        cut=_JACKET_CUT,
    ),
    GarmentDesign(
        "garden-dress",
        "Garden dress",
        _DRESS,
        Cloth((NAVY, PINK, YELLOW, WHITE), Print.FLORAL, 0.45, seed=2),
        cut=_DRESS_CUT,
    ),
    GarmentDesign(
        "dot-dress",
        "Dotted dress",
        _DRESS,
        Cloth((RED, WHITE), Print.DOTTED, 0.16),
        Collar.SHIRT,
        trim=WHITE,
        cut=_DRESS_CUT,
    ),
    GarmentDesign(
        "gingham-dress",
        "Gingham shift dress",
        Category.VEST_DRESS,
        Cloth((WHITE, GREEN), Print.CHECKED, 0.1),
        Collar.SCOOP,
        waist_cloth=Cloth((GREEN,)),
        cut=_SHIFT_CUT,
    ),
)
"""In the order they are registered; names are unique."""

UNREGISTERED = GarmentDesign(
    "original",
    "A jumper nobody registered",
    _LONG,
    Cloth((ORANGE, CREAM), Print.DOTTED, 0.3),
    Collar.STAND,
    trim=BLACK,
    sleeve_cloth=Cloth((BLACK,)),
    cut=_LONG_CUT,
)
