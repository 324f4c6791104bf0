"""Train, stop, go on, export, serve: what is served is what was trained."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import AnotherRun, ModelFileError
from models.geometry import Box
from models.manifest import read_manifest
from models.preprocessing import crop_garment, normalise
from models.regions import locate_regions
from models.runtime.embedder import RegionEmbedder, both_orientations
from models.runtime.session import OnnxSession
from models.training.checkpoint import load_checkpoint, load_exported
from models.training.embedder.dataset import Studio, TripletBatches
from models.training.embedder.export import export_embedder
from models.training.embedder.network import EmbedderDesign
from models.training.embedder.objective import Margins, RegionTriplets
from models.training.embedder.shelf import GarmentShelf
from models.training.embedder.train import EmbedderRecipe, build_network, train_embedder
from models.training.fit import Schedule, seed_everything
from models.types import Detection, Image
from tests.models.training.data.drawn_garments import t_shirt
from tests.models.training.embedder.conftest import PLAN

RECIPE = EmbedderRecipe(
    design=EmbedderDesign(width=16, dimension=12),
    plan=PLAN,
    schedule=Schedule(epochs=1, learning_rate=1e-3, warmup_steps=1),
    memory=8,
    workers=0,
)


@pytest.fixture
def checkpoint(shelf: GarmentShelf, tmp_path: Path) -> Path:
    """One epoch of two steps."""
    train_embedder(shelf, [], tmp_path / "run", RECIPE)
    return tmp_path / "run"


def test_a_finished_run_goes_on_where_it_stopped(shelf: GarmentShelf, checkpoint: Path) -> None:
    """Asked for a second epoch, it trains one more and keeps the history of the first."""
    longer = replace(RECIPE, schedule=replace(RECIPE.schedule, epochs=2))
    _, progress = train_embedder(shelf, [], checkpoint, longer)
    assert progress.epoch == 2
    assert [set(figures) >= {"triplet", "absolute", "garment"} for figures in progress.history] == [True, True]
    assert "top1" in progress.history[1]


def test_a_run_goes_on_with_no_others_checkpoint(shelf: GarmentShelf, checkpoint: Path, tmp_path: Path) -> None:
    """Of another seed, started from another file, or on other garments."""
    with pytest.raises(AnotherRun, match=r"schedule\.seed"):
        train_embedder(shelf, [], checkpoint, replace(RECIPE, schedule=replace(RECIPE.schedule, seed=7)))
    export_embedder(checkpoint, tmp_path / "out", RECIPE, shelf)
    for start in ("warm", "warm_trunk"):
        with pytest.raises(AnotherRun, match=f"{start} is None there"):
            train_embedder(shelf, [], checkpoint, RECIPE, **{start: tmp_path / "out" / "embedder.onnx"})
    entries = json.loads((tmp_path / "shelved.json").read_text())
    (tmp_path / "shelved.json").write_text(json.dumps([*entries[1:], entries[0]]))
    with pytest.raises(AnotherRun, match="photos"):
        train_embedder(GarmentShelf(tmp_path), [], checkpoint, RECIPE)


def test_the_served_file_gives_what_the_network_gives(shelf: GarmentShelf, checkpoint: Path, tmp_path: Path) -> None:
    """Through the serving class, both ways round, alone and in a batch of three; half precision costs a thousandth."""
    manifest = export_embedder(checkpoint, tmp_path / "out", RECIPE, shelf)
    written = read_manifest(tmp_path / "out" / "embedder.json")
    assert written.model_dump_json() == manifest.model_dump_json()
    assert 0 <= manifest.quality["calibration_top1"] <= manifest.quality["calibration_top20"] <= 1
    embedder = RegionEmbedder(OnnxSession(tmp_path / "out" / "embedder.onnx", threads=1), manifest)
    network = build_network(RECIPE.design, pretrained=False)
    load_checkpoint(checkpoint, network)
    network.eval()
    picture = t_shirt()
    marks = picture.landmarks
    garment = crop_garment(Image(picture.pixels, "0" * 64), Detection(Box(26, 36, 230, 238), marks.category, 0.9))
    regions = locate_regions(marks, picture.width, picture.height)
    for count in (1, 3):
        answers = embedder.embed([garment] * count, [marks] * count, [regions] * count)
        fed = both_orientations(garment.crop, garment.to_photo.inverse(), marks, regions)
        for one, served in zip(fed, answers[-1], strict=True):
            crops = torch.from_numpy(normalise(one.crop[None], manifest.mean, manifest.std))
            with torch.inference_mode():
                rows = network(crops, torch.from_numpy(one.maps[None]), torch.from_numpy(one.boxes[None]))[0]
            assert served.vectors == pytest.approx(rows.numpy(), abs=5e-3)


def test_a_run_may_start_from_an_exported_file(shelf: GarmentShelf, checkpoint: Path, tmp_path: Path) -> None:
    """Its weights come back to within half precision; a file of another design is refused."""
    export_embedder(checkpoint, tmp_path / "out", RECIPE, shelf)
    trained, warmed = (build_network(RECIPE.design, pretrained=False) for _ in range(2))
    load_checkpoint(checkpoint, trained)
    load_exported(tmp_path / "out" / "embedder.onnx", warmed)
    for name, tensor in trained.state_dict().items():
        torch.testing.assert_close(warmed.state_dict()[name], tensor, atol=1e-4, rtol=1e-3)
    other = build_network(replace(RECIPE.design, width=24), pretrained=False)
    with pytest.raises(ModelFileError, match=r"embedder\.onnx holds no"):
        load_exported(tmp_path / "out" / "embedder.onnx", other)


def test_one_batch_is_learnt_by_heart(shelf: GarmentShelf) -> None:
    """The wiring learns: views, triplets and gradients belong together."""
    seed_everything(3)
    network = build_network(EmbedderDesign(width=32, dimension=16)).train()
    batch = TripletBatches(shelf, Studio(shelf, PLAN, 3), PLAN, [], 3, 0)[0]
    objective = RegionTriplets(Margins())
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-3)
    sums = []
    for _ in range(12):
        loss = torch.stack(list(objective(network, batch).values())).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        sums.append(float(loss.detach()))
    assert np.mean(sums[-3:]) < 0.6 * np.mean(sums[:3])
