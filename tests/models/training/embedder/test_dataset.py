"""Shelf, studio and batches on drawn T-shirts: what the network is taught is what it is told."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.taxonomy import REGIONS, RegionName
from models.training.data.readers import Fold, JudgedPair
from models.training.data.region_edits import EditedPhoto, alter_regions, edits_for, every_edit_for
from models.training.embedder import dataset
from models.training.embedder.dataset import (
    Studio,
    TripletBatches,
    View,
    draw_alterations,
    epoch_batches,
    mirrored,
)
from models.training.embedder.evaluate import Floats, measure, prepare_trial
from models.training.embedder.shelf import GarmentShelf
from tests.models.training.embedder.conftest import PLAN


def test_the_same_step_renders_the_same_batch(shelf: GarmentShelf) -> None:
    """A run can be interrupted and repeated."""
    first, second = (TripletBatches(shelf, Studio(shelf, PLAN, 1), PLAN, [], 1, 0)[1] for _ in range(2))
    assert first.crops.equal(second.crops)
    assert first.boxes.equal(second.boxes)


def test_a_batch_holds_three_views_of_each_training_garment_and_one_is_altered(shelf: GarmentShelf) -> None:
    """Original, plain copy, partial copy; calibration garments never appear."""
    (batch, _) = epoch_batches(TripletBatches(shelf, Studio(shelf, PLAN, 1), PLAN, [], 1, 0), workers=0)
    assert batch.crops.shape == (9, 3, 288, 288)
    assert set(batch.garments.tolist()) <= set(shelf.numbers(Fold.TRAIN))
    altered = batch.altered.sum(dim=1).reshape(3, 3)
    assert altered[:, :2].sum() == 0
    assert ((altered[:, 2] >= 1) & (altered[:, 2] <= 2)).all()


def test_landmark_maps_lie_under_their_regions(shelf: GarmentShelf) -> None:
    """A sleeve's marks fall into the sleeve's box, in whatever pose it was photographed."""
    view = Studio(shelf, PLAN, 1).copy(0, (), np.random.default_rng(4))
    for rendered in (view, mirrored(view)):
        x1, y1, x2, y2 = (rendered.boxes[RegionName.LEFT_SLEEVE.row] / 8).astype(int)
        marks = rendered.maps.max(axis=0)
        assert marks[max(0, y1) : y2 + 1, max(0, x1) : x2 + 1].max() > 0.3
        assert rendered.boxes[RegionName.LEFT_SLEEVE.row][0] < rendered.boxes[RegionName.RIGHT_SLEEVE.row][0]


def test_strangers_of_one_contributor_meet_where_the_plan_asks_for_them(shelf: GarmentShelf) -> None:
    """Numbers 0, 2 and 4 are one contributor's, 1 and 3 another's; no colour neighbour is taken here."""
    plan = replace(PLAN, garments_a_batch=4, neighbours=0, same_contributor=2)
    drawn = [TripletBatches(shelf, Studio(shelf, plan, 1), plan, [], seed, 0)[0] for seed in range(6)]
    chosen = [batch.garments[::3].tolist() for batch in drawn]
    assert {numbers[0] % 2 for numbers in chosen} == {0, 1}
    assert all(numbers[1] % 2 == numbers[0] % 2 for numbers in chosen)


def test_later_edits_are_drawn_where_the_plan_asks_for_them(
    shelf: GarmentShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not otherwise: one edit more in the draw would change every copy of every seed."""
    asked: list[object] = []

    def noted(*given: object, kinds_for: object, **others: Any) -> EditedPhoto:
        asked.append(kinds_for)
        return alter_regions(*given, kinds_for=kinds_for, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(dataset, "alter_regions", noted)
    for plan in (PLAN, replace(PLAN, every_edit=True)):
        Studio(shelf, plan, 1).copy(0, [RegionName.CHEST], np.random.default_rng(0))
    assert asked == [edits_for, every_edit_for]


def test_mirroring_a_view_twice_gives_it_back(shelf: GarmentShelf) -> None:
    """Crop, maps, boxes and names."""
    view = Studio(shelf, PLAN, 1).copy(1, [RegionName.LEFT_SLEEVE], np.random.default_rng(0))
    assert mirrored(view).altered[RegionName.RIGHT_SLEEVE.row]
    twice = mirrored(mirrored(view))
    assert np.array_equal(twice.crop, view.crop)
    assert np.array_equal(twice.maps, view.maps)
    assert twice.boxes == pytest.approx(view.boxes, abs=1e-3)


def test_one_or_two_regions_that_are_there_are_altered(shelf: GarmentShelf) -> None:
    """Never a missing one."""
    boxes = np.ones((5, 4), np.float32)
    boxes[3:] = 0
    drawn = [draw_alterations(boxes, np.random.default_rng(seed)) for seed in range(30)]
    assert {len(names) for names in drawn} == {1, 2}
    assert {name for names in drawn for name in names} == set(REGIONS[:3])


def test_pairs_judged_alike_meet_and_pairs_judged_the_same_share_a_design(shelf: GarmentShelf) -> None:
    """Both from pairs.csv; a pair with a photo that is not on the shelf is passed over."""
    pairs = [
        JudgedPair("0.jpg", "1.jpg", "similar"),
        JudgedPair("2.jpg", "3.jpg", "colourway"),
        JudgedPair("0.jpg", "x", "same"),
    ]
    assert shelf.look_alikes(pairs) == {0: [1], 1: [0]}
    designs = shelf.designs(pairs)
    assert designs[2] == designs[3]
    assert len(set(designs)) == len(designs) - 1


def test_an_oracle_finds_every_original_and_one_who_sees_no_difference_finds_none(shelf: GarmentShelf) -> None:
    """Recall and separation are counted right."""
    trial = prepare_trial(shelf, copies=3)
    assert set(trial.query_numbers.tolist()) == set(shelf.numbers(Fold.CALIBRATION))

    def oracle(views: Sequence[View]) -> Floats:
        numbers = trial.gallery_numbers if views is trial.gallery else trial.query_numbers
        rows = np.zeros((len(views), 5, 16), np.float32)
        for row, (view, number) in enumerate(zip(views, numbers, strict=True)):
            rows[row, np.arange(5), np.where(view.altered, 15, number)] = 1
        return rows

    figures = measure(trial, oracle)
    assert figures["top1"] == 1.0
    altered = {name for view in trial.queries for name in REGIONS if view.altered[name.row]}
    assert altered
    assert {name for name in REGIONS if figures.get(f"{name}_auc") == 1.0} == altered
    blind = measure(trial, lambda views: np.ones((len(views), 5, 1), np.float32))
    assert blind["top1"] == 0.0
    assert max(blind.get(f"{name}_auc", 0.0) for name in REGIONS) == 0.0


def test_photos_left_out_are_not_asked_for(shelf: GarmentShelf) -> None:
    """Those that an int8 form was calibrated on would say too much for it."""
    first, *others = shelf.numbers(Fold.CALIBRATION)
    asked = prepare_trial(shelf, copies=1, left_out={shelf[first].photo})
    assert asked.query_numbers.tolist() == others


def test_a_share_of_the_garments_is_part_of_a_larger_share(shelf: GarmentShelf) -> None:
    """And all of them at 1; what is left out is not drawn."""
    whole = shelf.numbers(Fold.TRAIN)
    half, most = (set(shelf.numbers(Fold.TRAIN, share)) for share in (0.5, 0.8))
    assert shelf.numbers(Fold.TRAIN, 1.0) == whole
    assert half <= most <= set(whole) and half != set(whole)
    assert shelf.numbers(Fold.TRAIN, 0.0) == []
