"""Ablations: one recipe but for the design, each trained, exported and served in seconds at a debug size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.geometry import Box
from models.preprocessing import crop_garment
from models.regions import locate_regions
from models.runtime.embedder import RegionEmbedder
from models.runtime.session import OnnxSession
from models.training.checkpoint import load_exported
from models.training.embedder.ablation import DESIGNS, Ablation, Point, recipe_of, train_ablation
from models.training.embedder.shelf import GarmentShelf
from models.training.embedder.train import EmbedderRecipe, build_network
from models.training.fit import Schedule
from models.types import Detection, Image
from tests.models.training.data.drawn_garments import t_shirt
from tests.models.training.embedder.conftest import PLAN


def debug_recipe(ablation: Ablation) -> EmbedderRecipe:
    """Two steps of a narrow network."""
    design = replace(DESIGNS[ablation], width=16, dimension=12)
    schedule = Schedule(epochs=1, learning_rate=1e-3, warmup_steps=1)
    return replace(recipe_of(ablation), design=design, plan=PLAN, schedule=schedule, memory=8, workers=0, distractors=2)


def test_ablations_differ_in_nothing_but_their_design() -> None:
    """Photos, epochs, rates, seed and dimension in all are the same."""
    recipes = [recipe_of(ablation) for ablation in Ablation]
    assert len({recipe.design for recipe in recipes}) == 4
    assert len({replace(recipe, design=recipes[0].design) for recipe in recipes}) == 1
    lengths = {(1 if recipe.design.row_width == 640 else 5) * recipe.design.row_width for recipe in recipes}
    assert lengths == {640}


def test_a_point_of_a_curve_changes_one_thing() -> None:
    """Fewer garments, more epochs, a narrower or a more frozen network; as it is, nothing."""
    shipped = recipe_of(Ablation.FULL)
    assert recipe_of(Ablation.FULL, point=Point()) == shipped
    assert recipe_of(Ablation.FULL, point=Point(share=0.25)) == replace(shipped, plan=replace(shipped.plan, share=0.25))
    narrow = replace(shipped, design=replace(shipped.design, dimension=32, frozen_stages=17))
    assert recipe_of(Ablation.FULL, point=Point(dimension=32, frozen_stages=17)) == narrow
    assert recipe_of(Ablation.FULL, seed=7, point=Point(epochs=9)).schedule.epochs == 9


@pytest.mark.parametrize("ablation", list(Ablation))
def test_an_ablation_trains_and_is_served_as_any_embedder(
    ablation: Ablation, shelf: GarmentShelf, tmp_path: Path
) -> None:
    """Through the serving class, so that the benchmark treats all alike."""
    manifest = train_ablation(shelf, tmp_path, tmp_path / "out", debug_recipe(ablation))
    embedder = RegionEmbedder(OnnxSession(tmp_path / "out" / "embedder.onnx", threads=1), manifest)
    picture = t_shirt()
    marks = picture.landmarks
    garment = crop_garment(Image(picture.pixels, "0" * 64), Detection(Box(26, 36, 230, 238), marks.category, 0.9))
    ((seen, _),) = embedder.embed([garment], [marks], [locate_regions(marks, picture.width, picture.height)])
    assert seen.vectors.shape == (5, 60 if ablation is Ablation.TRADITIONAL else 12)
    assert np.allclose(seen.vectors, seen.vectors[0]) == (ablation is Ablation.TRADITIONAL)


def test_ablations_may_start_from_the_trunk_of_another_design(shelf: GarmentShelf, tmp_path: Path) -> None:
    """Its heads stay fresh, its trunk is the other's."""
    train_ablation(shelf, tmp_path, tmp_path / "full", debug_recipe(Ablation.FULL))
    source = tmp_path / "full" / "embedder.onnx"
    network = build_network(debug_recipe(Ablation.PCB).design, pretrained=False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    load_exported(source, network, part="trunk.")
    changed = {name.split(".")[0] for name, tensor in network.state_dict().items() if not tensor.equal(before[name])}
    assert changed == {"trunk"}
    manifest = train_ablation(shelf, tmp_path, tmp_path / "pcb", debug_recipe(Ablation.PCB), trunk=source)
    assert manifest.training.started_from.startswith("trunk of embedder.onnx")


@pytest.mark.parametrize("frozen", [0, 17])
def test_a_trunk_is_taken_over_whatever_part_of_it_learns(shelf: GarmentShelf, tmp_path: Path, frozen: int) -> None:
    """A point of the curves freezes more or less of it than the network that it comes from."""
    recipe = debug_recipe(Ablation.FULL)
    train_ablation(shelf, tmp_path, tmp_path / "full", recipe)
    other = replace(recipe, design=replace(recipe.design, frozen_stages=frozen))
    manifest = train_ablation(shelf, tmp_path, tmp_path / "point", other, trunk=tmp_path / "full" / "embedder.onnx")
    assert manifest.training.recipe["design"]["frozen_stages"] == frozen
    source, network = tmp_path / "full" / "embedder.onnx", build_network(other.design, pretrained=False)
    load_exported(source, network, part="trunk.")
    reference = build_network(recipe.design, pretrained=False)
    load_exported(source, reference, part="trunk.")
    same = zip(network.trunk.parameters(), reference.trunk.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in same)
