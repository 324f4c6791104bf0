"""PsNet: unit vectors for regions that are there, attention that can be switched off, a graph that serves alike."""

import numpy as np
import pytest
import torch

from models.taxonomy import RegionName
from models.training.embedder.network import EmbedderDesign, LandmarkAttention, Pooling, PsNet
from models.training.embedder.train import build_network

SMALL = EmbedderDesign(width=16, dimension=12)


def fed(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noise with five boxes; the last garment has no left sleeve."""
    torch.manual_seed(seed)
    boxes = torch.tensor(
        [[80, 20, 140, 60], [60, 60, 160, 120], [60, 120, 160, 200], [10, 50, 60, 110], [150, 50, 210, 110.0]]
    )
    boxes = boxes.repeat(count, 1, 1)
    boxes[-1, RegionName.LEFT_SLEEVE.row] = 0
    return torch.randn(count, 3, 288, 288), torch.rand(count, 81, 36, 36), boxes


@pytest.fixture
def network() -> PsNet:
    torch.manual_seed(1)
    return build_network(SMALL, pretrained=False).eval()


def test_each_region_has_a_unit_vector_and_a_missing_one_zeros(network: PsNet) -> None:
    """As `RegionEmbeddings` demands."""
    with torch.inference_mode():
        lengths = network(*fed(2)).norm(dim=2)
    assert lengths[0] == pytest.approx(np.ones(5), abs=1e-4)
    assert lengths[1, RegionName.LEFT_SLEEVE.row] == 0


def test_a_garments_vectors_do_not_depend_on_its_batch(network: PsNet) -> None:
    """The same garment alone and among others."""
    crops, maps, boxes = fed(3)
    with torch.inference_mode():
        together, alone = network(crops, maps, boxes)[:1], network(crops[:1], maps[:1], boxes[:1])
    assert torch.allclose(together, alone, atol=1e-4)


def test_attention_keeps_features_within_a_half_and_one_and_a_half() -> None:
    """F' = F∘(½ + A) with A in 0..1."""
    torch.manual_seed(2)
    features, maps = torch.rand(1, 16, 28, 28) + 0.1, torch.rand(1, 81, 28, 28) * 50
    ratio = (LandmarkAttention(16)(features, maps) / features).detach()
    assert 0.5 <= float(ratio.min()) < float(ratio.max()) <= 1.5


def test_landmark_maps_matter_only_with_attention(network: PsNet) -> None:
    """The ablation's switch: without attention, other landmarks change nothing."""
    crops, maps, boxes = fed(1)
    torch.manual_seed(1)
    blind = build_network(EmbedderDesign(width=16, dimension=12, attention=False), pretrained=False).eval()
    with torch.inference_mode():
        assert torch.equal(blind(crops, maps, boxes), blind(crops, maps * 0, boxes))
        assert not torch.equal(network(crops, maps, boxes), network(crops, maps * 0, boxes))


def test_what_lies_in_a_box_moves_its_own_region_most(network: PsNet) -> None:
    """RoIAlign looks where the landmarks say."""
    crops, maps, boxes = fed(2)
    boxes = boxes[:1]
    crops = crops[:1]
    painted = crops.clone()
    painted[:, :, 125:195, 65:155] = 2.0
    with torch.inference_mode():
        cosines = (network(crops, maps[:1], boxes) * network(painted, maps[:1], boxes)).sum(dim=2)[0]
    assert int(cosines.argmin()) == RegionName.WAIST.row


@pytest.mark.parametrize("pooling", [Pooling.WHOLE, Pooling.STRIPES])
def test_baselines_see_neither_landmarks_nor_boxes(pooling: Pooling) -> None:
    """Other boxes change nothing, and a missing sleeve leaves no row empty."""
    torch.manual_seed(1)
    design = EmbedderDesign(width=16, dimension=12, attention=False, pooling=pooling)
    network = build_network(design, pretrained=False).eval()
    crops, maps, boxes = fed(2)
    with torch.inference_mode():
        rows = network(crops, maps, boxes)
        assert torch.equal(rows, network(crops, maps * 0, boxes * 0))
    assert rows.shape == (2, 5, design.row_width)
    assert rows.norm(dim=2) == pytest.approx(np.ones((2, 5)), abs=1e-4)


def test_the_global_vector_is_one_and_stripes_are_five() -> None:
    """Every row of the first is the same; a stripe sees what is painted into it most."""
    crops, maps, boxes = fed(1)
    painted = crops.clone()
    painted[:, :, 180:225] = 2.0
    for pooling in (Pooling.WHOLE, Pooling.STRIPES):
        torch.manual_seed(1)
        design = EmbedderDesign(width=16, dimension=12, attention=False, pooling=pooling)
        network = build_network(design, pretrained=False).eval()
        with torch.inference_mode():
            rows, others = network(crops, maps, boxes)[0], network(painted, maps, boxes)[0]
        if pooling is Pooling.WHOLE:
            assert torch.equal(rows[0], rows[4])
        else:
            assert int((rows * others).sum(dim=1).argmin()) == 3


@pytest.mark.parametrize("pooling", [Pooling.WHOLE, Pooling.STRIPES])
def test_the_global_vector_and_stripes_tell_garments_apart_before_they_have_learnt(pooling: Pooling) -> None:
    """Uncentred, all are alike at first, and no triplet says which way to part them."""
    torch.manual_seed(1)
    network = build_network(EmbedderDesign(width=16, dimension=12, attention=False, pooling=pooling), pretrained=False)
    with torch.inference_mode():
        rows_NRD = network.train()(*fed(6))
    for row in range(5):
        cosines = (rows_NRD[:, row] @ rows_NRD[:, row].T)[~torch.eye(6, dtype=torch.bool)]
        assert float(cosines.mean()) < 0.1
