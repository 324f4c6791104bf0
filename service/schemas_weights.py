"""What the routes of region weights answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from index.weight_history import WeightSource, WeightVersion
from models.taxonomy import RegionName, WeightGroup
from models.weight_trial import Losses, Outcome, PairCounts, WeightTrial
from models.weighting import RegionWeights
from service.schemas import VersionsOut


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class WeightVersionOut(_Out):
    """A version of a group's weights, which sum to 1; `key_id` is null where no key was needed.

    `report` says why: a `reason`, the version gone back `to`, or the losses of what was learnt.
    """

    group: WeightGroup
    version: str
    weights: dict[RegionName, float]
    source: WeightSource
    at: datetime
    key_id: str | None
    report: dict[str, Any]

    @staticmethod
    def of(version: WeightVersion) -> WeightVersionOut:
        return WeightVersionOut(**version_fields(version))


class WeightsOut(_Out):
    """The weights in force; `table_version` is what answers carry as `versions.weights`, for all groups together."""

    group: WeightGroup
    version: str
    weights: dict[RegionName, float]
    source: WeightSource
    at: datetime
    table_version: str


class SetWeightsOut(WeightVersionOut):
    """The version that was made; answers carry `table_version` as `versions.weights` from now on."""

    table_version: str


class WeightHistoryOut(_Out):
    """A group's versions, latest first; the first of all pages is in force. `next_cursor` as `cursor` for more."""

    group: WeightGroup
    versions: list[WeightVersionOut]
    next_cursor: str | None


class PairCountsOut(_Out):
    """Pairs judged copies, and pairs judged none."""

    copies: int
    look_alikes: int

    @staticmethod
    def of(counts: PairCounts) -> PairCountsOut:
        return PairCountsOut(copies=counts.copies, look_alikes=counts.look_alikes)


class LossesOut(_Out):
    """Under the weights in force and under the learnt ones."""

    before: float
    after: float

    @staticmethod
    def of(losses: Losses | None) -> LossesOut | None:
        return None if losses is None else LossesOut(before=round(losses.before, 6), after=round(losses.after, 6))


class HalfOut(_Out):
    """One half of a group's decisions; `needed` is how many more pairs it takes, `loss` null as long as any are."""

    pairs: PairCountsOut
    needed: PairCountsOut
    loss: LossesOut | None


class LearntGroupOut(_Out):
    """What became of a group; `version` is the one in force now. `reason` and `message` say why it was not promoted."""

    group: WeightGroup
    promoted: bool
    reason: str | None
    message: str
    version: str
    old_version: str
    old_weights: dict[RegionName, float]
    new_weights: dict[RegionName, float] | None
    learning: HalfOut
    held_out: HalfOut


class DecidedPairOut(_Out):
    """A pair as it was kept: its group (that of a), and S under the weights that were in force."""

    group: WeightGroup
    score: float
    mirrored: bool


class LearnOut(_Out):
    """What was kept and what was learnt from all decisions so far; groups without any are left out."""

    pairs: list[DecidedPairOut]
    groups: list[LearntGroupOut]
    versions: VersionsOut
    timings_ms: dict[str, float]


def version_fields(version: WeightVersion) -> dict[str, Any]:
    """The fields of `WeightVersionOut`."""
    return {
        "group": version.group,
        "version": version.version,
        "weights": weights_out(version.weights),
        "source": version.source,
        "at": version.at,
        "key_id": version.key_id,
        "report": dict(version.report),
    }


def weights_out(weights: RegionWeights) -> dict[RegionName, float]:
    return {name: round(value, 6) for name, value in weights.as_dict().items()}


def trial_report(trial: WeightTrial) -> dict[str, Any]:
    """What the history keeps of the trial that new weights won."""
    halves = {"learning": (trial.learnt_from, trial.learning_loss), "held_out": (trial.held_out, trial.held_out_loss)}
    return {
        name: PairCountsOut.of(counts).model_dump() | {"loss": loss.model_dump() if loss else None}
        for name, (counts, losses) in halves.items()
        for loss in (LossesOut.of(losses),)
    }


MESSAGES = {
    Outcome.BETTER: "the loss fell on pairs that were not learnt from",
    Outcome.NOTHING_LEARNT: "no step made the loss fall: the weights in force fit these pairs already",
    Outcome.NO_BETTER: "the loss fell where it was learnt and not on the pairs held out",
}
