"""Random histories of the shards against a plain dict, sealing, merging and compacting; 0, 1, 2 items included."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from index.labels import Exclusions, tenant_key
from index.shards import Shards
from index.vectors import Designs
from models.scoring import mask_bits
from models.taxonomy import REGION_COUNT
from tests.factories import make_designs, make_embeddings, make_garment, make_query, make_weights

TENANTS = ("A", "B")
MASKS = (31, 31, 7, 4)
ITEMS = st.lists(st.integers(1, 30), min_size=1, max_size=25, unique=True)


@dataclass(frozen=True)
class Plain:
    """What the dict remembers of a garment."""

    item: int
    seller: int
    disabled_until: int
    published: int


class ShardHistories(RuleBasedStateMachine):
    """Every step is done to shards whose delta and segments hold only a few rows, and to a dict."""

    @initialize()
    def begin(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("index.shards.LOOSE_ROWS", 6)
        self.patch.setattr("index.shards.SEGMENT_ROWS", 24)
        self.patch.setattr("index.shards.PARALLEL_ROWS", 10)
        self.shards = Shards(2)
        self.plain: dict[int, Plain] = {}
        self.next_garment = 1

    def teardown(self) -> None:
        if hasattr(self, "shards"):
            self.shards.close()
            self.patch.undo()

    def designs(self) -> Designs:
        """All garments of the dict."""
        chosen = list(self.plain)
        base = make_designs(0, len(chosen), dimension=4)
        masks = np.array([MASKS[garment % len(MASKS)] for garment in chosen], dtype=np.uint8)
        vectors = [make_embeddings(garment, MASKS[garment % len(MASKS)], 4).vectors for garment in chosen]
        held = [self.plain[garment] for garment in chosen]
        labels = replace(
            base.labels,
            garment_ids=np.array(chosen, dtype=np.int64),
            item_numbers=np.array([one.item for one in held], dtype=np.int64),
            tenant_keys=np.array([tenant_key(TENANTS[one.item % 2]) for one in held], dtype=np.int64),
            seller_keys=np.array([one.seller for one in held], dtype=np.int64),
            disabled_until=np.array([one.disabled_until for one in held], dtype=np.int64),
            published=np.array([one.published for one in held], dtype=np.int64),
        )
        return Designs(labels, masks, np.array(vectors, dtype=np.float32).reshape(len(chosen), REGION_COUNT, 4))

    def settle(self, items: list[int]) -> None:
        designs = self.designs()
        numbers = np.array(items, dtype=np.int64)
        self.shards.settle(numbers, designs.where(np.isin(designs.item_numbers, numbers)))

    @rule(items=ITEMS, seller=st.integers(1, 3), disabled=st.sampled_from([0, 0, 50]), published=st.integers(0, 9))
    def add(self, items: list[int], seller: int, disabled: int, published: int) -> None:
        """Another garment for each of some items; their other garments are refiled with them."""
        for item in items:
            told = Plain(item, seller, disabled, published)
            self.plain = {g: told if held.item == item else held for g, held in self.plain.items()}
            self.plain[self.next_garment] = told
            self.next_garment += 1
        self.settle(items)

    @rule(items=ITEMS)
    def forget(self, items: list[int]) -> None:
        self.plain = {garment: held for garment, held in self.plain.items() if held.item not in items}
        self.settle(items)

    @rule(items=ITEMS, keep=st.integers(0, 2))
    def replace(self, items: list[int], keep: int) -> None:
        """Some of the items' garments go."""
        self.plain = {
            garment: held for garment, held in self.plain.items() if held.item not in items or garment % 3 == keep
        }
        self.settle(items)

    @rule()
    def compact(self) -> None:
        self.shards.compact()
        assert sum(block.dead for _, block in self.shards.blocks()) == 0

    @rule(
        seed=st.integers(0, 99),
        tenant=st.sampled_from(TENANTS),
        count=st.integers(1, 60),
        seller=st.sampled_from([None, 1, 2]),
        now=st.sampled_from([0, 100]),
        before=st.sampled_from([None, 5]),
    )
    def search(self, seed: int, tenant: str, count: int, seller: int | None, now: int, before: int | None) -> None:
        query = make_query(make_garment(1000 + seed, dimension=4), make_weights(seed))
        exclusions = Exclusions(tenant_key=tenant_key(tenant), seller_key=seller, now=now, published_before=before)
        found = self.shards.nearest(query, exclusions, count)
        expected: dict[int, float] = {}
        for garment, held in self.plain.items():
            mask = mask_bits(MASKS[garment % len(MASKS)])
            weights = np.where(mask, query.weights.values, 0.0)
            total = float(weights.sum())
            allowed = (
                TENANTS[held.item % 2] == tenant
                and held.seller != seller
                and held.disabled_until <= now
                and (before is None or held.published < before)
            )
            if not allowed or total <= 0 or total < query.least_weight - 1e-9:
                continue
            theirs = make_embeddings(garment, MASKS[garment % len(MASKS)], 4).vectors
            sides = (query.embeddings.vectors, query.mirrored.vectors)
            expected[garment] = max(float((weights * (ours * theirs).sum(axis=1)).sum()) / total for ours in sides)
        best = sorted(expected.values(), reverse=True)[:count]
        np.testing.assert_allclose(found.scores, best, atol=2e-3)
        assert len(set(found.garment_ids.tolist())) == len(found)
        for garment, score in zip(found.garment_ids.tolist(), found.scores.tolist(), strict=True):
            assert abs(expected[garment] - score) < 2e-3

    @invariant()
    def as_many_as_the_dict_holds(self) -> None:
        if hasattr(self, "shards"):
            assert len(self.shards) == len(self.plain)


TestShardHistories = ShardHistories.TestCase
TestShardHistories.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
