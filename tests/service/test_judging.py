"""A garment's hits are judged as each other's crowd."""

from __future__ import annotations

import numpy as np

from index.types import Hit, ItemDetails
from models.background import Cohort
from models.taxonomy import WeightGroup
from models.weighting import RegionWeights, WeightTable
from service.judging import Rules, judge_hits, weigh_hits
from service.schemas import MatchOut
from service.verdict import Verdict
from tests.factories import make_garment
from tests.policies import make_policy

EQUAL = RegionWeights.equal()
TABLE = WeightTable("equal", dict.fromkeys(WeightGroup, EQUAL))
RULES = Rules(TABLE, make_policy(crowd={"level": -2.0, "most": 30.0}), Cohort.empty())


def hit(item: str, cosine: float, number: int = 1) -> Hit:
    """A registered garment all of whose regions have this cosine."""
    return Hit(
        item, f"{item}-1", number, cosine, mirrored=False, cosines=np.full(5, cosine, np.float32),
        colour_shifts=np.zeros(5, np.float32), garment=make_garment(1), photo_sha256=f"{number:064x}",
        details=ItemDetails(),
    )  # fmt: skip


def judged(hits: list[Hit]) -> list[MatchOut]:
    return judge_hits(weigh_hits(make_garment(2), hits, RULES), EQUAL, RULES, None)


def test_a_garment_that_five_items_resemble_alike_is_no_copy() -> None:
    """And one of them among strangers is."""
    many = judged([hit(f"knit-{n}", 0.9, n) for n in range(5)])
    alone = judged([hit("knit", 0.9), *(hit(f"o-{n}", 0.1, n) for n in range(5))])
    assert not any(match.verdict.is_copy for match in many)
    assert {warning.code for match in many for warning in match.warnings} == {"many_alike"}
    assert alone[0].verdict is Verdict.DESIGN_COPY


def test_an_item_found_twice_is_one_of_the_crowd() -> None:
    """By its regions and by its print: it is not charged for itself."""
    hits = [hit("knit", 0.9, n) for n in range(5)]
    assert judged(hits)[0].verdict is Verdict.DESIGN_COPY
