"""Pairs that moderators judged: measured as `POST /compare` does, and as evidence that weights are learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.decisions import DecidedPhoto, Decision
from index.types import CatalogueItem
from models.evidence import Evidence
from models.regions import absent_once
from models.taxonomy import REGION_COUNT, REGIONS, RegionName
from models.types import DescribedGarment, DescribedPhoto
from service.compare import closest_garment
from service.judging import Rules
from service.resemblance import Resemblance
from service.verdict import Verdict

MOST_VIEWS = 12
"""Photos of an item that are compared, the latest: two photos take about 0.8 ms, two items so 0.1 s at most."""


@dataclass(frozen=True, slots=True)
class JudgedPhoto:
    """A photo of one side of a pair, with the garments that may be meant, one at least."""

    photo: DecidedPhoto
    garments: tuple[DescribedGarment, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The two photos and garments of a pair that resemble each other most."""

    photo_a: DecidedPhoto
    photo_b: DecidedPhoto
    resemblance: Resemblance


def photos_of_item(item: CatalogueItem, models_version: str, photo_id: str | None) -> tuple[JudgedPhoto, ...]:
    """The designs of an item's photos, or of one of them, as these models saw them: of the `MOST_VIEWS` latest in which
    they saw any."""
    seen = [
        JudgedPhoto(DecidedPhoto(photo.sha256, item.item_id), designs)
        for photo in item.photos
        if photo.models_version == models_version and photo_id in (None, photo.photo_id)
        # After `selvedge index reembed` a photo may be left in which these models saw no garment.
        if (designs := tuple(garment.described for garment in photo.garments if garment.is_design))
    ]
    return tuple(seen[-MOST_VIEWS:])


def photo_sent(described: DescribedPhoto) -> tuple[JudgedPhoto, ...]:
    """A photo that is registered nowhere; empty where no garment was found in it."""
    return (JudgedPhoto(DecidedPhoto(described.sha256), described.garments),) if described.garments else ()


def measure(side_a: Sequence[JudgedPhoto], side_b: Sequence[JudgedPhoto], rules: Rules) -> Measured:
    """The best pair of garments, as the index would score it. Both sides have a photo."""
    found: list[Measured] = []
    for one in side_a:
        for garment in one.garments:
            weights = rules.weights_of(garment.detection.category.group, None)
            for other in side_b:
                _, resemblance = closest_garment(garment, other.garments, weights, rules.cohort)
                found.append(Measured(one.photo, other.photo, resemblance))
    return max(found, key=lambda measured: measured.resemblance.score)


def decision_on(
    measured: Measured,
    verdict: str,
    altered: frozenset[RegionName],
    tenant: str,
    key_id: str | None,
    models_version: str,
) -> Decision:
    """What a moderator said, with what was measured."""
    found = measured.resemblance
    measures = (found.cosines, found.colour_shifts, found.our_background, found.their_background)
    absent = [
        absent_once(found.ours.region(name.mirrored if found.mirrored else name), found.theirs.region(name))
        for name in REGIONS
    ]
    return Decision(
        tenant=tenant,
        photo_a=measured.photo_a,
        photo_b=measured.photo_b,
        verdict=verdict,
        altered=altered,
        group=found.ours.detection.category.group,
        models_version=models_version,
        measures=np.stack(measures).astype(np.float32),
        colour=found.colour_change,
        absent=np.array(absent, dtype=np.bool_),
        key_id=key_id,
    )


def evidence_of(decisions: Sequence[Decision]) -> Evidence:
    """A comparison for each decision, in their order: copies of any kind are originals, the rest look-alikes."""
    original = np.array([Verdict(one.verdict).is_copy for one in decisions], dtype=np.bool_)
    _, query = np.unique([one.photo_a.sha256 for one in decisions], return_inverse=True)
    measures = np.array([one.measures for one in decisions], dtype=np.float32).reshape(-1, 4, REGION_COUNT)
    return Evidence(
        query=query.astype(np.int32),
        group=np.array([one.group.value for one in decisions], dtype=np.str_),
        copied=np.isin(query, query[original]),
        original=original,
        altered=_flags([[name in one.altered for name in REGIONS] for one in decisions]),
        cosines=measures[:, 0],
        shifts=measures[:, 1],
        colours=np.array([one.colour for one in decisions], dtype=np.float32),
        ours=measures[:, 2],
        theirs=measures[:, 3],
        absent=_flags([one.absent for one in decisions]),
    )


def _flags(rows: Sequence[Sequence[bool] | npt.NDArray[np.bool_]]) -> npt.NDArray[np.bool_]:
    return np.array(rows, dtype=np.bool_).reshape(-1, REGION_COUNT)
