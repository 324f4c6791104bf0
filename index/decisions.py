"""Moderators' decisions on pairs of photos, in the record, with what was measured of each pair at the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Row, insert, select

from index.database import Database
from index.errors import InvalidQuery
from index.records import DecisionRecord
from models.scoring import mask_bits
from models.taxonomy import REGION_COUNT, RegionName, WeightGroup

MOST_READ = 20_000
"""Decisions that are learnt from, the latest ones."""
_MEASURES = 4


@dataclass(frozen=True, slots=True)
class DecidedPhoto:
    """One side of a pair: the photo that was compared, and the item that it is a view of, if any."""

    sha256: str
    item_id: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What a moderator said of photo a beside photo b.

    `measures` float32 (4, 5): cosines, colour shifts (NaN where not compared), backgrounds of a and of b; `colour`: the
    colour change (ΔE) that all regions share; `absent` bool (5,): absent on exactly one side. `group` is that of a.
    """

    tenant: str
    photo_a: DecidedPhoto
    photo_b: DecidedPhoto
    verdict: str
    altered: frozenset[RegionName]
    group: WeightGroup
    models_version: str
    measures: npt.NDArray[np.float32]
    colour: float
    absent: npt.NDArray[np.bool_]
    key_id: str | None = None

    def __post_init__(self) -> None:
        if self.measures.shape != (_MEASURES, REGION_COUNT) or self.absent.shape != (REGION_COUNT,):
            raise InvalidQuery("a decision has four measures and one flag a region")

    @property
    def names(self) -> frozenset[str]:
        """What its pair is made of: decisions that share one of these must not be parted."""
        sides = (self.photo_a, self.photo_b)
        items = {f"item:{self.tenant}/{side.item_id}" for side in sides if side.item_id is not None}
        return frozenset(items | {f"photo:{side.sha256}" for side in sides})


class DecisionLog:
    """Decisions of all tenants; may be used from any thread. Every method raises IndexUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, decisions: Sequence[Decision]) -> None:
        """All or none; durable once this returns."""
        if not decisions:
            return
        now = datetime.now(UTC)
        rows = [_row_of(decision) | {"at": now} for decision in decisions]
        with self._database.writing() as connection:
            connection.execute(insert(DecisionRecord), rows)

    def read(self, models_version: str) -> list[Decision]:
        """The last word on every pair that these models measured, oldest first, `MOST_READ` at most."""
        chosen = select(*DecisionRecord.__table__.columns).where(DecisionRecord.models_version == models_version)
        with self._database.reading() as connection:
            rows = connection.execute(chosen.order_by(DecisionRecord.number.desc()).limit(MOST_READ)).all()
        latest: dict[tuple[str, frozenset[str]], Row[Any]] = {}
        for row in rows:
            latest.setdefault((row.tenant, frozenset((row.sha256_a, row.sha256_b))), row)
        return [_decision_of(row) for row in reversed(latest.values())]


def _row_of(decision: Decision) -> dict[str, Any]:
    return {
        "tenant": decision.tenant,
        "key_id": decision.key_id,
        "item_a": decision.photo_a.item_id,
        "item_b": decision.photo_b.item_id,
        "sha256_a": decision.photo_a.sha256,
        "sha256_b": decision.photo_b.sha256,
        "verdict": decision.verdict,
        "altered": sorted(decision.altered),
        "weight_group": decision.group.value,
        "models_version": decision.models_version,
        "measures": decision.measures.astype("<f4").tobytes(),
        "colour": float(decision.colour),
        "absent": int((decision.absent << np.arange(REGION_COUNT)).sum()),
    }


def _decision_of(row: Row[Any]) -> Decision:
    return Decision(
        tenant=row.tenant,
        photo_a=DecidedPhoto(row.sha256_a, row.item_a),
        photo_b=DecidedPhoto(row.sha256_b, row.item_b),
        verdict=row.verdict,
        altered=frozenset(map(RegionName, row.altered)),
        group=WeightGroup(row.weight_group),
        models_version=row.models_version,
        measures=np.frombuffer(row.measures, dtype="<f4").reshape(_MEASURES, REGION_COUNT),
        colour=row.colour,
        absent=mask_bits(row.absent),
        key_id=row.key_id,
    )
