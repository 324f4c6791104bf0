"""The rules that the next answer follows: policy and cohort of this start, region weights as the record has them."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import structlog

from index.errors import CatalogueError
from index.weight_history import WeightHistory
from service.judging import Rules

log = structlog.get_logger()

FOLLOW_EVERY_S = 0.5
"""How soon every process on the record knows of weights that another one changed; asking costs one indexed read."""


class RulesInForce:
    """Follows the record. Whoever answers takes `now()` once and keeps to it, so that no answer mixes two versions.

    While the record is away the weights stay as they were last known.
    """

    def __init__(self, rules: Rules, history: WeightHistory) -> None:
        self._rules = rules
        self._history = history
        self._number = -1
        self._reading = threading.Lock()
        self.refresh()

    def now(self) -> Rules:
        return self._rules

    def refresh(self) -> None:
        """Take over what was changed, by whatever process, before this call. Raises IndexUnavailable."""
        with self._reading:
            if self._history.latest() != self._number:
                found = self._history.in_force()
                self._rules = replace(self._rules, weights=found.table())
                self._number = found.number

    async def keep_following(self, every_s: float = FOLLOW_EVERY_S) -> None:
        """For ever."""
        away = False
        while True:
            await asyncio.sleep(every_s)
            before = self._rules.weights.version
            try:
                await asyncio.to_thread(self.refresh)
            except CatalogueError as error:
                if not away:
                    log.warning("weights_not_followed", error=str(error))
                away = True
                continue
            away = False
            if self._rules.weights.version != before:
                log.info("weights_changed", before=before, now=self._rules.weights.version)
