"""What a label admits: the DeepFashion2 categories that a garment with a coarse label may belong to.

Few of our photos carry a DeepFashion2 reading; a shop's "hoodie" or a street photo's "shirt" leaves the sleeve open. A
coarse label is learnt from as a set: any category of it is right, none outside it is.
"""

from __future__ import annotations

from models.taxonomy import Category

Admissible = frozenset[Category]

_C = Category
_TOPS = frozenset({_C.SHORT_SLEEVE_TOP, _C.LONG_SLEEVE_TOP, _C.VEST, _C.SLING})
_SLEEVED_TOPS = frozenset({_C.SHORT_SLEEVE_TOP, _C.LONG_SLEEVE_TOP})
_OUTERWEAR = frozenset({_C.SHORT_SLEEVE_OUTWEAR, _C.LONG_SLEEVE_OUTWEAR})
_LONG = frozenset({_C.LONG_SLEEVE_TOP, _C.LONG_SLEEVE_OUTWEAR})
_DRESSES = frozenset(category for category in Category if category.value.endswith("dress"))
ANY_GARMENT: Admissible = frozenset(Category)

NO_GARMENT = frozenset({"Shoes", "Hat"})
"""Labels of garment photos that show nothing the detector is to find."""

OF_GARMENT_LABEL: dict[str, Admissible] = {
    "T-Shirt": frozenset({_C.SHORT_SLEEVE_TOP}),
    "Polo": frozenset({_C.SHORT_SLEEVE_TOP}),
    "Longsleeve": _LONG,
    "Shirt": _SLEEVED_TOPS,
    "Hoodie": _LONG,
    "Blazer": frozenset({_C.LONG_SLEEVE_OUTWEAR}),
    "Outwear": frozenset({_C.LONG_SLEEVE_OUTWEAR, _C.VEST}),
    "Undershirt": frozenset({_C.VEST, _C.SLING}),
    "Top": _TOPS,
    "Blouse": _TOPS,
    "Dress": _DRESSES,
    "Pants": frozenset({_C.TROUSERS}),
    "Shorts": frozenset({_C.SHORTS}),
    "Skirt": frozenset({_C.SKIRT}),
}

OF_STREET_CLASS: dict[str, Admissible] = {
    **dict.fromkeys(("blouse", "shirt", "t-shirt", "top"), _TOPS),
    **dict.fromkeys(("sweater", "sweatshirt", "jumper"), frozenset({_C.LONG_SLEEVE_TOP})),
    "hoodie": _LONG,
    **dict.fromkeys(("blazer", "cardigan", "coat", "jacket", "cape"), _OUTERWEAR),
    "vest": frozenset({_C.VEST, _C.LONG_SLEEVE_OUTWEAR, _C.SHORT_SLEEVE_OUTWEAR}),
    "dress": _DRESSES,
    **dict.fromkeys(("jeans", "pants", "leggings"), frozenset({_C.TROUSERS})),
    "shorts": frozenset({_C.SHORTS}),
    "skirt": frozenset({_C.SKIRT}),
    **dict.fromkeys(("romper", "bodysuit", "suit", "swimwear", "intimate"), ANY_GARMENT),
}
"""Classes of the co-parsing photos that are garments; the rest (shoes, bags, skin, …) is ground."""

OF_STORE_KIND: dict[str, Admissible] = {
    "mens_tshirts": _TOPS,
    "ladies_tshirts": _TOPS,
    "mens_outerwear": _LONG | {_C.VEST},
    "ladies_outerwear": _LONG | {_C.VEST},
    "top": _SLEEVED_TOPS,
}
"""Kinds of the shops that lay garments flat on white (Polymer, Saleor)."""
