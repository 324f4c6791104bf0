"""The table of what smaller forms cost and save, and which of them would be worth shipping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from models.manifest import Manifest
from models.runtime.detector import GarmentDetector
from models.runtime.landmarker import LandmarkEstimator
from models.runtime.session import ModelSession
from models.taxonomy import REGIONS
from models.training.data.hand_landmarks import read_key_slots
from models.training.data.readers import Fold, read_garments
from models.training.detector.evaluate import judged_photos, look
from models.training.detector.evaluate import measure as measure_boxes
from models.training.embedder.dataset import Studio
from models.training.embedder.evaluate import measure as measure_copies
from models.training.embedder.evaluate import prepare_trial
from models.training.embedder.export import describe_with_session
from models.training.embedder.shelf import GarmentShelf
from models.training.embedder.train import EmbedderRecipe
from models.training.landmarker.evaluate import cut_garments
from models.training.landmarker.evaluate import measure as measure_points
from models.training.landmarker.recipe import hand_placed
from models.training.trade import Outcome
from models.training.variants import Variant

LOWER_IS_BETTER = ("mean_error", "false_boxes")
MOST_LOST = 0.005
"""Of any quality figure: a form that loses more is not worth its speed."""
LEAST_GAIN = 0.9
"""Of the shipped form's time or size: less of a gain is not worth a new version of the models."""

INTRODUCTION = f"""# What ships, and what smaller forms would cost

Written by `python -m models.training trade --out docs/export.md` (`models/training/trade.py`), through the serving
classes, on photos of the calibration fold, one thread.

- **shipped**: weights stored in half precision and widened when the file is loaded; arithmetic in float32.
- **int8**: convolutions and matrix products in int8 (ONNX Runtime's static QDQ, weights by channel, activations by
  their extremes on one half of the photos; the other half is compared).
- **fp16**: arithmetic in half precision. ONNX Runtime's CPU engine has few such kernels and casts around the others.
- bfloat16 has no convolutions in that engine and is not in the table.

Times are ratios to the shipped form, photo by photo in turns, so other work on the machine hits all forms alike. A
form would ship where no quality figure loses more than {MOST_LOST} and it takes at most {LEAST_GAIN} of the time, or of
the size at no more time. Another form is another version of the models: what was stored is described anew
(`selvedge index reembed`), and cohort, evidence and policy are made again.
"""


class FoldQuality:
    """Measures a network on the calibration fold. `garments` limits photos, hand-placed garments and copied garments,
    `distractors` the training garments that fill the embedder's gallery."""

    def __init__(self, root: Path, shelf: GarmentShelf, *, garments: int, distractors: int) -> None:
        recipe = EmbedderRecipe()
        studio = Studio(shelf, recipe.plan, recipe.schedule.seed)
        self._trial = prepare_trial(shelf, studio, copies=1, distractors=distractors, garments=garments)
        self._photos = judged_photos(read_garments(root), Fold.CALIBRATION)[:garments]
        hands, paths = hand_placed(root, "landmarks_train.jsonl", Fold.CALIBRATION)
        self._hands = hands[:garments]
        self._cut = cut_garments(self._hands, paths)
        self._key_slots = read_key_slots(root)

    def __call__(self, network: str, session: ModelSession, manifest: Manifest) -> dict[str, float]:
        if network == "detector":
            looked = look(GarmentDetector(session, manifest), self._photos)
            boxes = measure_boxes(looked, float(manifest.extra["least_confidence"]))
            return {"recall": boxes.recall, "false_boxes": boxes.false_boxes}
        if network == "landmarker":
            points = measure_points(LandmarkEstimator(session, manifest), self._hands, self._cut, self._key_slots)
            return {"mean_error": points.mean_error, "within_0.05": points.share_close}
        figures = measure_copies(self._trial, describe_with_session(session))
        areas = [figures[f"{name.value}_auc"] for name in REGIONS]
        return {"top1": figures["top1"], "top20": figures["top20"], "auc": float(np.mean(areas))}


def best_of(outcomes: Sequence[Outcome]) -> Outcome:
    """Of one network the fastest form that keeps every quality figure and is worth the change; else the shipped."""
    (shipped,) = (outcome for outcome in outcomes if outcome.variant is Variant.SHIPPED)
    worthy = [outcome for outcome in outcomes if _keeps(outcome, shipped) and _gains(outcome, shipped)]
    return min(worthy, key=lambda outcome: outcome.slowness, default=shipped)


def markdown(outcomes: Sequence[Outcome], asked: str) -> str:
    """The table, and what would ship; `asked` says what was measured on."""
    lines = [
        "| network | form | MB | time / shipped | agreement with shipped | quality, calibration fold |",
        "|---|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        if outcome.failure:
            told = f"cannot be run: {outcome.failure}"
            lines.append(f"| {outcome.network} | {outcome.variant} | {outcome.megabytes:.1f} | – | – | {told} |")
            continue
        lines.append(
            f"| {outcome.network} | {outcome.variant} | {outcome.megabytes:.1f} | {outcome.slowness:.2f} | "
            f"{_figures(outcome.agreement)} | {_figures(outcome.quality)} |"
        )
    lines += ["", asked, ""]
    for network in dict.fromkeys(outcome.network for outcome in outcomes):
        best = best_of([outcome for outcome in outcomes if outcome.network == network])
        kept = best.variant is Variant.SHIPPED
        lines.append(f"- {network}: " + ("the shipped form stays." if kept else f"**{best.variant}** would be better."))
    return "\n".join([*lines, ""])


def page(outcomes: Sequence[Outcome], asked: str) -> str:
    """`docs/export.md`: what is compared and how, then the table."""
    return f"{INTRODUCTION}\n{markdown(outcomes, asked)}"


def _keeps(outcome: Outcome, shipped: Outcome) -> bool:
    if outcome.failure or set(outcome.quality) != set(shipped.quality):
        return False
    lost = [
        (shipped.quality[name] - value) * (-1 if name in LOWER_IS_BETTER else 1)
        for name, value in outcome.quality.items()
    ]
    return all(loss <= MOST_LOST for loss in lost)


def _gains(outcome: Outcome, shipped: Outcome) -> bool:
    faster, smaller = outcome.slowness <= LEAST_GAIN, outcome.megabytes <= LEAST_GAIN * shipped.megabytes
    return faster or (smaller and outcome.slowness <= 1.0)


def _figures(named: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in named.items())
