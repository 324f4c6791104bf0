"""A drawn photo through the whole line, again and again: bytes → decoding → networks → search → verdict, on its own
thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import numpy as np
import structlog

from index.errors import CatalogueError
from index.registry import Registry
from index.types import Hit, Query
from models.errors import ModelsError
from models.evidence import CANDIDATES
from models.runtime.describe import Describer
from models.types import DescribedGarment
from models.weighting import RegionWeights
from service.compare import compare_garments
from service.decoding.decoders import PhotoDecoder
from service.judging import Rules, judge_hits, weigh_hits
from service.observability import Metrics
from service.verdict import Verdict, judge

log = structlog.get_logger()

_LEAST_COSINE = 0.99
"""How alike the same photo must be seen every time; engines differ between batch sizes by less."""
_AGAIN_AFTER_S = 2.0
"""A line that failed is looked at again soon."""


class Canary:
    """Knows since the start what is to be seen in the photo and how it is judged beside itself, and notices when it is
    seen or judged otherwise.

    Raises ImageError where `photo` is none, InvalidValue where the rules' cohort is of other networks; `garment` is
    None where the models saw nothing in it, then search and verdict of an empty line are left out.
    """

    def __init__(self, photo: bytes, describer: Describer, decoder: PhotoDecoder, rules: Rules) -> None:
        self._photo = photo
        self._describer = describer
        self._decoder = decoder
        self._rules = rules
        self._failure: str | None = None
        self.garment = self._look()
        self.verdict = None if self.garment is None else self._judge(self.garment, self.garment, [])
        if self.garment is None:
            log.warning("canary_not_seen", models=describer.models_version)

    @property
    def failure(self) -> str | None:
        """Why the photo did not come through the last time, None where it did."""
        return self._failure

    def search(self, registry: Registry) -> None:
        """Search for the garment as it was seen at the start. Raises CatalogueError."""
        if self.garment is not None:
            self._search(self.garment, registry, most=1)

    def run(self, registry: Registry) -> str | None:
        """The whole line once; why it failed, None where it did not."""
        try:
            return self._changed(self._look(), registry)
        except (CatalogueError, ModelsError) as error:
            return str(error)
        except Exception as error:
            log.error("canary_failed", exc_info=error)
            return f"{type(error).__name__}: {error}"

    async def keep_running(self, registry: Registry, every_s: float, within_s: float, metrics: Metrics) -> None:
        """For ever: once every `every_s`, sooner after a failure. A line that hangs has failed."""
        metrics.canary(None, 0.0)
        while True:
            await asyncio.sleep(every_s if self._failure is None else min(every_s, _AGAIN_AFTER_S))
            started = time.monotonic()
            running = asyncio.ensure_future(asyncio.to_thread(self.run, registry))
            done, _ = await asyncio.wait({running}, timeout=within_s)
            self._told(running.result() if done else f"no answer within {within_s:g} s", started, metrics)
            if not done:
                # One that hangs is waited for: more of them would only hold more threads.
                self._told(await running, started, metrics)

    def _told(self, failure: str | None, started: float, metrics: Metrics) -> None:
        if failure is not None and self._failure is None:
            log.error("canary_failed", reason=failure)
        self._failure = failure
        metrics.canary(failure, time.monotonic() - started)

    def _changed(self, garment: DescribedGarment | None, registry: Registry) -> str | None:
        """What is not as it was at the start."""
        if (garment is None) != (self.garment is None):
            return "the canary's garment is not seen as it was at the start"
        if garment is None or self.garment is None:
            return None
        cosines = (garment.embeddings.vectors * self.garment.embeddings.vectors).sum(axis=1)
        if not (cosines[self.garment.embeddings.visible] >= _LEAST_COSINE).all():
            return f"the canary's embedding has drifted to a cosine of {np.min(cosines):.2f}"
        verdict = self._judge(garment, self.garment, self._search(garment, registry, CANDIDATES))
        if verdict is not self.verdict:
            return f"the canary is judged {verdict} beside itself, at the start it was {self.verdict}"
        return None

    def _look(self) -> DescribedGarment | None:
        garments = self._describer.describe(self._decoder.decode(self._photo)).garments
        return garments[0] if garments else None

    def _search(self, garment: DescribedGarment, registry: Registry, most: int) -> Sequence[Hit]:
        weights, version = RegionWeights.equal(), self._describer.models_version
        return registry.search(Query(garment.embeddings, garment.mirrored, weights, version, top_k=most))

    def _judge(self, garment: DescribedGarment, itself: DescribedGarment, hits: Sequence[Hit]) -> Verdict:
        """What is found is judged as a check judges it; the answer is the verdict on the garment beside itself, which
        is the same whatever is registered, and whatever weights are in force: these are the shipped ones."""
        rules = self._rules
        weights = rules.weights_of(garment.detection.category.group, None)
        judge_hits(weigh_hits(garment, hits, rules), weights, rules, None)
        return judge(compare_garments(garment, itself, weights, rules.cohort), weights, rules.policy).verdict
