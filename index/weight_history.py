"""Every version that a weight group's region weights ever had, in the record: who changed them, when and why.

A group's latest version is in force. Weights that were never changed follow those shipped with the networks, to a new
release and back to an older one; once somebody has changed them they stay until somebody changes them again. Weights
are of the whole service, not of a tenant.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, func, insert, select

from index.database import Database
from index.errors import IndexUnavailable, WeightsNotFound
from index.records import WeightVersionRecord
from models.taxonomy import WeightGroup
from models.weighting import RegionWeights, WeightTable

_COLUMNS = tuple(WeightVersionRecord.__table__.columns)
_DIGITS = 8


class WeightSource(StrEnum):
    """Where a version comes from."""

    SHIPPED = "shipped"
    PUT = "put"
    LEARNED = "learned"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class WeightVersion:
    """A version of one group; `key_id` is None for the operator on this machine and for what was shipped.

    `number` counts over all groups; `report` says why, as JSON.
    """

    number: int
    group: WeightGroup
    version: str
    weights: RegionWeights
    source: WeightSource
    at: datetime
    key_id: str | None = None
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WeightsInForce:
    """The version of every group that counts. `number` is that of the latest in the record, in force or not."""

    number: int
    groups: Mapping[WeightGroup, WeightVersion]

    def table(self) -> WeightTable:
        """Under a version that names what was shipped and the latest change since: `learned-2+w7-0f3a92c1`."""
        shipped = {one.version for one in self.groups.values() if one.source is WeightSource.SHIPPED}
        changed = [one for one in self.groups.values() if one.source is not WeightSource.SHIPPED]
        latest = [max(changed, key=lambda one: one.number).version] if changed else []
        names = "+".join([*sorted(shipped), *latest])
        return WeightTable(names, {group: one.weights for group, one in self.groups.items()})


class WeightHistory:
    """The history in one record; may be used from any thread. Every method raises IndexUnavailable.

    `shipped` is the table that lies beside the networks; it is taken over where nobody has changed a group yet. Two
    releases on one record follow there what each was shipped with: going back to the older one writes nothing.
    """

    def __init__(self, database: Database, shipped: WeightTable) -> None:
        self._database = database
        self._shipped = shipped
        with database.reading() as connection:
            behind = [group for group in WeightGroup if self._follows_shipped(connection, group)]
        if behind:
            with database.writing() as connection:
                for group in behind:
                    if self._follows_shipped(connection, group):
                        _append(connection, group, shipped.of(group), WeightSource.SHIPPED, None, {}, shipped.version)

    def latest(self) -> int:
        """The number of the latest version of any group: cheap to ask again and again."""
        with self._database.reading() as connection:
            return _latest(connection)

    def in_force(self) -> WeightsInForce:
        """The latest version of every group, or what was shipped where nobody has changed it."""
        with self._database.reading() as connection:
            latest = [_of_group(connection, group, limit=1)[0] for group in WeightGroup]
            groups = {one.group: self._counting(connection, one) for one in latest}
        return WeightsInForce(max(one.number for one in latest), groups)

    def versions(self, group: WeightGroup, limit: int, before: int | None = None) -> list[WeightVersion]:
        """A group's versions, latest first, those with a number below `before`."""
        with self._database.reading() as connection:
            return _of_group(connection, group, limit, before)

    def put(self, group: WeightGroup, weights: RegionWeights, key_id: str | None, reason: str | None) -> WeightVersion:
        """A new version, in force once this returns."""
        report = {} if reason is None else {"reason": reason}
        with self._database.writing() as connection:
            return _append(connection, group, weights, WeightSource.PUT, key_id, report)

    def roll_back(self, group: WeightGroup, version: str, key_id: str | None, reason: str | None) -> WeightVersion:
        """A new version with the very weights that the group had under an earlier one.

        `version` is one of the group's, or what answers called the weights of all groups. Raises WeightsNotFound.
        """
        with self._database.writing() as connection:
            weights = self._weights_under(connection, group, version)
            report = {"to": version} | ({} if reason is None else {"reason": reason})
            return _append(connection, group, weights, WeightSource.ROLLBACK, key_id, report)

    def promote(
        self, group: WeightGroup, weights: RegionWeights, over: str, key_id: str | None, report: Mapping[str, Any]
    ) -> WeightVersion | None:
        """Learnt weights as a new version; None where they were tried on others than those in force now."""
        with self._database.writing() as connection:
            latest = _of_group(connection, group, limit=1)[0]
            if self._counting(connection, latest).version != over:
                return None
            return _append(connection, group, weights, WeightSource.LEARNED, key_id, report)

    def _follows_shipped(self, connection: Connection, group: WeightGroup) -> bool:
        """Whether the group is to take the shipped weights now. Raises IndexUnavailable where their name is taken."""
        known = _named(connection, self._shipped.version, group)
        if known is not None:
            if not np.allclose(known.weights.values, self._shipped.of(group).values, atol=1e-9):
                raise IndexUnavailable(
                    f"the record knows other weights of {group} as {self._shipped.version!r}: name the new ones anew"
                )
            return False
        latest = _of_group(connection, group, limit=1)
        return not latest or latest[0].source is WeightSource.SHIPPED

    def _counting(self, connection: Connection, latest: WeightVersion) -> WeightVersion:
        """A group's latest version, or what we were shipped with where that is only what another release was."""
        if latest.source is not WeightSource.SHIPPED:
            return latest
        return _named(connection, self._shipped.version, latest.group) or latest

    def _weights_under(self, connection: Connection, group: WeightGroup, version: str) -> RegionWeights:
        own = _named(connection, version, group)
        if own is not None:
            return own.weights
        *shipped, change = version.split("+")
        if version == self._shipped.version:
            return self._shipped.of(group)
        until = _named(connection, change)
        if until is None:
            raise WeightsNotFound(f"the weights of {group} never had a version {version!r}")
        # The name of all groups together ends with the latest change, to this group or to another.
        for one in _of_group(connection, group, limit=None, before=until.number + 1):
            if one.source is not WeightSource.SHIPPED or not shipped:
                return one.weights
        before = [found for name in shipped if (found := _named(connection, name, group)) is not None]
        if not before:
            raise WeightsNotFound(f"the weights of {group} never had a version {version!r}")
        return before[-1].weights


def _append(
    connection: Connection,
    group: WeightGroup,
    weights: RegionWeights,
    source: WeightSource,
    key_id: str | None,
    report: Mapping[str, Any],
    version: str | None = None,
) -> WeightVersion:
    """Writers take turns, so that the next number is free."""
    number, at, values = _latest(connection) + 1, datetime.now(UTC), weights.values.tolist()
    # The hash keeps apart what two records, or one and its restored backup, call their seventh version.
    said = json.dumps([group.value, values, at.isoformat()])
    name = version or f"w{number}-{hashlib.sha256(said.encode()).hexdigest()[:_DIGITS]}"
    row = {
        "number": number, "weight_group": group.value, "version": name, "weights": values, "source": source.value,
        "at": at, "key_id": key_id, "report": dict(report),
    }  # fmt: skip
    connection.execute(insert(WeightVersionRecord).values(row))
    return WeightVersion(number, group, name, weights, source, at, key_id, report)


def _latest(connection: Connection) -> int:
    return int(connection.scalar(select(func.max(WeightVersionRecord.number))) or 0)


def _of_group(
    connection: Connection, group: WeightGroup, limit: int | None, before: int | None = None
) -> list[WeightVersion]:
    chosen = select(*_COLUMNS).where(WeightVersionRecord.weight_group == group.value)
    if before is not None:
        chosen = chosen.where(WeightVersionRecord.number < before)
    rows = connection.execute(chosen.order_by(WeightVersionRecord.number.desc()).limit(limit))
    return [_version_of(row) for row in rows]


def _named(connection: Connection, version: str, group: WeightGroup | None = None) -> WeightVersion | None:
    """The version of that name: of a group, or the latest of any."""
    chosen = select(*_COLUMNS).where(WeightVersionRecord.version == version)
    if group is not None:
        chosen = chosen.where(WeightVersionRecord.weight_group == group.value)
    row = connection.execute(chosen.order_by(WeightVersionRecord.number.desc()).limit(1)).one_or_none()
    return None if row is None else _version_of(row)


def _version_of(row: Row[Any]) -> WeightVersion:
    return WeightVersion(
        row.number,
        WeightGroup(row.weight_group),
        row.version,
        RegionWeights(np.array(row.weights)),
        WeightSource(row.source),
        row.at,
        row.key_id,
        row.report,
    )
