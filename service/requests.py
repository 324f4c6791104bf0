"""What callers may ask, as form fields or JSON; checked here and nowhere else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from index.types import Filters, ItemDetails
from models.taxonomy import Category, RegionName
from models.weighting import RegionWeights

MAX_METADATA_BYTES = 65_536


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def parse_json(value: Any) -> Any:
    """A form field carries its JSON as text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON: {error}") from error


def _split(value: Any) -> Any:
    """A form field carries its list as text with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except (ValueError, RecursionError) as error:  # a lone surrogate is a ValueError too
        raise ValueError(f"cannot be kept as JSON: {error}") from error
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"has {size} bytes; at most {MAX_METADATA_BYTES} are kept")
    return value


def _printable(value: str) -> str:
    if not all(character.isprintable() for character in value):
        raise ValueError("must not contain control characters")
    return value


def _reckonable(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies before the year 1 or after 9999 in UTC") from error


Identifier = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
Text = Annotated[str, StringConstraints(max_length=1_000), AfterValidator(_printable)]
Url = Annotated[str, StringConstraints(max_length=2_000, pattern="^https?://"), AfterValidator(_printable)]
Metadata = Annotated[dict[str, Any], BeforeValidator(parse_json), AfterValidator(_storable)]
Moment = Annotated[AwareDatetime, AfterValidator(_reckonable)]
Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Part = Literal["landmarks", "regions", "overlay"]


class _Fields(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SearchFields(_Fields):
    """`POST /search`. `category`: what the garment in question is, whatever the detector calls it.

    `published_before`: only items published earlier answer; those that do not say when are left out.
    """

    top_k: int = Field(default=20, ge=1, le=200)
    category: Category | None = None
    min_score: float = Field(default=-1.0, ge=-1, le=1, allow_inf_nan=False)
    exclude_seller_id: Identifier | None = None
    exclude_item_id: Identifier | None = None
    categories: Annotated[frozenset[Category], BeforeValidator(_split)] = frozenset()
    published_before: Moment | None = None

    def filters(self) -> Filters:
        return Filters(
            self.exclude_seller_id, self.exclude_item_id, self.categories, published_before=self.published_before
        )


class WeightedFields(_Fields):
    """`weights`: a JSON object region → number; regions left out keep their learned value."""

    weights: Annotated[dict[RegionName, Weight], BeforeValidator(parse_json)] | None = None

    @model_validator(mode="after")
    def _not_all_zero(self) -> WeightedFields:
        if self.weights and len(self.weights) == len(RegionName) and not any(self.weights.values()):
            raise ValueError("weights: at least one region needs a weight above zero")
        return self


class CheckFields(SearchFields, WeightedFields):
    """`POST /check-plagiarism`."""

    published_at: Moment | None = None
    include: Annotated[frozenset[Part], BeforeValidator(_split)] = frozenset()

    def fingerprint(self) -> str:
        """The same for the same question, whatever is to be drawn besides."""
        asked = self.model_dump(mode="json", exclude={"include"})
        asked["categories"] = sorted(asked["categories"])
        return json.dumps(asked, sort_keys=True)


class CompareFields(WeightedFields):
    """`POST /compare`: is `image_a` a copy of `image_b`?"""

    category: Category | None = None
    published_at_a: Moment | None = None
    published_at_b: Moment | None = None


class DetailFields(_Fields):
    """What may be said of an item; also the body of `PATCH /index/items/{item_id}`.

    Until `disabled_until` the item is kept but found by no search; a moment that has passed switches it on again.
    """

    seller_id: Identifier | None = None
    title: Text | None = None
    url: Url | None = None
    published_at: Moment | None = None
    metadata: Metadata | None = None
    disabled_until: Moment | None = None

    def details(self) -> ItemDetails:
        return ItemDetails(self.seller_id, self.title, self.url, self.published_at, self.metadata, self.disabled_until)


class AddFields(DetailFields):
    """`POST /index/add`."""

    item_id: Identifier
    category: Category | None = None
    replace: bool = False


def apply_weights(learned: RegionWeights, changes: dict[RegionName, float] | None) -> RegionWeights:
    """The learned weights with the caller's changes. Raises InvalidValue where nothing is left above zero."""
    return learned.overridden(changes) if changes else learned
