"""How well partial copies find their originals, and how far agreeing, altered and unrelated regions lie apart.

Queries are garments of the calibration fold, which no model is trained on; the gallery holds their originals and
those of the training fold. Never looks at validation photos.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from models.taxonomy import REGIONS
from models.training.data.readers import Fold
from models.training.device import device_of, placed
from models.training.embedder.dataset import Studio, View, collate, draw_alterations
from models.training.embedder.render_plan import RenderPlan
from models.training.embedder.shelf import GarmentShelf

SEED = 7
"""Of the copies that networks are measured on."""
Floats = npt.NDArray[np.float32]
Describe = Callable[[Sequence[View]], Floats]
"""Views → float32 (N, 5, D), zero rows where a region is missing."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What was asked of an embedder: `gallery` views with their shelf numbers, `queries` with those they copy."""

    gallery: list[View]
    gallery_numbers: npt.NDArray[np.int64]
    queries: list[View]
    query_numbers: npt.NDArray[np.int64]


def prepare_trial(
    shelf: GarmentShelf,
    *,
    copies: int = 2,
    distractors: int | None = None,
    garments: int | None = None,
    left_out: Collection[str] = (),
) -> Trial:
    """`copies` partial copies of each calibration garment, and a gallery of originals (training ones distract).

    `garments` and `distractors` limit how many there are of both; garments of the photos `left_out` are not asked for.
    The copies are the same for every network, whatever the recipe and seed that it was trained with.
    """
    studio = Studio(shelf, RenderPlan(), SEED)
    calibration = [n for n in shelf.numbers(Fold.CALIBRATION) if shelf[n].photo not in left_out][:garments]
    gallery = calibration + shelf.numbers(Fold.TRAIN)[:distractors]
    queries, numbers = [], []
    for number in calibration:
        for copy in range(copies):
            rng = np.random.default_rng((SEED, number, copy))
            queries.append(studio.copy(number, draw_alterations(studio.plain(number).boxes, rng), rng))
            numbers.append(number)
    return Trial([studio.plain(number) for number in gallery], np.array(gallery), queries, np.array(numbers))


def measure(trial: Trial, describe: Describe) -> dict[str, float]:
    """Top-1 and top-20 recall under equal weights, and per region the 10th, 50th and 90th percentile of cosines."""
    gallery, queries = describe(trial.gallery), describe(trial.queries)
    cosines_QGR = np.einsum("qrd,grd->qgr", queries, gallery)
    both_QGR = (np.abs(queries).sum(2) > 0)[:, None] & (np.abs(gallery).sum(2) > 0)[None]
    score_QG = (cosines_QGR * both_QGR).sum(2) / np.maximum(both_QGR.sum(2), 1)
    right_QG = trial.query_numbers[:, None] == trial.gallery_numbers
    # A tie is a miss: an embedder that says the same of everything has found nothing.
    ranks = (score_QG >= score_QG[right_QG][:, None]).sum(axis=1) - 1
    figures = {
        "items": float(len(trial.gallery)),
        "queries": float(len(trial.queries)),
        "garments": float(len(np.unique(trial.query_numbers))),
        "top1": float((ranks < 1).mean()),
        "top20": float((ranks < 20).mean()),
    }
    altered_QR = np.stack([view.altered for view in trial.queries])
    for name in REGIONS:
        own = cosines_QGR[..., name.row][right_QG]
        seen = both_QGR[..., name.row][right_QG]
        altered = altered_QR[:, name.row]
        strangers = cosines_QGR[..., name.row][~right_QG & both_QGR[..., name.row]]
        for kind, values in (("agree", own[seen & ~altered]), ("altered", own[seen & altered]), ("other", strangers)):
            figures |= _percentiles(f"{name.value}_{kind}", values)
        if (seen & ~altered).any() and (seen & altered).any():
            figures[f"{name.value}_auc"] = _separation(own[seen & ~altered], own[seen & altered])
    return figures


def describe_with(network: torch.nn.Module, batch_size: int = 32) -> Describe:
    """Describe views with a torch network."""

    def describe(views: Sequence[View]) -> Floats:
        rows = []
        with torch.inference_mode():
            for start in range(0, len(views), batch_size):
                part = views[start : start + batch_size]
                fed = placed(collate(part, range(len(part)), range(len(part))), device_of(network))
                rows.append(network(fed.crops, fed.maps, fed.boxes).cpu().numpy())
        return np.concatenate(rows)

    return describe


def _percentiles(name: str, values: Floats) -> dict[str, float]:
    if not len(values):
        return {}
    return {f"{name}_p{share}": float(np.percentile(values, share)) for share in (10, 50, 90)}


def _separation(agreeing: Floats, altered: Floats) -> float:
    """The chance that an agreeing region's cosine is above an altered one's (area under the ROC curve)."""
    return float((agreeing[:, None] > altered[None]).mean())
