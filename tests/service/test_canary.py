"""A photo through the whole line: what breaks anywhere on it shows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from index.errors import IndexUnavailable
from index.registry import Registry
from models.background import Cohort
from models.preprocessing import ImageLimits
from models.taxonomy import Category, WeightGroup
from models.types import DescribedPhoto, Image
from models.weighting import RegionWeights, WeightTable
from service import canary as canary_module
from service.bootstrap import draw_canary, load_describer, load_rules
from service.canary import Canary
from service.decoding.decoders import InProcessDecoder
from service.decoding.process import DecodeLimits
from service.errors import PolicyError
from service.judging import Rules, judge_hits
from service.observability import Metrics
from service.verdict import Verdict
from tests.factories import make_new_photo, make_photo_bytes
from tests.fakes import FAKE_MODELS, FakeDescriber
from tests.journeys.conftest import served, settings_for
from tests.journeys.test_real_models import MISSING, real_settings
from tests.photos import draw_pattern, one_colour, photo
from tests.policies import make_policy

RULES = Rules(WeightTable("equal", dict.fromkeys(WeightGroup, RegionWeights.equal())), make_policy(), Cohort.empty())
DECODER = InProcessDecoder(DecodeLimits(ImageLimits(), 100, 5.0, 2_000_000_000))


class Changing(FakeDescriber):
    """Sees what it is told to see, whatever the photo shows."""

    def __init__(self) -> None:
        self.sees: int | None = 1
        self.error: Exception | None = None
        self.takes_s = 0.0

    def describe(self, image: Image, category: Category | None = None) -> DescribedPhoto:
        time.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        pixels = np.full((300, 240, 3), 9, np.uint8) if self.sees is None else draw_pattern(self.sees)
        return super().describe(Image(pixels, image.sha256), category)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = Registry(f"sqlite:///{tmp_path / 'catalogue.sqlite'}", tmp_path, FAKE_MODELS)
    opened.start()
    yield opened
    opened.close()


def test_a_line_that_sees_the_same_again_is_well(registry: Registry) -> None:
    """Also with a photo in which nothing was seen at the start."""
    assert Canary(photo(1), FakeDescriber(), DECODER, RULES).run(registry) is None
    assert Canary(one_colour(), FakeDescriber(), DECODER, RULES).run(registry) is None


@pytest.mark.parametrize(
    ("sees", "error", "reason"),
    [(2, None, "drifted"), (None, None, "not seen"), (1, RuntimeError("CUDA error"), "RuntimeError: CUDA error")],
)
def test_a_line_that_changed_is_not(registry: Registry, sees: int | None, error: Exception | None, reason: str) -> None:
    """Other embeddings, no garment, an engine's own error."""
    describer = Changing()
    canary = Canary(photo(1), describer, DECODER, RULES)
    describer.sees, describer.error = sees, error
    assert reason in (canary.run(registry) or "")


def test_the_search_is_part_of_the_line(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that cannot be read is told."""
    canary = Canary(photo(1), FakeDescriber(), DECODER, RULES)

    def fail(_query: object) -> None:
        raise IndexUnavailable("the disk is gone")

    monkeypatch.setattr(registry, "search", fail)
    assert canary.run(registry) == "the disk is gone"


def test_the_verdict_is_part_of_the_line(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found is judged by the policy; a photo that is no longer judged as at the start, beside itself, is told,
    and so is a judge who cannot go on."""
    canary = Canary(photo(1), FakeDescriber(), DECODER, RULES)
    assert canary.garment is not None
    itself = make_new_photo(1, garments=(canary.garment,), models_version=FAKE_MODELS)
    registry.add(itself, make_photo_bytes(1))
    judged: list[int] = []
    monkeypatch.setattr(
        canary_module, "judge_hits", lambda weighed, *rest: judged.append(len(judge_hits(weighed, *rest)))
    )
    assert (canary.run(registry), canary.verdict, judged) == (None, Verdict.IMAGE_COPY, [1])
    canary.verdict = Verdict.CLEAR
    assert canary.run(registry) == "the canary is judged image_copy beside itself, at the start it was clear"

    def fail(*_asked: object) -> None:
        raise PolicyError("no threshold")

    monkeypatch.setattr(canary_module, "judge_hits", fail)
    assert canary.run(registry) == "PolicyError: no threshold"


@pytest.mark.skipif(bool(MISSING), reason=f"no weights: {', '.join(MISSING)}")
def test_the_shipped_networks_and_policy_see_and_judge_the_shipped_canary(tmp_path: Path) -> None:
    """A garment is seen in it, a registered one is found, and it is itself's image copy every time."""
    settings = real_settings(tmp_path)
    describer = load_describer(settings)
    canary = Canary(draw_canary(), describer, DECODER, load_rules(settings))
    assert canary.garment is not None
    opened = Registry(f"sqlite:///{tmp_path / 'catalogue.sqlite'}", tmp_path, describer.models_version)
    opened.start()
    itself = make_new_photo(1, garments=(canary.garment,), models_version=describer.models_version)
    opened.add(itself, make_photo_bytes(1))
    assert (canary.run(opened), canary.verdict) == (None, Verdict.IMAGE_COPY)
    opened.close()
    describer.close()


async def test_a_line_that_hangs_has_failed_until_it_comes_back(registry: Registry) -> None:
    """Told after the limit, not when it ends."""
    describer, metrics = Changing(), Metrics()
    canary = Canary(photo(1), describer, DECODER, RULES)
    describer.takes_s = 0.3
    running = asyncio.create_task(canary.keep_running(registry, 0.01, 0.05, metrics))
    async with asyncio.timeout(30):
        while "no answer within 0.05 s" not in (canary.failure or ""):
            await asyncio.sleep(0.005)
        assert b"selvedge_canary_up 0.0" in metrics.exposition()
        describer.takes_s = 0.0
        while canary.failure is not None:
            await asyncio.sleep(0.005)
    assert b"selvedge_canary_up 1.0" in metrics.exposition()
    running.cancel()


async def test_readiness_follows_the_canary(tmp_path: Path) -> None:
    """503 with the reason once the models see something else, 200 again when they are well."""
    describer = Changing()
    async with served(settings_for(tmp_path, canary={"every_s": 0.02}), describer) as client:
        describer.error = RuntimeError("CUDA error")
        async with asyncio.timeout(30):
            while (answer := await client.get("/readyz")).status_code == 200:
                await asyncio.sleep(0.01)
            assert (answer.status_code, "CUDA error" in answer.json()["models"]) == (503, True)
            assert "selvedge_ready 0.0" in (await client.get("/metrics")).text
            describer.error = None
            while (answer := await client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.01)
        assert answer.json()["models"] == "ok"
