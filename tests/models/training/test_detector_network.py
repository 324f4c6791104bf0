"""Faster R-CNN as a whole: it learns, it exports, and serving sees what training saw."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from models.manifest import Manifest, TrainingRecord
from models.runtime.detector import GarmentDetector
from models.runtime.session import OnnxSession
from models.taxonomy import Category, taxonomy_hash
from models.training.detector.evaluate import NetworkSession
from models.training.detector.export import write_graph
from models.training.detector.network import Architecture, GarmentFasterRCNN
from models.training.detector.objective import detector_objective, label_of
from models.types import Image

SMALL = Architecture(side=160, pyramid_width=16, head_width=32, candidates=60, proposals=20)


@pytest.fixture
def network() -> GarmentFasterRCNN:
    torch.manual_seed(3)
    return GarmentFasterRCNN(SMALL, pretrained=False)


def targets() -> list[dict[str, torch.Tensor]]:
    vest = label_of(frozenset({Category.VEST}))
    return [
        {"boxes": torch.tensor([[20.0, 30.0, 120.0, 140.0]]), "labels": torch.tensor([vest])},
        {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)},
    ]


def learn(network: GarmentFasterRCNN, steps: int) -> list[float]:
    """Train on one batch; the sum of the losses at each step."""
    batch = (torch.randn(2, 3, 160, 160), targets())
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-3)
    network.train()
    sums = []
    for _ in range(steps):
        loss = torch.stack(list(detector_objective(network, batch).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums.append(loss.item())
    return sums


def test_every_loss_is_finite_and_reaches_the_trunk(network: GarmentFasterRCNN) -> None:
    """A picture with a garment and one without train together."""
    losses = detector_objective(network.train(), (torch.randn(2, 3, 160, 160), targets()))
    assert set(losses) == {"loss_objectness", "loss_rpn_box_reg", "category", "box"}
    torch.stack(list(losses.values())).sum().backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    grads = [p.grad for p in network.trunk.parameters() if p.requires_grad]
    assert grads and all(g is not None and torch.isfinite(g).all() for g in grads[:5])


def test_a_few_steps_on_one_picture_lower_its_losses(network: GarmentFasterRCNN) -> None:
    """The wiring learns: targets, matching, sampling and gradients belong together."""
    sums = learn(network, steps=12)
    assert np.mean(sums[-3:]) < 0.8 * np.mean(sums[:3])


def test_boxes_lie_in_the_picture_and_scores_are_probabilities(network: GarmentFasterRCNN) -> None:
    """`infer` always answers with the same shapes."""
    with torch.inference_mode():
        scores, boxes = network.eval().infer(torch.randn(3, 3, 160, 160))
    assert scores.shape == (3, 20, 13) and boxes.shape == (3, 20, 4)
    assert (scores >= 0).all() and (scores.sum(dim=2) <= 1 + 1e-5).all()
    assert (boxes >= 0).all() and (boxes <= 160).all()


def test_a_picture_is_seen_the_same_in_any_company(network: GarmentFasterRCNN, tmp_path: Path) -> None:
    """Proposals and their overlaps are each picture's own; in the exported file and in other batches too."""
    learn(network, steps=6)
    pictures = torch.randn(3, 3, 160, 160, generator=torch.Generator().manual_seed(5))
    write_graph(network, tmp_path / "detector.onnx")
    session = OnnxSession(tmp_path / "detector.onnx")
    for run in (NetworkSession(network).run, session.run):
        together = run({"pictures": pictures.numpy()})
        for row in range(3):
            alone = run({"pictures": pictures[row : row + 1].numpy()})
            for shared, own in zip(together, alone, strict=True):
                np.testing.assert_allclose(shared[row], own[0], atol=1e-3)


def test_the_exported_file_detects_what_the_network_does(network: GarmentFasterRCNN, tmp_path: Path) -> None:
    """Through the serving class, ONNX Runtime and torch agree; weights are stored in half precision."""
    learn(network, steps=6)  # an untrained one scores all proposals alike, and rounding decides their order
    path = tmp_path / "detector.onnx"
    write_graph(network, path)
    halves = [t for t in onnx.load(path).graph.initializer if t.data_type == onnx.TensorProto.FLOAT16]
    assert len(halves) > 30
    manifest = Manifest(
        name="detector", version="1", file=path.name, sha256="0" * 64, taxonomy=taxonomy_hash(),
        inputs={"pictures": ["batch", 3, 160, 160]}, outputs=["scores", "boxes"],
        mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2),
        training=TrainingRecord(recipe={}, data="", seed=1, wall_time_s=0, started_from=""), quality={},
        extra={"side": 160, "least_confidence": 0.0, "most_overlap": 0.6, "most_garments": 10},
    )  # fmt: skip
    photo = Image(np.random.default_rng(0).integers(0, 256, (200, 150, 3)).astype(np.uint8), "0" * 64)
    # Compared with the same rounded weights: what is tested is the graph, not the rounding.
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.numel() >= 512:
                parameter.copy_(parameter.half().float())
    served = GarmentDetector(OnnxSession(path), manifest).detect(photo)
    trained = GarmentDetector(NetworkSession(network), manifest).detect(photo)
    assert served and len(served) == len(trained)
    for a, b in zip(served, trained, strict=True):
        assert a.category is b.category
        assert a.confidence == pytest.approx(b.confidence, abs=1e-4)
        assert a.box.as_array() == pytest.approx(b.box.as_array(), abs=0.05)


def test_the_box_head_tells_a_long_garment_from_a_short_one(network: GarmentFasterRCNN) -> None:
    """RoIAlign makes every proposal a square; its proportions reach the head beside it."""
    head = network.heads.box_head
    torch.nn.init.normal_(head.shape.weight)
    same_pixels = torch.ones(2, 16, 7, 7)
    long, short = head(same_pixels, torch.tensor([[0.0, 0.0, 50.0, 150.0], [0.0, 0.0, 50.0, 60.0]]), 160)
    assert not torch.allclose(long, short)
