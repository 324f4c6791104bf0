"""What callers may say of region weights: new ones, an earlier version, or decisions to learn from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from models.taxonomy import RegionName
from service.requests import Identifier, Text, Weight, parse_json

MOST_PAIRS = 500
MOST_PHOTOS = 32
"""Photos sent along in one request: each is looked at, and the whole is to take seconds."""
Base64 = Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]
Version = Annotated[str, Field(min_length=1, max_length=200)]


class _Fields(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PutWeightsFields(_Fields):
    """`PUT /weights/{group}`: `weights` of all five regions, brought to sum 1, or an earlier `version` to go back to.

    `reason` is kept in the history.
    """

    weights: dict[RegionName, Weight] | None = None
    version: Version | None = None
    reason: Text | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> PutWeightsFields:
        if (self.weights is None) == (self.version is None):
            raise ValueError("weights: send either weights or a version to go back to")
        if self.weights is not None:
            missing = [name for name in RegionName if name not in self.weights]
            if missing:
                raise ValueError(f"weights: all five regions are named, {', '.join(missing)} missing; 0 leaves one out")
            if not any(self.weights.values()):
                raise ValueError("weights: at least one region needs a weight above zero")
        return self


class PairFields(_Fields):
    """A pair and the moderator's verdict: is a a copy of b?

    Each side is a registered `item`, of which `photo` may name one view, or a photo sent along: `image` names a file
    part, `image_…_base64` carries it. `altered` are the regions that a partial copy altered.
    """

    item_a: Identifier | None = None
    photo_a: Identifier | None = None
    image_a: Identifier | None = None
    image_a_base64: Base64 | None = None
    item_b: Identifier | None = None
    photo_b: Identifier | None = None
    image_b: Identifier | None = None
    image_b_base64: Base64 | None = None
    verdict: Literal["image_copy", "design_copy", "partial_copy", "similar", "clear"]
    altered: frozenset[RegionName] = frozenset()

    @model_validator(mode="after")
    def _two_sides(self) -> PairFields:
        for side in "ab":
            named = [getattr(self, f"{kind}_{side}") for kind in ("item", "image")]
            named.append(getattr(self, f"image_{side}_base64"))
            if sum(one is not None for one in named) != 1:
                raise ValueError(f"side {side} is one of item_{side}, image_{side} and image_{side}_base64")
            if getattr(self, f"photo_{side}") is not None and getattr(self, f"item_{side}") is None:
                raise ValueError(f"photo_{side} is a photo of item_{side}")
        if self.item_a is not None and (self.item_a, self.photo_a) == (self.item_b, self.photo_b):
            raise ValueError("both sides are the same")
        if self.altered and self.verdict != "partial_copy":
            raise ValueError("altered regions make it a partial_copy")
        return self


class LearnFields(_Fields):
    """`POST /weights/learn`. Without pairs, what was decided before is learnt from once more."""

    pairs: Annotated[list[PairFields], BeforeValidator(parse_json), Field(max_length=MOST_PAIRS)]
