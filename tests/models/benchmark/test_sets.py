"""What is fixed before any training: region odds of every group, hand-set weights, a digest of both plans."""

from models.benchmark.run import HAND_SET
from models.benchmark.sets import HARD, NEGATIVE, STANDARD, edit_odds, plans_digest
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
    """PS-Net's definition of a plagiarised garment."""
    assert STANDARD.most == HARD.fewest == HARD.most == 2
    assert NEGATIVE.fewest == 3
    assert len(plans_digest()) == 8
