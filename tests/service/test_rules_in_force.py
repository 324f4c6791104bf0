"""The rules in force follow the record, and outlive its outages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from index.database import Database
from index.errors import IndexUnavailable
from index.weight_history import WeightHistory, WeightsInForce
from models.background import Cohort
from models.taxonomy import WeightGroup
from models.weighting import RegionWeights, WeightTable
from service.judging import Rules
from service.rules_in_force import RulesInForce
from tests.factories import make_weights
from tests.policies import make_policy

SHIPPED = WeightTable("shipped", dict.fromkeys(WeightGroup, RegionWeights.equal()))


@dataclass
class Interrupted:
    """A history that can be away, and counts how often it was read in full."""

    history: WeightHistory
    away: bool = False
    read: list[int] = field(default_factory=list)

    def latest(self) -> int:
        if self.away:
            raise IndexUnavailable("away")
        return self.history.latest()

    def in_force(self) -> WeightsInForce:
        found = self.history.in_force()
        self.read.append(found.number)
        return found


async def test_other_weights_are_followed_and_an_outage_changes_nothing(tmp_path: Path) -> None:
    """Rules that were taken before stay as they were; the record is read in full only after a change."""
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}")
    history = Interrupted(WeightHistory(database, SHIPPED))
    rules = RulesInForce(Rules(SHIPPED, make_policy(), Cohort.empty()), history)  # a stand-in of the same shape
    following = asyncio.create_task(rules.keep_following(every_s=0.01))
    taken = rules.now()
    await asyncio.sleep(0.1)
    assert len(history.read) == 1
    history.away = True
    made = await asyncio.to_thread(history.history.put, WeightGroup.DRESS, make_weights(3), None, None)
    await asyncio.sleep(0.1)
    assert rules.now() is taken
    with pytest.raises(IndexUnavailable):
        rules.refresh()
    history.away = False
    async with asyncio.timeout(30):
        while rules.now().weights.version != f"shipped+{made.version}":
            await asyncio.sleep(0.01)
    assert rules.now().weights.of(WeightGroup.DRESS).values.tolist() == make_weights(3).values.tolist()
    assert taken.weights.version == "shipped"
    assert len(history.read) == 2
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    database.close()
