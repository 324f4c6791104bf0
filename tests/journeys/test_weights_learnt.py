"""Weights learnt over HTTP from drawn garments, seen by the shipped networks: taken, and refused."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.held_out import choose_held_out
from service.bootstrap import load_describer
from service.demo.catalogue import demo_scene
from service.demo.designs import Cloth, GarmentDesign, Graphic, Motif, Print
from service.demo.renderer import render, rephotographed
from service.demo.wardrobe import CREAM, GREY, PLUM, TEAL, WARDROBE
from tests.journeys.conftest import add, served
from tests.journeys.test_real_models import MISSING, WEIGHTS_DIR, real_settings

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"no weights in {WEIGHTS_DIR}: {', '.join(MISSING)}")

ORIGINALS, OTHERS = 4, 3
"""Photos of each original, and of each copy and look-alike of it."""


@dataclass(frozen=True, slots=True)
class Family:
    """An original, a copy of it with other sleeves, and a look-alike with its collar and sleeves and nothing else."""

    name: str
    held_out: bool
    original: GarmentDesign
    copy: GarmentDesign
    look_alike: GarmentDesign

    def items(self) -> list[tuple[str, GarmentDesign]]:
        counted = ((self.original, "a", ORIGINALS), (self.copy, "b", OTHERS), (self.look_alike, "c", OTHERS))
        return [(f"{self.name}-{kind}{n}", design) for design, kind, count in counted for n in range(count)]

    def pairs(self, *, turned_round: bool = False) -> list[dict[str, Any]]:
        """Every copy and every look-alike beside every original, as a moderator judges them, or just the opposite."""
        kinds = {"b": "partial_copy", "c": "similar"}
        if turned_round:
            kinds = {"b": "similar", "c": "partial_copy"}
        return [
            {"item_a": f"{self.name}-{kind}{n}", "item_b": f"{self.name}-a{m}", "verdict": verdict}
            for kind, verdict in kinds.items()
            for n, m in itertools.product(range(OTHERS), range(ORIGINALS))
        ]


def family(design_name: str, *, held_out: bool) -> Family:
    """Of a demo design, under a name whose hash puts it on the wanted side."""
    original = next(design for design in WARDROBE if design.name == design_name)
    names = (f"{design_name}-{n}" for n in itertools.count())
    name = next(name for name in names if choose_held_out([(f"item:default/{name}-a0",)])[0] == held_out)
    return Family(
        name,
        held_out,
        original,
        replace(original, sleeve_cloth=Cloth((CREAM, PLUM), Print.STRIPED, 0.1)),
        replace(
            original,
            graphic=Graphic(Motif.BLOCKS, (CREAM, PLUM, TEAL, GREY), 0.5),
            waist_cloth=Cloth((GREY, TEAL), Print.CHECKED, 0.2),
        ),
    )


async def register(client: httpx.AsyncClient, families: list[Family]) -> None:
    seeds = itertools.count(1)
    for one in families:
        for item_id, design in one.items():
            scene = replace(rephotographed(demo_scene(0), next(seeds)), width=360, height=432)
            answer = await add(client, item_id, render(design, scene).jpeg(), category="short_sleeve_top")
            assert answer.status_code == 201, answer.text


async def learn(client: httpx.AsyncClient, pairs: list[dict[str, Any]]) -> dict[str, Any]:
    answer = await client.post("/weights/learn", json={"pairs": pairs})
    assert answer.status_code == 200, answer.text
    (group,) = answer.json()["groups"]
    assert isinstance(group, dict)
    return group


async def test_weights_are_taken_only_where_pairs_held_out_agree(tmp_path: Path) -> None:
    """Sleeves tell nothing here. Who says the opposite of the pairs held out is not followed; who says the same is."""
    families = [
        family("sunset-tee", held_out=False), family("cat-tee", held_out=False), family("summit-tee", held_out=True),
    ]  # fmt: skip
    settings = real_settings(tmp_path)
    async with served(settings, load_describer(settings)) as client:
        await register(client, families)
        shipped = (await client.get("/weights/t_shirt")).json()
        judged = [pair for one in families for pair in one.pairs(turned_round=one.held_out)]
        refused = await learn(client, judged)
        assert (refused["promoted"], refused["reason"]) == (False, "no_better_on_held_out"), refused
        assert refused["learning"]["loss"]["after"] < refused["learning"]["loss"]["before"]
        assert refused["held_out"]["loss"]["after"] >= refused["held_out"]["loss"]["before"]
        assert (await client.get("/weights/t_shirt")).json() == shipped

        taken = await learn(client, families[-1].pairs())
        assert taken["promoted"], taken
        for half in ("learning", "held_out"):
            assert taken[half]["loss"]["after"] < taken[half]["loss"]["before"], half
        assert taken["old_version"] == shipped["version"]
        in_force = (await client.get("/weights/t_shirt")).json()
        assert (in_force["version"], in_force["source"]) == (taken["version"], "learned")
        assert in_force["weights"] == taken["new_weights"]
        assert in_force["weights"]["left_sleeve"] < shipped["weights"]["left_sleeve"]
        (latest, *_) = (await client.get("/weights/t_shirt/versions")).json()["versions"]
        assert latest["report"]["held_out"]["loss"] == taken["held_out"]["loss"]

        again = await learn(client, [])
        assert (again["promoted"], again["reason"]) == (False, "nothing_learnt")
