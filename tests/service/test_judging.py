"""A garment's hits are judged as each other's crowd."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from index.types import Hit, ItemDetails
from models.background import Cohort
from models.taxonomy import RegionName, WeightGroup
from models.types import RegionEmbeddings
from models.weighting import RegionWeights, WeightTable
from service.errors import InvalidField
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


def on_the_blank(item: str, number: int, chest: int) -> Hit:
    """A registered garment that agrees with the query but on the chest, where it has a vector of its own."""
    garment = make_garment(1)
    vectors = garment.embeddings.vectors.copy()
    vectors[RegionName.CHEST.row] = np.eye(vectors.shape[1])[chest]
    cosines = np.full(5, 0.95, np.float32)
    cosines[RegionName.CHEST.row] = 0.1
    other = replace(garment, embeddings=RegionEmbeddings(vectors, garment.embeddings.colours))
    return replace(hit(item, 0.95, number), garment=other, cosines=cosines)


def test_another_print_on_a_blank_of_many_prints_is_no_copy() -> None:
    """On the blank of one registered print it may be the print that was replaced; the warning says why not here."""
    rules = replace(RULES, policy=make_policy(crowd=None))

    def verdicts(hits: list[Hit]) -> list[tuple[Verdict, list[str]]]:
        weighed = weigh_hits(make_garment(2), hits, rules)
        matches = judge_hits(weighed, EQUAL, rules, None)
        return [(match.verdict, [warning.code for warning in match.warnings]) for match in matches]

    prints = [on_the_blank(f"print-{n}", n, chest=n) for n in range(4)]
    assert verdicts(prints) == [(Verdict.SIMILAR, ["shared_blank"])] * 4
    assert verdicts(prints[:1]) == [(Verdict.PARTIAL_COPY, [])]
    in_colours = [on_the_blank(f"colour-{n}", n, chest=1) for n in range(4)]
    assert verdicts(in_colours) == [(Verdict.PARTIAL_COPY, [])] * 4


def altered(item: str, kept: float, number: int) -> Hit:
    """A registered garment that agrees with the query but on the chest, where they have nothing in common."""
    cosines = np.full(5, kept, np.float32)
    cosines[RegionName.CHEST.row] = -0.2
    return replace(hit(item, float(cosines.mean()), number), cosines=cosines)


def test_the_original_of_an_altered_copy_stands_before_a_look_alike_with_a_better_score() -> None:
    """Four regions that agree and one that was altered say more than five that are alike; where the caller weighs
    regions himself, his score decides."""
    hits = [hit("look-alike", 0.75, 1), altered("original", 0.95, 2)]
    assert hits[0].score > hits[1].score
    assert [one.hit.item_id for one in weigh_hits(make_garment(2), hits, RULES)] == ["original", "look-alike"]
    by_score = weigh_hits(make_garment(2), hits, RULES, by_score=True)
    assert [one.hit.item_id for one in by_score] == ["look-alike", "original"]


def test_a_hit_of_which_no_region_was_compared_stands_last() -> None:
    """Strangers have evidence against them, and it has none."""
    unseen = replace(hit("print", 0.0, 2), cosines=np.full(5, np.nan, np.float32))
    hits = [unseen, hit("stranger", 0.1, 1)]
    assert [one.hit.item_id for one in weigh_hits(make_garment(2), hits, RULES)] == ["stranger", "print"]


@pytest.mark.parametrize("most", [25, 60])
def test_a_longer_list_changes_nothing_of_a_shorter_one(most: int) -> None:
    """Neither the order nor what a match is judged beside: crowd and blank are those of the first twenty."""
    in_colours = [on_the_blank(f"colour-{n:02}", n, chest=1) for n in range(18)]
    prints = [on_the_blank(f"print-{n:02}", 20 + n, chest=2 + n) for n in range(42)]
    hits = [replace(one, score=0.95 - place / 200) for place, one in enumerate([*in_colours, *prints])]
    hits[45] = replace(hits[45], cosines=np.full(5, 0.95, np.float32))
    shorter, longer = weigh_hits(make_garment(2), hits[:40], RULES), weigh_hits(make_garment(2), hits, RULES, most)
    assert (len(shorter), len(longer)) == (20, most)
    assert [one.hit.item_id for one in longer[:20]] == [one.hit.item_id for one in shorter]
    assert [one.beside for one in longer[:20]] == [one.beside for one in shorter]
    assert judge_hits(longer[:20], EQUAL, RULES, None) == judge_hits(shorter, EQUAL, RULES, None)


def test_a_bottom_weighs_its_waist_alone() -> None:
    """Whatever a table says of regions that it does not have."""
    equal = replace(RULES, weights=WeightTable("equal", dict.fromkeys(WeightGroup, EQUAL)))
    assert equal.weights_of(WeightGroup.BOTTOM, None).as_dict()[RegionName.WAIST] == 1
    assert equal.weights_of(WeightGroup.T_SHIRT, None) is EQUAL
    with pytest.raises(InvalidField):
        equal.weights_of(WeightGroup.BOTTOM, {RegionName.WAIST: 0.0})


def test_only_the_foremost_are_judged_and_what_a_print_found_beside_them() -> None:
    """However many were looked for."""
    hits = [hit(f"item-{n:02}", 0.9 - n / 100, n) for n in range(40)]
    weighed = weigh_hits(make_garment(2), hits, RULES, 3, kept={30})
    assert [one.hit.item_id for one in weighed] == ["item-00", "item-01", "item-02", "item-30"]
    assert weigh_hits(make_garment(2), [], RULES) == []
