"""What is fixed before any training: region odds of every group, hand-set weights, the plans and their digests."""

from dataclasses import replace

from models.benchmark.methods import HAND_SET
from models.benchmark.sets import HARD, NEGATIVE, PUBLISHED, STANDARD, STRONG, UNIFORM, edit_odds, plan_digest
from models.taxonomy import REGIONS, WeightGroup
from models.weighting import read_weight_table


def test_every_group_but_bottoms_has_odds_for_every_region() -> None:
    """Nothing is left to a default, so the files are the whole truth."""
    assert set(edit_odds()) == {group.value for group in WeightGroup} - {"bottom"}
    for odds in edit_odds().values():
        assert set(odds) == {name.value for name in REGIONS}
        assert min(odds.values()) > 0


def test_hand_set_weights_are_uniform_over_what_is_named() -> None:
    """As the paper's participants were told nothing finer."""
    for weights in read_weight_table(HAND_SET).groups.values():
        assert len({round(value, 6) for value in weights.values if value > 0}) == 1


def test_copies_have_two_regions_at_most_and_hard_negatives_three_at_least() -> None:
    """PS-Net's definition of a plagiarised garment; negatives are photographed as hard as the copies beside them."""
    assert STANDARD.most == HARD.fewest == HARD.most == 2
    assert NEGATIVE.fewest == 3
    assert NEGATIVE.hardness == HARD.hardness


def test_the_strong_set_is_the_hard_one_seen_from_further_aside() -> None:
    """Harder than in training too: the frozen hard set is gentler than the standard one; with edits seen nowhere."""
    assert replace(STRONG, name=HARD.name, hardness=HARD.hardness, every_edit=False) == HARD
    assert STRONG.every_edit
    assert STRONG.hardness > STANDARD.hardness > HARD.hardness


def test_some_copies_are_of_another_category() -> None:
    """The paper's ground truth may be a short-sleeved copy of a long-sleeved garment."""
    assert HARD.other_category > 0
    assert STANDARD.other_category > 0


def test_a_uniform_prior_changes_nothing_else() -> None:
    """Or what weights gain under it could not be compared."""
    for plan, uniform in zip((STANDARD, HARD), UNIFORM, strict=True):
        assert replace(uniform, name=plan.name, uniform=False) == plan


def test_what_was_made_under_another_plan_is_made_anew() -> None:
    """Files of copies are kept under the digest of their plan."""
    plans = (*PUBLISHED, NEGATIVE, *UNIFORM, replace(HARD, hardness=2.0))
    assert len({plan_digest(plan) for plan in plans}) == len(plans)
    assert plan_digest(STANDARD) == plan_digest(replace(STANDARD))


def test_hard_negatives_are_in_the_way_of_hard_copies_alone() -> None:
    """Under a uniform prior as under the odds of the file."""
    assert [plan.among_negatives for plan in (*PUBLISHED, *UNIFORM)] == [False, True, True, False, True]
