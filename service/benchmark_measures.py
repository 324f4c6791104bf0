"""From answers to figures: what is called a copy and what kind, what is called one wrongly, what is named altered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.benchmark.methods import SHIPPED
from models.benchmark.metrics import Figure, balanced_accuracy, bootstrap
from models.benchmark.ranking import Ranking, rank
from models.benchmark.run import Shelf
from models.benchmark.sets import HARD, PUBLISHED, STANDARD
from models.benchmark.sightings import Truth
from models.benchmark.stores import StoresReport
from models.benchmark.table import EditLine, by_edit
from service import benchmark_thresholds as thresholds
from service.benchmark_calibration import Calibration, calibrations_of
from service.benchmark_thresholds import Sureness, Threshold
from service.benchmark_verdicts import (
    Answer,
    SeenGarments,
    answer_all,
    compare_pair,
    gallery_of,
    match_of,
    place_of,
    seen_garments,
)
from service.judging import Rules
from service.verdict import Match, Verdict

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bars:
    """What is asked of a set: of the original's place, its verdict and kind, altered regions, and probabilities."""

    first: str = "–"
    twentieth: str = "–"
    copies: str = "–"
    kind: str = "–"
    regions: str = "–"
    error: str = "–"
    skill: str = "–"

    @staticmethod
    def of(name: str) -> Bars:
        """Nothing is asked of a set that the issue does not name."""
        return _BARS.get(name, Bars())


_BARS = {
    STANDARD.name: Bars("≥ 0.90", "≥ 0.98", "≥ 0.85", "≥ 0.85", "≥ 0.90", "≤ 0.05", "≥ 0.50"),
    HARD.name: Bars(copies="≥ 0.60", kind="≥ 0.85", regions="≥ 0.80", error="≤ 0.05", skill="≥ 0.50"),
}


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """A measure of verdicts beside what is asked of it; the figure's count is garments, each drawn with all of its
    photos: photos where nobody copied, prints on one blank, and first photos of look-alikes."""

    measure: str
    asked: str
    figure: Figure


@dataclass(frozen=True, slots=True)
class VerdictReport:
    """`edits`: set → its kinds of edits; `thresholds`: what others than the policy's would find and accuse."""

    lines: tuple[VerdictLine, ...]
    calibrations: tuple[Calibration, ...]
    edits: Mapping[str, tuple[EditLine, ...]]
    thresholds: tuple[Threshold, ...] = ()


def measure_verdicts(shelf: Shelf, rules: Rules, same: frozenset[frozenset[str]]) -> VerdictReport:
    """With the shipped embedder; `same`: pairs of photos that show one design, neither a stranger to the other."""
    photos = shelf.photos
    originals = _see(shelf, photos.originals, "originals").largest()
    gallery = gallery_of(
        originals,
        _see(shelf, photos.training, "strangers").largest(),
        _see(shelf, photos.street, "strangers in the street"),
    )
    untouched = _see(shelf, photos.untouched, "photos that nobody copied")
    hidden = {name: _one_design(name, same) for name in np.unique(untouched.rows.owners).tolist()}
    quiet = answer_all(untouched, gallery, rules, "judging photos that nobody copied", hidden)
    lines: list[VerdictLine] = []
    calibrations: list[Calibration] = []
    edits = {}
    sure, bare = dict[str, Sureness](), thresholds.without_thresholds(rules)
    main = untouched.rows.largest
    alone = [answer for answer, chosen in zip(quiet, main.tolist(), strict=True) if chosen]
    for plan in PUBLISHED:
        name = plan.name
        copies = _see(shelf, photos.copies[name], name).largest()
        answers = answer_all(copies, gallery, rules, f"judging {name}")
        found = [match_of(answer, gallery, answer.owner) for answer in answers]
        places = np.array([place_of(answer, gallery, answer.owner) for answer in answers])
        lines += _lines_of_places(name, places, [answer.owner for answer in answers])
        lines += _lines_of_copies(name, answers, found)
        sure[name] = thresholds.sure_of_originals(
            answer_all(copies, gallery, bare, f"{name} at any threshold"), gallery
        )
        lines.append(_line_of_regions(name, copies, originals, rules))
        groups = copies.rows.groups, untouched.rows.groups[main]
        calibrations += calibrations_of(name, (answers, alone), groups, gallery)
        ranking = rank(shelf.trial(plan, SHIPPED, rules.policy.least_weight), rules.weights)
        edits[name] = tuple(_by_edit(answers, found, places, ranking))
    lines.append(_line("false alarms: photos with no copy registered, called a copy", "≤ 0.01", *_alarms(quiet)))
    lines.append(_line_of_negatives(shelf, rules, gallery))
    printed = _alarms(_ask_blanks(shelf, rules, gallery))
    lines.append(_line("other designs on the same blank, called a copy", "≤ 0.05", *printed))
    lines.append(_line_of_pairs(photos.pairs, untouched.largest(), rules))
    sure[thresholds.QUIET] = thresholds.sure_of_photos(
        answer_all(untouched, gallery, bare, "strangers at any threshold", hidden)
    )
    sure[thresholds.BLANK] = thresholds.sure_of_photos(_ask_blanks(shelf, bare, gallery))
    return VerdictReport(tuple(lines), tuple(calibrations), edits, thresholds.at_thresholds(sure, rules.policy))


def lines_of_stores(stores: StoresReport) -> tuple[VerdictLine, ...]:
    """Same-garment search on real products, as `POST /search` ranks: nothing here was made."""
    return tuple(
        _line(f"stores: {answer.question.words}", answer.question.bar, answer.found, answer.products)
        for answer in stores.answers
    )


def _see(shelf: Shelf, paths: Sequence[Path], words: str) -> SeenGarments:
    return seen_garments(paths, shelf.embedded(paths, SHIPPED, words))


def _one_design(name: str, same: frozenset[frozenset[str]]) -> frozenset[str]:
    """The photo itself, and what people judged to be the same design."""
    return frozenset({name}).union(*(pair for pair in same if name in pair))


def _line(measure: str, asked: str, values: Sequence[bool], garments: Sequence[object]) -> VerdictLine:
    return VerdictLine(measure, asked, bootstrap(np.array(values, dtype=np.float64), np.array(garments)))


def _lines_of_places(name: str, places: Floats, owners: Sequence[str]) -> list[VerdictLine]:
    """Where the original stands among the matches of its copy; hard negatives are not registered, as they are where
    methods are ranked."""
    bars = Bars.of(name)
    return [
        _line(f"{name}, in the order of an answer: top-1", bars.first, (places <= 1).tolist(), owners),
        _line(f"{name}, in the order of an answer: top-20", bars.twentieth, (places <= 20).tolist(), owners),
    ]


def _lines_of_copies(name: str, answers: Sequence[Answer], found: Sequence[Match | None]) -> list[VerdictLine]:
    owners = [answer.owner for answer in answers]
    called = [match is not None and match.verdict.is_copy for match in found]
    kinds = [
        (match.verdict is Verdict.PARTIAL_COPY, owner)
        for match, owner in zip(found, owners, strict=True)
        if match is not None and match.verdict.is_copy
    ]
    return [
        _line(f"{name}: the original's verdict is a copy", Bars.of(name).copies, called, owners),
        _line(
            f"{name}: of those, called a partial copy",
            Bars.of(name).kind,
            *(zip(*kinds, strict=True) if kinds else ((), ())),
        ),
    ]


def _line_of_regions(name: str, copies: SeenGarments, originals: SeenGarments, rules: Rules) -> VerdictLine:
    """Regions of each copy against its original, wherever it ranks; what lies under something counts as nothing."""
    of_owner = dict(zip(originals.rows.owners.tolist(), originals.garments, strict=True))
    said, true, owners = [], [], []
    for garment, truth, owner in zip(copies.garments, copies.truths, copies.rows.owners.tolist(), strict=True):
        original = of_owner[owner]
        if garment is None or original is None:
            continue
        for finding in compare_pair(garment, original, rules).regions:
            if finding.agrees is not None and finding.name not in truth.covered:
                said.append(not finding.agrees)
                true.append(finding.name in truth.altered)
                owners.append(owner)
    figure = balanced_accuracy(said, true, owners)
    return VerdictLine(f"{name}: which regions were altered, balanced accuracy", Bars.of(name).regions, figure)


def _alarms(answers: Sequence[Answer]) -> tuple[list[bool], list[str]]:
    """Photos of which some garment is called a copy of something; and whose they are."""
    alarms: dict[int, bool] = {}
    owners: dict[int, str] = {}
    for answer in answers:
        called = any(match.verdict.is_copy for _, match in answer.matches)
        alarms[answer.photo] = alarms.get(answer.photo, False) or called
        owners[answer.photo] = answer.owner
    return list(alarms.values()), list(owners.values())


def _line_of_negatives(shelf: Shelf, rules: Rules, gallery: SeenGarments) -> VerdictLine:
    negatives = _see(shelf, shelf.photos.negatives, "hard negatives").largest()
    answers = answer_all(negatives, gallery, rules, "judging hard negatives")
    own = [match_of(answer, gallery, answer.owner) for answer in answers]
    called = [match is not None and match.verdict.is_copy for match in own]
    return _line("three or more regions changed, called a copy", "–", called, [answer.owner for answer in answers])


def _ask_blanks(shelf: Shelf, rules: Rules, gallery: SeenGarments) -> list[Answer]:
    """Each print against everything registered and the other prints on its blank."""
    blanks = _see(shelf, shelf.photos.blanks, "prints on one blank").largest()
    itself = {name: frozenset({name}) for name in blanks.rows.owners.tolist()}
    return answer_all(blanks, gallery_of(gallery, blanks), rules, "judging prints on one blank", itself)


def _line_of_pairs(pairs: Sequence[tuple[str, str]], untouched: SeenGarments, rules: Rules) -> VerdictLine:
    """Called a copy either way round."""
    of_photo = dict(zip(untouched.rows.owners.tolist(), untouched.garments, strict=True))
    called, names = [], []
    for a, b in pairs:
        first, second = of_photo[a], of_photo[b]
        if first is None or second is None:
            continue
        both = (compare_pair(first, second, rules), compare_pair(second, first, rules))
        called.append(any(match.verdict.is_copy for match in both))
        names.append(a)
    return _line("look-alikes judged similar by eye, called a copy", "≤ 0.02", called, names)


def _by_edit(
    answers: Sequence[Answer], found: Sequence[Match | None], places: Floats, ranking: Ranking
) -> list[EditLine]:
    return by_edit(
        [_kinds(answer.truth) for answer in answers],
        ranking.owners,
        {
            "recall@20": ranking.of_copy <= 20,
            "top-1": places <= 1,
            "top-20": places <= 20,
            "called a copy": [match is not None and match.verdict.is_copy for match in found],
        },
    )


def _kinds(truth: Truth) -> list[str]:
    """What was done to regions, then to the whole photo."""
    whole = {
        "whole photo: flipped": truth.flipped,
        "whole photo: another colour": truth.recoloured,
        "whole photo: partly covered": bool(truth.covered),
    }
    return [*dict.fromkeys(truth.edits), *(words for words, true in whole.items() if true)]
