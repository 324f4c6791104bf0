"""Decisions on items that other models described first: refused with the words that help, or learnt from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

from index.catalogue import Catalogue
from index.generations import Description
from service.cli.reembedding import reembed_all
from service.settings import Settings
from tests.factories import make_new_photo
from tests.fakes import FakeDescriber
from tests.journeys.conftest import add, served, settings_for
from tests.photos import photo

NEWER = "fake-models-2"
PAIR = {"item_a": "SKU-1", "item_b": "SKU-2", "verdict": "clear"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a service on a record that the tests reach."""
    return settings_for(tmp_path, database_url=f"sqlite:///{tmp_path / 'record.sqlite'}")


async def register(settings: Settings) -> None:
    """By the older models: an item of one photo, and one of two."""
    async with served(settings) as client:
        for item_id, seed in (("SKU-1", 1), ("SKU-2", 2), ("SKU-2", 3)):
            assert (await add(client, item_id, photo(seed))).status_code == 201


def reembed(settings: Settings, unseen: Iterable[tuple[str, int]] = (), *, drop_old: bool = True) -> None:
    """As the command does, by the newer models, which see no garment in some photos: (item, which of its photos)."""
    catalogue = Catalogue(str(settings.database_url))
    numbers: dict[str, list[int]] = {}
    for one in catalogue.undescribed(NEWER, 0, 10):
        numbers.setdefault(one.item_id, []).append(one.number)
    catalogue.describe(NEWER, [Description(numbers[item_id][at], (), 0) for item_id, at in unseen])
    reembed_all(settings, catalogue, FakeDescriber(NEWER), lambda: None, skip_failed=False)
    if drop_old:
        assert catalogue.drop_other_descriptions(NEWER) == 3
    catalogue.close()


async def learn(settings: Settings, before: Callable[[], None] = lambda: None, **changes: str) -> httpx.Response:
    """What a service of the newer models answers."""
    async with served(settings, FakeDescriber(NEWER)) as client:
        before()
        answer = await client.post("/weights/learn", json={"pairs": [PAIR | changes]})
        if answer.status_code != 200:
            assert (await client.post("/weights/learn", json={"pairs": []})).json()["groups"] == []
        return answer


async def test_photos_without_a_garment_are_passed_by(settings: Settings) -> None:
    """The item's other photo is compared."""
    await register(settings)
    reembed(settings, [("SKU-2", 0)])
    answer = await learn(settings)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["pairs"]) == 1


@pytest.mark.parametrize("unseen", [[("SKU-1", 0)], [("SKU-2", 0), ("SKU-2", 1)]])
async def test_an_item_without_a_garment_is_refused_by_name(settings: Settings, unseen: list[tuple[str, int]]) -> None:
    """On either side, and nothing is kept."""
    await register(settings)
    reembed(settings, unseen)
    answer = await learn(settings)
    assert (answer.status_code, answer.json()["code"]) == (422, "no_garment"), answer.text
    (problem,) = told(answer)
    assert problem["pointer"] == ("/pairs/0/item_a" if unseen[0][0] == "SKU-1" else "/pairs/0/item_b")
    assert "models in use saw no garment" in problem["message"]


async def test_before_the_old_is_dropped_the_answer_says_to_drop_it(settings: Settings) -> None:
    """Registering anew would change nothing."""
    await register(settings)
    reembed(settings, drop_old=False)
    (problem,) = told(await learn(settings))
    assert problem["pointer"] == "/pairs/0/item_a"
    assert ": run `selvedge index reembed --drop-old` once no service with those models runs" in problem["message"]


async def test_where_something_is_not_described_yet_the_answer_says_to_describe_it_first(settings: Settings) -> None:
    """A service of other models still registers."""
    await register(settings)
    reembed(settings)

    def register_elsewhere() -> None:
        catalogue = Catalogue(str(settings.database_url))
        catalogue.add(make_new_photo(9, models_version="older"))
        catalogue.close()

    (problem,) = told(await learn(settings, register_elsewhere, item_a="SKU-9"))
    assert "run `selvedge index reembed`, then `selvedge index reembed --drop-old`" in problem["message"]


def told(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 422, answer.text
    return list(answer.json()["errors"])
