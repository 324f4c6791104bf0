"""The region-wise triplet loss: what pulls, what pushes, and what is left alone."""

import pytest
import torch
from torch import Tensor

from models.training.embedder.dataset import Studio, TripletBatches
from models.training.embedder.network import EmbedderDesign, PsNet
from models.training.embedder.objective import (
    Margins,
    NegativeMemory,
    RegionTriplets,
    Views,
    soft_triplets,
    spared_scores,
)
from models.training.embedder.shelf import GarmentShelf
from tests.models.training.embedder.conftest import PLAN

LIMITS = Margins()


def views(garments: list[int], altered: list[tuple[int, int]] = (), missing: list[tuple[int, int]] = ()) -> Views:  # type: ignore[assignment]
    """Views of these garments; `altered` and `missing` name (view, region)."""
    count = len(garments)
    boxes = torch.tensor([10.0, 10.0, 50.0, 50.0]).repeat(count, 5, 1)
    marks = torch.zeros(count, 5, dtype=torch.bool)
    for view, region in altered:
        marks[view, region] = True
    for view, region in missing:
        boxes[view, region] = 0
    numbers = torch.tensor(garments)
    return Views(torch.zeros(count, 3, 1, 1), torch.zeros(count, 1, 1, 1), boxes, marks, numbers, numbers)


def unit(rows: Tensor) -> Tensor:
    return torch.nn.functional.normalize(rows, dim=-1)


def total(rows: Tensor, batch: Views) -> float:
    return float(sum(RegionTriplets(LIMITS).losses(rows, batch).values()))  # type: ignore[arg-type]


def distinct(garments: list[int]) -> Tensor:
    """Perfect rows: each garment its own axis in every region."""
    return torch.eye(8)[torch.tensor(garments)][:, None].repeat(1, 5, 1)


def test_perfect_rows_cost_next_to_nothing_and_random_ones_much() -> None:
    """Equal within a garment, orthogonal between garments."""
    garments = [0, 0, 1, 1, 2, 2]
    torch.manual_seed(0)
    assert total(distinct(garments), views(garments)) < 0.01
    assert total(unit(torch.randn(6, 5, 8)), views(garments)) > 0.3


def test_an_altered_region_should_lie_apart_and_the_others_together() -> None:
    """The copy whose altered region still agrees costs more than the one where it does not."""
    garments = [0, 0, 1, 1]
    batch = views(garments, altered=[(1, 2)])
    unmoved, moved = distinct(garments), distinct(garments)
    moved[1, 2] = torch.eye(8)[7]
    assert total(moved, batch) < total(unmoved, batch) - 0.05


def test_gradients_push_an_altered_region_away_and_pull_an_agreeing_one() -> None:
    """Descending the loss lowers the one cosine and raises the other."""
    torch.manual_seed(3)
    anchor = unit(torch.randn(1, 5, 8))
    copy = unit(anchor + 0.3 * torch.randn(1, 5, 8))
    rows = torch.cat([anchor, copy, unit(torch.randn(2, 5, 8))]).requires_grad_()
    batch = views([0, 0, 1, 1], altered=[(1, 2)])
    losses = RegionTriplets(Margins(garment_share=0.0, spared_share=0.0)).losses(rows, batch)
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert rows.grad is not None
    stepped = unit(rows.detach() - 0.1 * rows.grad)
    before, after = (rows[0] * rows[1]).sum(-1), (stepped[0] * stepped[1]).sum(-1)
    assert after[2] < before[2]
    assert (after[[0, 1, 3, 4]] > before[[0, 1, 3, 4]]).all()


def test_missing_regions_teach_nothing() -> None:
    """Whatever their rows say."""
    garments = [0, 0, 1, 1]
    batch = views(garments, missing=[(1, 4), (3, 4)])
    rows, other = distinct(garments), distinct(garments)
    other[[1, 3], 4] = torch.eye(8)[6]
    assert total(rows, batch) == pytest.approx(total(other, batch), abs=1e-6)


def test_a_pair_judged_the_same_design_is_no_stranger() -> None:
    """Photos of one design with equal rows are not pushed apart."""
    garments = [0, 0, 1, 1]
    batch = views(garments)
    same = Views(batch.crops, batch.maps, batch.boxes, batch.altered, batch.garments, torch.zeros(4, dtype=torch.long))
    rows = distinct([0, 0, 0, 0])
    assert total(rows, same) < 0.01 < total(rows, batch)


def test_remembered_strangers_push_too_until_they_are_forgotten() -> None:
    """The memory holds the newest views and none with an alteration."""
    memory = NegativeMemory(3)
    objective = RegionTriplets(LIMITS, memory)
    garments = [0, 0]
    rows = distinct(garments)
    alone = float(sum(objective.losses(rows, views(garments)).values()))
    memory.remember(distinct([0, 0]), torch.ones(2, 5, dtype=torch.bool), torch.tensor([5, 5]))
    crowded = float(sum(objective.losses(rows, views(garments)).values()))
    memory.remember(distinct([3, 3, 3]), torch.ones(3, 5, dtype=torch.bool), torch.tensor([6, 6, 6]))
    assert alone < crowded
    assert memory.designs.tolist() == [6, 6, 6]


def test_the_soft_maximum_is_led_by_the_hardest_negative() -> None:
    """A stranger nearer than the positive costs about its excess plus the margin."""
    cosines = torch.tensor([[1.0, 0.5, 0.8, -0.9]])
    positive = torch.tensor([[False, True, False, False]])
    negative = torch.tensor([[False, False, True, True]])
    cost = float(soft_triplets(cosines, positive, negative, margin=0.1, temperature=0.02))
    assert cost == pytest.approx(0.8 - 0.5 + 0.1, abs=0.01)
    assert float(soft_triplets(cosines, positive, negative & False, 0.1, 0.02)) < 1e-6


def test_the_spared_score_is_the_mean_of_the_three_best_compared_regions() -> None:
    """Two compared regions are averaged, none gives 0."""
    cosines = torch.tensor([0.9, 0.1, 0.8, 0.7, 0.2])[:, None, None]
    everything = torch.ones(5, 1, 1, dtype=torch.bool)
    assert float(spared_scores(cosines, everything)) == pytest.approx(0.8)
    two = torch.tensor([True, True, False, False, False])[:, None, None]
    assert float(spared_scores(cosines, two)) == pytest.approx(0.5)
    assert float(spared_scores(cosines, ~everything)) == 0


def test_a_stranger_with_three_agreeing_regions_costs_more_than_one_with_two() -> None:
    """Verdicts rest on the regions that agree best, so that is what a stranger must not have."""
    garments = [0, 0, 1, 1]
    limits = Margins(garment_share=0.0, absolute_share=0.0)
    apart = distinct(garments)
    two, three = apart.clone(), apart.clone()
    two[2:, :2], three[2:, :3] = apart[:1, :2], apart[:1, :3]
    costs = [float(RegionTriplets(limits).losses(rows, views(garments))["spared"]) for rows in (two, three)]
    assert costs[0] < 0.01 < costs[1]


def test_without_labels_every_row_of_a_copy_is_a_positive() -> None:
    """Stripes and global vectors are not told what was altered, or which regions there are."""
    batch = views([0, 0, 1], altered=[(1, 2)], missing=[(0, 3)])
    rows = distinct([0, 1, 2])

    class Fixed(torch.nn.Module):
        def forward(self, *_: Tensor) -> Tensor:
            return rows

    blind = RegionTriplets(LIMITS, labelled=False)(Fixed(), batch)
    told = RegionTriplets(LIMITS).losses(rows, views([0, 0, 1]))
    assert {name: float(loss) for name, loss in blind.items()} == pytest.approx(
        {name: float(loss) for name, loss in told.items()}
    )


def test_the_embedders_loss_stays_where_its_network_lies(shelf: GarmentShelf) -> None:
    """What is made elsewhere cannot be reckoned with it; the second batch meets the memory of the first."""
    network = PsNet(EmbedderDesign(width=16, dimension=8), pretrained=False).train()
    objective = RegionTriplets(Margins(), NegativeMemory(24))
    batches = TripletBatches(shelf, Studio(shelf, PLAN, 1), PLAN, [], 1, 0)
    met = [batches[step] for step in range(2)]
    with torch.device("meta"):
        losses = [objective(network, batch) for batch in met]
    assert {loss.device.type for named in losses for loss in named.values()} == {"cpu"}
