"""`POST /weights/learn` behind the wire: keep what moderators decided, learn from it all, take what proves better."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from index.decisions import Decision, DecisionLog
from index.errors import ItemNotFound
from index.registry import Registry
from index.types import CatalogueItem
from index.weight_history import WeightHistory, WeightVersion
from models.evidence import Evidence
from models.held_out import choose_held_out
from models.taxonomy import WeightGroup
from models.weight_trial import LEAST_HELD_OUT, LEAST_LEARNT, Outcome, WeightTrial, try_weights
from service.access.keys import Caller
from service.access.tenancy import TenantCatalogue
from service.capacity import Capacity, Lane
from service.disk import DiskGuard
from service.errors import FieldProblem, InvalidField, NoGarmentFound
from service.images import PhotoReader
from service.judged_pairs import (
    JudgedPhoto,
    Measured,
    decision_on,
    evidence_of,
    measure,
    photo_sent,
    photos_of_item,
)
from service.requests_weights import LearnFields, PairFields
from service.rules_in_force import RulesInForce
from service.schemas import VersionsOut
from service.schemas_weights import (
    MESSAGES,
    DecidedPairOut,
    HalfOut,
    LearnOut,
    LearntGroupOut,
    LossesOut,
    PairCountsOut,
    trial_report,
    weights_out,
)

NO_GARMENT = "no garment was found in a photo; nothing was kept"


@dataclass(frozen=True, slots=True)
class WeightLearner:
    """Learns for the whole service, from all decisions that were ever kept; a caller names items of its own alone."""

    reader: PhotoReader
    registry: Registry
    rules: RulesInForce
    history: WeightHistory
    decisions: DecisionLog
    capacity: Capacity
    disk: DiskGuard

    async def learn(self, fields: LearnFields, photos: Mapping[str, bytes], caller: Caller) -> LearnOut:
        """`photos` by the pointer of their side (`/pairs/0/a`). Nothing is kept where one pair cannot be compared.

        Raises ItemNotFound, InvalidField, NoGarmentFound, ReadOnly, and what looking at a photo raises.
        """
        self.disk.require_room()
        started = time.perf_counter()
        rules, version = self.rules.now(), self.reader.models_version
        sides = _Sides(self.reader, TenantCatalogue(self.registry, caller.tenant), self.capacity, photos)
        async with self.capacity.admitted(Lane.BULK):
            measured: list[Measured] = []
            for row, pair in enumerate(fields.pairs):
                both = [await sides.look(pair, row, side) for side in "ab"]
                measured.append(await self.capacity.run(measure, *both, rules))
            decided = [
                decision_on(one, pair.verdict, pair.altered, caller.tenant, caller.key_id, version)
                for one, pair in zip(measured, fields.pairs, strict=True)
            ]
            learning = time.perf_counter()
            groups = await self.capacity.run(self._keep_and_learn, decided, caller.key_id)
        now = time.perf_counter()
        timings = sides.timings_ms | {"learn": (now - learning) * 1e3, "total": (now - started) * 1e3}
        return LearnOut(
            pairs=[_pair_out(one, decision) for one, decision in zip(measured, decided, strict=True)],
            groups=groups,
            versions=VersionsOut.of(self.rules.now().versions(version, self.registry.sequence)),
            timings_ms={stage: round(spent, 2) for stage, spent in timings.items()},
        )

    def _keep_and_learn(self, decided: list[Decision], key_id: str | None) -> list[LearntGroupOut]:
        self.decisions.append(decided)
        known = self.decisions.read(self.reader.models_version)
        evidence, held_out = evidence_of(known), choose_held_out([decision.names for decision in known])
        judged = set(evidence.group.tolist())
        # Bottoms are compared as a whole: there is nothing to weigh.
        groups = [group for group in WeightGroup if group in judged and group is not WeightGroup.BOTTOM]
        answers = [self._learn_group(group, evidence, held_out, key_id) for group in groups]
        self.rules.refresh()
        return answers

    def _learn_group(
        self, group: WeightGroup, evidence: Evidence, held_out: npt.NDArray[np.bool_], key_id: str | None
    ) -> LearntGroupOut:
        old = self.history.in_force().groups[group]
        trial = try_weights(evidence, held_out, group, old.weights)
        promoted = None
        if trial.outcome is Outcome.BETTER and trial.new is not None:
            promoted = self.history.promote(group, trial.new, old.version, key_id, trial_report(trial))
        return _group_out(trial, old, promoted)


@dataclass(frozen=True, slots=True)
class _Sides:
    """What the pairs of one request compare; each item and photo is looked up once."""

    reader: PhotoReader
    catalogue: TenantCatalogue
    capacity: Capacity
    photos: Mapping[str, bytes]
    timings_ms: dict[str, float] = field(default_factory=dict)
    _seen: dict[tuple[str, str | None] | bytes, tuple[JudgedPhoto, ...]] = field(default_factory=dict)

    async def look(self, pair: PairFields, row: int, side: str) -> tuple[JudgedPhoto, ...]:
        """What is to be compared of one side of a pair; it shows a garment."""
        item_id: str | None = getattr(pair, f"item_{side}")
        if item_id is None:
            found = await self._sent(self.photos[f"/pairs/{row}/{side}"])
        else:
            asked = (item_id, getattr(pair, f"photo_{side}"), f"/pairs/{row}/item_{side}")
            found = await self.capacity.run(self._registered, *asked)
        if not found:
            problem = FieldProblem(f"/pairs/{row}/image_{side}", "no garment was found in the photo")
            raise NoGarmentFound(NO_GARMENT, (problem,))
        return found

    async def _sent(self, photo: bytes) -> tuple[JudgedPhoto, ...]:
        if photo not in self._seen:
            looked = await self.reader.look(photo, self.catalogue.tenant)
            for stage, spent in looked.timings_ms.items():
                self.timings_ms[stage] = self.timings_ms.get(stage, 0.0) + spent
            self._seen[photo] = photo_sent(looked.described)
        return self._seen[photo]

    def _registered(self, item_id: str, photo_id: str | None, pointer: str) -> tuple[JudgedPhoto, ...]:
        if (item_id, photo_id) not in self._seen:
            item = self.catalogue.get(item_id)
            if photo_id is not None and photo_id not in {photo.photo_id for photo in item.photos}:
                raise ItemNotFound(f"item {item_id!r} has no photo {photo_id!r}")
            found = photos_of_item(item, self.reader.models_version, photo_id)
            if not found:
                self._refuse(item, photo_id, pointer)
            self._seen[item_id, photo_id] = found
        return self._seen[item_id, photo_id]

    def _refuse(self, item: CatalogueItem, photo_id: str | None, pointer: str) -> NoReturn:
        """These models saw no garment in an item's photos, or the record shows what other models saw."""
        asked = [photo for photo in item.photos if photo_id in (None, photo.photo_id)]
        if all(photo.models_version == self.reader.models_version for photo in asked):
            problem = FieldProblem(pointer, "the models in use saw no garment in its photos: leave the pair out")
            raise NoGarmentFound(NO_GARMENT, (problem,))
        # What these models saw besides is searched, but it is the item's own only when the other is dropped.
        run = "run `selvedge index reembed`, then" if self.catalogue.stats().undescribed else "run"
        raise InvalidField.at(
            pointer,
            f"is known as other models saw it: {run} `selvedge index reembed --drop-old` once no service with those "
            "models runs",
        )


def _group_out(trial: WeightTrial, old: WeightVersion, promoted: WeightVersion | None) -> LearntGroupOut:
    reason: str | None = None if promoted is not None else trial.outcome.value
    message = MESSAGES.get(trial.outcome) or _needed(trial)
    if promoted is None and trial.outcome is Outcome.BETTER:
        reason, message = "changed_meanwhile", "the weights in force were changed meanwhile: learn again"
    return LearntGroupOut(
        group=trial.group,
        promoted=promoted is not None,
        reason=reason,
        message=message,
        version=(promoted or old).version,
        old_version=old.version,
        old_weights=weights_out(trial.old),
        new_weights=None if trial.new is None else weights_out(trial.new),
        learning=HalfOut(
            pairs=PairCountsOut.of(trial.learnt_from),
            needed=PairCountsOut.of(trial.learnt_from.lacking(LEAST_LEARNT)),
            loss=LossesOut.of(trial.learning_loss),
        ),
        held_out=HalfOut(
            pairs=PairCountsOut.of(trial.held_out),
            needed=PairCountsOut.of(trial.held_out.lacking(LEAST_HELD_OUT)),
            loss=LossesOut.of(trial.held_out_loss),
        ),
    )


def _needed(trial: WeightTrial) -> str:
    to_learn, to_decide = trial.learnt_from.lacking(LEAST_LEARNT), trial.held_out.lacking(LEAST_HELD_OUT)
    return (
        f"more pairs are needed: {to_learn.copies} copies and {to_learn.look_alikes} look-alikes to learn from, "
        f"{to_decide.copies} copies and {to_decide.look_alikes} look-alikes held out"
    )


def _pair_out(measured: Measured, decision: Decision) -> DecidedPairOut:
    score, mirrored = measured.resemblance.score, measured.resemblance.mirrored
    return DecidedPairOut(group=decision.group, score=round(score, 4), mirrored=mirrored)
