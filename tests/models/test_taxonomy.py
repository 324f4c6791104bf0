"""Categories, slots, channels."""

import pytest

from models.taxonomy import (
    LANDMARK_CHANNELS,
    Category,
    RegionName,
    WeightGroup,
    mirror_channels,
    slot_index,
    slots_of,
    taxonomy_hash,
)

SLOT_COUNTS = [25, 33, 31, 39, 15, 15, 10, 14, 8, 29, 37, 19, 19]


def test_slot_counts_are_those_of_the_data_set() -> None:
    """DeepFashion2's 13 categories carry 294 landmarks (its evaluation code, index table)."""
    assert [len(slots_of(category)) for category in Category] == SLOT_COUNTS
    assert sum(SLOT_COUNTS) == 294


@pytest.mark.parametrize("category", Category)
def test_mirroring_a_slot_twice_gives_it_back(category: Category) -> None:
    """Swap pairs are pairs: the flip list has no holes (public lists have two)."""
    slots = slots_of(category)
    assert all(slots[slot.mirror - 1].mirror == slot.number for slot in slots)


def test_every_channel_is_used_and_mirrors_onto_a_channel() -> None:
    """81 channels, each the flip of exactly one."""
    used = {slot.channel for category in Category for slot in slots_of(category)}
    assert used == set(range(LANDMARK_CHANNELS))
    assert [mirror_channels()[c] for c in mirror_channels()] == list(range(LANDMARK_CHANNELS))


@pytest.mark.parametrize("category", Category)
def test_no_two_slots_of_a_category_share_a_channel(category: Category) -> None:
    """Otherwise one heatmap would have to hold two peaks."""
    channels = [slot.channel for slot in slots_of(category)]
    assert len(set(channels)) == len(channels)


def test_outwear_opens_at_the_front_top_not_at_the_neck() -> None:
    """The data set's figure swaps numbers 2 and 4 of short sleeve outwear; its OKS constants tell the truth."""
    slots = slots_of(Category.SHORT_SLEEVE_OUTWEAR)
    assert slots[1].mirror == 6
    assert slots[3].mirror == 26
    assert slot_index(Category.SHORT_SLEEVE_OUTWEAR)["front_top_L"] == 3


def test_vests_and_slings_weigh_like_t_shirts() -> None:
    """product.md, "Weight groups"."""
    assert Category.VEST.group is Category.SLING.group is WeightGroup.T_SHIRT
    assert Category.SKIRT.is_bottom


def test_only_sleeves_swap_in_a_mirror() -> None:
    """The torso keeps its names."""
    assert RegionName.LEFT_SLEEVE.mirrored is RegionName.RIGHT_SLEEVE
    assert RegionName.CHEST.mirrored is RegionName.CHEST


def test_the_hash_names_this_taxonomy() -> None:
    """Shipped weights carry this hash; a change here must be meant."""
    assert taxonomy_hash() == "5401b2834c5c"
