"""Verdicts of the benchmark: kept photos through the rules of `service/verdict.py`, with the policy in force.

A copy is asked for by the garment that its photo is about; a photo that nobody copied by all of its garments, against
everything registered but itself and what shows the same design. The best `CANDIDATES` by S are weighed, and
the twenty of them judged that stand best, as a check does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import track

from models.benchmark.embeddings import Embedded, joined, score_all
from models.benchmark.ranking import weights_of
from models.benchmark.sightings import Truth, read_sighted
from models.evidence import CANDIDATES
from models.types import DescribedGarment, RegionEmbeddings
from service.beside import stand_beside
from service.compare import compare_garments, compare_known
from service.judging import LEAST_JUDGED, Rules
from service.resemblance import evidence_in
from service.verdict import Match, judge


@dataclass(frozen=True, slots=True, eq=False)
class SeenGarments:
    """Garments with what serving knows of them, beside their rows; None where a photo showed none.

    `truths` (one a row): what was done to the photo.
    """

    rows: Embedded
    garments: tuple[DescribedGarment | None, ...]
    truths: tuple[Truth, ...]

    def where(self, chosen: npt.NDArray[np.bool_]) -> SeenGarments:
        places = np.flatnonzero(chosen).tolist()
        return SeenGarments(
            self.rows.where(chosen),
            tuple(self.garments[place] for place in places),
            tuple(self.truths[place] for place in places),
        )

    def largest(self) -> SeenGarments:
        """One garment a photo: the one that it is about."""
        return self.where(self.rows.largest)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a check said of one garment: matches of registered garments by their place in the gallery, best first."""

    owner: str
    photo: int
    truth: Truth
    matches: tuple[tuple[int, Match], ...]


def seen_garments(paths: Sequence[Path], rows: Embedded) -> SeenGarments:
    """`rows` are those of `embed_once` for the same `paths`."""
    garments: list[DescribedGarment | None] = []
    truths: list[Truth] = []
    for path in paths:
        photo = read_sighted(path)
        truths += [photo.truth] * max(1, len(photo.sightings))
        if not photo.sightings:
            garments.append(None)
        for sighting in photo.sightings:
            seen, mirrored = (_embeddings(rows, len(garments), way) for way in (0, 1))
            garments.append(sighting.described(seen, mirrored))
    return SeenGarments(rows, tuple(garments), tuple(truths))


def gallery_of(*parts: SeenGarments) -> SeenGarments:
    return SeenGarments(
        joined(*(part.rows for part in parts)),
        sum((part.garments for part in parts), ()),
        sum((part.truths for part in parts), ()),
    )


def answer_all(
    queries: SeenGarments,
    gallery: SeenGarments,
    rules: Rules,
    words: str,
    hidden: Mapping[str, frozenset[str]] | None = None,
) -> list[Answer]:
    """A check of every query garment; `hidden`: owner of a query → owners that are not registered for it."""
    scores = score_all(queries.rows, gallery.rows, weights_of(queries.rows, rules.weights), rules.policy.least_weight)
    backgrounds = rules.cohort.backgrounds(gallery.rows.vectors[:, 0])
    answers = []
    for row in track(range(len(scores)), words, disable=not len(scores)):
        owner = str(queries.rows.owners[row])
        allowed = ~np.isin(gallery.rows.owners, list((hidden or {}).get(owner, frozenset())))
        best = np.argsort(-np.where(allowed, scores[row], -1.0), kind="stable")[:CANDIDATES].tolist()
        hits = [place for place in best if allowed[place] and scores[row, place] > -1]
        garment = queries.garments[row]
        matches = () if garment is None else _judge(garment, gallery, backgrounds, hits, rules)
        answers.append(Answer(owner, int(queries.rows.photos[row]), queries.truths[row], matches))
    return answers


def compare_pair(ours: DescribedGarment, theirs: DescribedGarment, rules: Rules) -> Match:
    """The verdict on one pair, as `POST /compare` gives it."""
    weights = rules.weights_of(ours.detection.category.group, None)
    return judge(compare_garments(ours, theirs, weights, rules.cohort), weights, rules.policy)


def match_of(answer: Answer, gallery: SeenGarments, owner: str) -> Match | None:
    """The match of that owner's garment, None where it is not among the best."""
    return next((match for place, match in answer.matches if gallery.rows.owners[place] == owner), None)


def place_of(answer: Answer, gallery: SeenGarments, owner: str) -> float:
    """Where the match of that owner's garment stands, from 1; infinity where it is not among the best."""
    owners = [str(gallery.rows.owners[place]) for place, _ in answer.matches]
    return owners.index(owner) + 1.0 if owner in owners else math.inf


def _judge(
    garment: DescribedGarment,
    gallery: SeenGarments,
    backgrounds: npt.NDArray[np.float32],
    hits: Sequence[int],
    rules: Rules,
) -> tuple[tuple[int, Match], ...]:
    """Hits by their place in the gallery, the foremost judged beside each other; copies first, as in an answer."""
    weights = rules.weights_of(garment.detection.category.group, None)
    mine = rules.cohort.backgrounds(np.stack([garment.embeddings.vectors, garment.mirrored.vectors]))
    found = []
    for place in hits:
        registered = gallery.garments[place]
        assert registered is not None
        found.append(compare_known(garment, registered, weights, mine, backgrounds[place]))
    scores = np.array([one.score for one in found])
    standing = rules.policy.standing(evidence_in(found, rules.policy), scores)
    foremost = np.argsort(-standing, kind="stable")[:LEAST_JUDGED].tolist()
    places, found = [hits[row] for row in foremost], [found[row] for row in foremost]
    stands = stand_beside(places, found, rules.policy)
    matches = [
        (place, judge(one, weights, rules.policy, beside=beside))
        for place, one, beside in zip(places, found, stands, strict=True)
    ]
    return tuple(sorted(matches, key=lambda one: not one[1].kind.is_copy))


def _embeddings(rows: Embedded, place: int, way: int) -> RegionEmbeddings:
    return RegionEmbeddings(rows.vectors[place, way], rows.colours[place, way])
