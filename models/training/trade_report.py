"""The table of what other forms cost and save, and which of them would be worth shipping."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from models.manifest import Manifest, MeasuredForm
from models.runtime.detector import GarmentDetector
from models.runtime.landmarker import LandmarkEstimator
from models.runtime.session import ModelSession
from models.taxonomy import REGIONS
from models.training.data.hand_landmarks import read_key_slots
from models.training.data.readers import Fold, read_garments
from models.training.detector.evaluate import judged_photos, look
from models.training.detector.evaluate import measure as measure_boxes
from models.training.embedder.evaluate import measure as measure_copies
from models.training.embedder.evaluate import prepare_trial
from models.training.embedder.export import describe_with_session
from models.training.embedder.shelf import GarmentShelf
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

INTRODUCTION = f"""# What ships, and what other forms would cost

Written by `python -m models.training trade --record --out docs/export.md` (`models/training/trade.py`), through the
serving classes, on photos of the calibration fold, one thread. `--record` writes the same figures into the networks'
manifests (`forms` in `models/weights/NAME.json`); the version is the manifest's.

- **shipped**: weights stored in half precision and widened when the file is loaded; arithmetic in float32.
- **fp32**: the shipped weights stored in float32. Numbers and arithmetic are the same, so what its time differs from
  the shipped form's is how far the ratios scatter.
- **int8**: convolutions and matrix products in int8 (ONNX Runtime's static QDQ, weights by channel, activations by
  their extremes on one half of the photos; the other half is compared, and no quality figure is of the first).
- **fp16**: arithmetic in half precision. ONNX Runtime's CPU engine has few such kernels and casts around the others.
- bfloat16 has no convolutions in that engine and is not in the table.

Times are ratios to the shipped form, photo by photo in turns, so other work on the machine hits all forms alike. A
form would ship where no quality figure loses more than {MOST_LOST} and it takes at most {LEAST_GAIN} of the time, or of
the size at no more time. Another form is another version of the models: what was stored is described anew
(`selvedge index reembed`), and cohort, evidence and policy are made again.
"""


class FoldQuality:
    """Measures a network on the calibration fold. `garments` limits photos, hand-placed garments and copied garments,
    `distractors` the training garments that fill the embedder's gallery; photos `left_out` are asked for nothing."""

    def __init__(
        self, root: Path, shelf: GarmentShelf, *, garments: int, distractors: int, left_out: Collection[str] = ()
    ) -> None:
        self._trial = prepare_trial(shelf, copies=1, distractors=distractors, garments=garments, left_out=left_out)
        photos = judged_photos(read_garments(root), Fold.CALIBRATION)
        self._photos = [photo for photo in photos if photo.photo not in left_out][:garments]
        hands, paths = hand_placed(root, "landmarks_train.jsonl", Fold.CALIBRATION)
        self._hands = [hand for hand in hands if hand.photo not in left_out][:garments]
        self._cut = cut_garments(self._hands, paths)
        self._key_slots = read_key_slots(root)

    def __call__(self, network: str, session: ModelSession, manifest: Manifest) -> tuple[dict[str, float], int]:
        if network == "detector":
            looked = look(GarmentDetector(session, manifest), self._photos)
            boxes = measure_boxes(looked, float(manifest.extra["least_confidence"]))
            return {"recall": boxes.recall, "false_boxes": boxes.false_boxes}, len(self._photos)
        if network == "landmarker":
            points = measure_points(LandmarkEstimator(session, manifest), self._hands, self._cut, self._key_slots)
            return {"mean_error": points.mean_error, "within_0.05": points.share_close}, len(self._hands)
        figures = measure_copies(self._trial, describe_with_session(session))
        areas = [figures[told] for name in REGIONS if (told := f"{name.value}_auc") in figures]
        named = {"top1": figures["top1"], "top20": figures["top20"], "auc": float(np.mean(areas))}
        return named, len(self._trial.queries)


def best_of(outcomes: Sequence[Outcome]) -> MeasuredForm:
    """Of one network the fastest form that keeps every quality figure and is worth the change; else the shipped."""
    forms = [outcome.form for outcome in outcomes]
    (shipped,) = (form for form in forms if form.name == Variant.SHIPPED)
    worthy = [form for form in forms if _keeps(form, shipped) and _gains(form, shipped)]
    return min(worthy, key=lambda form: form.slowness, default=shipped)


def markdown(outcomes: Sequence[Outcome], asked: str) -> str:
    """The table, and what would ship; `asked` says what was measured on."""
    lines = [
        "| network | version | form | MB | time / shipped | agreement with shipped | quality, calibration fold |",
        "|---|---|---|---|---|---|---|",
        *map(_row, outcomes),
    ]
    lines += ["", asked, ""]
    for network in dict.fromkeys(outcome.network for outcome in outcomes):
        best = best_of([outcome for outcome in outcomes if outcome.network == network])
        kept = best.name == Variant.SHIPPED
        lines.append(f"- {network}: " + ("the shipped form stays." if kept else f"**{best.name}** would be better."))
    return "\n".join([*lines, ""])


def page(outcomes: Sequence[Outcome], asked: str) -> str:
    """`docs/export.md`: what is compared and how, then the table."""
    return f"{INTRODUCTION}\n{markdown(outcomes, asked)}"


def _row(outcome: Outcome) -> str:
    form = outcome.form
    start = f"| {outcome.network} | {outcome.version} | {form.name} | {form.megabytes:.1f} |"
    if form.failure:
        return f"{start} – | – | cannot be run: {form.failure} |"
    return f"{start} {form.slowness:.2f} | {_figures(form.agreement)} | {_figures(form.quality)} |"


def _keeps(form: MeasuredForm, shipped: MeasuredForm) -> bool:
    if form.failure or set(form.quality) != set(shipped.quality):
        return False
    lost = [
        (shipped.quality[name] - value) * (-1 if name in LOWER_IS_BETTER else 1) for name, value in form.quality.items()
    ]
    return all(loss <= MOST_LOST for loss in lost)


def _gains(form: MeasuredForm, shipped: MeasuredForm) -> bool:
    faster, smaller = form.slowness <= LEAST_GAIN, form.megabytes <= LEAST_GAIN * shipped.megabytes
    return faster or (smaller and form.slowness <= 1.0)


def _figures(named: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in named.items())
