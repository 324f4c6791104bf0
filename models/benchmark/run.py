"""From kept photos to the lines of the report: every set with every method, and what methods gain on each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.benchmark.embeddings import Embedded, Network, embed_once, ensemble, joined, pooled
from models.benchmark.methods import QUESTIONS, SHIPPED, Method, methods_of, methods_under_uniform_prior
from models.benchmark.photos import Photos, Studio
from models.benchmark.ranking import Ranking, Trial, rank
from models.benchmark.sets import PUBLISHED, UNIFORM, SetPlan
from models.benchmark.table import Gain, Line, NetworkLine, gain_of, lines_of, network_line
from models.manifest import read_manifest
from models.runtime.describe import PhotoDescriber, models_version
from models.weighting import WeightTable


@dataclass(frozen=True, slots=True)
class SetReport:
    """What one set came to; `gallery` counts garments that answer a check; `networks`: all that were at hand."""

    name: str
    originals: int
    copies: int
    gallery: int
    lines: tuple[Line, ...]
    gains: tuple[Gain, ...]
    networks: tuple[NetworkLine, ...]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Photos as each network sees them; kept in `folder`, and read again for each method."""

    photos: Photos
    networks: Mapping[str, Network]
    folder: Path

    def embedded(self, paths: Sequence[Path], network: str, words: str) -> Embedded:
        return embed_once(paths, self.networks[network], self.folder, f"{network}: {words}")

    def trial(self, plan: SetPlan, network: str, least_weight: float) -> Trial:
        """Originals, the copies of a set and what is in its way."""
        photos = self.photos
        parts = [
            largest(self.embedded(photos.training, network, "strangers")),
            self.embedded(photos.street, network, "strangers in the street"),
        ]
        if plan.among_negatives:
            parts.append(largest(self.embedded(photos.negatives, network, "hard negatives")))
        originals = largest(self.embedded(photos.originals, network, "originals"))
        copies = largest(self.embedded(photos.copies[plan.name], network, plan.name))
        return Trial(originals, copies, joined(*parts), photos.groups, least_weight)


def open_studio(describer: PhotoDescriber, weights: Path, root: Path, cache: Path) -> Studio:
    """What is seen of photos is kept by detector and landmark network: another embedder does not look again."""
    seen_by = models_version([read_manifest(weights / f"{name}.json") for name in ("detector", "landmarker")])
    return Studio(describer, root, cache / f"seen-{seen_by}")


def shipped_network(describer: PhotoDescriber, weights: Path) -> Network:
    manifest = read_manifest(weights / "embedder.json")
    return Network(SHIPPED, manifest.sha256[:12], describer.embedder, manifest.training)


def largest(embedded: Embedded) -> Embedded:
    """One row a photo: the garment that it is about."""
    return embedded.where(embedded.largest)


def measure_sets(shelf: Shelf, learned: WeightTable, least_weight: float) -> list[SetReport]:
    """The published sets, then two of them under a uniform prior."""
    methods = methods_of(shelf.networks, learned)
    reports = [_measure(shelf, plan, methods, least_weight) for plan in PUBLISHED]
    asked_again = methods_under_uniform_prior(methods)
    return reports + [_measure(shelf, plan, asked_again, least_weight) for plan in UNIFORM]


def _measure(shelf: Shelf, plan: SetPlan, methods: Sequence[Method], least_weight: float) -> SetReport:
    rankings: dict[str, Ranking] = {}
    gallery = 0
    for networks in dict.fromkeys(method.networks for method in methods):
        trial = _combined([shelf.trial(plan, network, least_weight) for network in networks])
        gallery = trial.gallery
        for method in methods:
            if method.networks == networks:
                rankings[method.name] = rank(_pooled(trial) if method.pooled else trial, method.table)
    lines = [line for method in methods for line in lines_of(method.name, rankings[method.name])]
    gains = [
        gain_of(asked.words, (asked.method, rankings[asked.method]), (asked.other, rankings[asked.other]))
        for asked in QUESTIONS
        if rankings.keys() >= {asked.method, asked.other}
    ]
    copies = len(next(iter(rankings.values())).owners)
    trained = tuple(map(network_line, shelf.networks.values()))
    return SetReport(plan.name, len(shelf.photos.originals), copies, gallery, tuple(lines), tuple(gains), trained)


def _combined(trials: Sequence[Trial]) -> Trial:
    if len(trials) == 1:
        return trials[0]
    parts = {name: ensemble([getattr(trial, name) for trial in trials]) for name in _PARTS}
    return Trial(parts["originals"], parts["copies"], parts["distractors"], trials[0].groups, trials[0].least_weight)


def _pooled(trial: Trial) -> Trial:
    parts = {name: pooled(getattr(trial, name)) for name in _PARTS}
    return Trial(parts["originals"], parts["copies"], parts["distractors"], trial.groups, trial.least_weight)


_PARTS = ("originals", "copies", "distractors")
