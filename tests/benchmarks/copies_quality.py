"""Made copies of validation photos against a registered catalogue: are they found, and called copies?

Registered: every validation original, and training photos as strangers. Asked: a copy of each validation photo (one or
two regions altered, photographed anew), then each validation photo itself with its own item left out of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track

from index.registry import Registry
from index.types import Filters, ItemDetails, NewPhoto, Query
from models.evidence import CANDIDATES
from models.preprocessing import ImageLimits, decode
from models.runtime.describe import PhotoDescriber
from models.taxonomy import RegionName
from models.training.data.copies import Original, copy_maker, read_originals
from models.training.data.readers import Fold, read_same_designs
from models.types import DescribedPhoto
from service.judging import Rules, judge_hits, weigh_hits
from service.schemas import MatchOut
from tests.benchmarks.tables import Report, share

SEED = 77


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Everything between bytes and verdict, without HTTP."""

    describer: PhotoDescriber
    rules: Rules
    registry: Registry

    def register(self, item_id: str, data: bytes) -> bool:
        """False where no garment was found: such a photo cannot be registered."""
        photo = self.describer.describe(decode(data, ImageLimits()))
        if not photo.garments:
            return False
        self.registry.add(
            NewPhoto(
                item_id, ItemDetails(), photo.sha256, photo.width, photo.height, photo.models_version, photo.garments,
                design=_largest(photo),
            ),
            data,
        )  # fmt: skip
        return True

    def check(self, data: bytes, without: str | None = None) -> list[MatchOut]:
        """Matches of all garments of the photo, each garment's in its order: first the first of each."""
        ranked: list[tuple[int, MatchOut]] = []
        for garment in self.describer.describe(decode(data, ImageLimits())).garments:
            weights = self.rules.weights_of(garment.detection.category.group, None)
            query = Query(
                garment.embeddings, garment.mirrored, weights, self.describer.models_version, CANDIDATES,
                least_weight=self.rules.policy.least_weight, filters=Filters(exclude_item_id=without),
            )  # fmt: skip
            hits = self.registry.search(query)
            matches = judge_hits(weigh_hits(garment, hits, self.rules), weights, self.rules, None)
            matches.sort(key=lambda match: not match.kind.is_copy)
            ranked += enumerate(matches)
        return [match for _, match in sorted(ranked, key=lambda one: one[0])]


def _largest(photo: DescribedPhoto) -> int:
    return max(range(len(photo.garments)), key=lambda row: photo.garments[row].detection.box.area)


@dataclass(slots=True)
class _Asked:
    """One copy and what came back for it."""

    rank: int | None
    found: bool
    named: list[tuple[RegionName, bool, bool]]


def measure(line: Line, root: Path, labels: Path) -> Report:
    """`labels` as `complete_labels` writes them: where the edits are placed."""
    originals = read_originals(root, labels, Fold.VALIDATION)
    strangers = read_originals(root, labels, Fold.TRAIN)
    registered = [
        o
        for o in track([*originals, *strangers], "registering")
        if line.register(_item(o), o.garment.path.read_bytes())
    ]
    maker = copy_maker(root, labels)
    asked = []
    for original in track(originals, "copies"):
        copy = maker.copy(original, SEED)
        if copy is not None:
            asked.append(_ask(line, _item(original), copy.jpeg(), copy.altered))
    accused = _accused(line, root, originals)
    return _report(asked, accused, len(registered))


def _item(original: Original) -> str:
    return original.garment.photo.removesuffix(".jpg")


def _ask(line: Line, item: str, data: bytes, altered: Sequence[RegionName]) -> _Asked:
    matches = line.check(data)
    rank = next((place for place, match in enumerate(matches, 1) if match.item_id == item), None)
    if rank is None:
        return _Asked(None, False, [])
    match = matches[rank - 1]
    named = [
        (name, name in altered, name in match.modified_regions)
        for name, region in match.regions.items()
        if region.cosine is not None
    ]
    return _Asked(rank, match.verdict.is_copy, named)


def _accused(line: Line, root: Path, originals: Sequence[Original]) -> list[bool]:
    """Whether each original is called a copy of another item; its own, and what is judged the same, do not count."""
    same = read_same_designs(root)
    accused = []
    for original in track(originals, "originals without a copy"):
        photo = original.garment.photo
        matches = line.check(original.garment.path.read_bytes(), without=_item(original))
        others = [match for match in matches if frozenset((photo, f"{match.item_id}.jpg")) not in same]
        accused.append(any(match.verdict.is_copy for match in others))
    return accused


def _report(asked: Sequence[_Asked], accused: Sequence[bool], registered: int) -> Report:
    report = Report(f"Copies of validation photos, one or two regions altered, among {registered} items")
    ranks = np.array([a.rank or 10**6 for a in asked])
    report.add("the original in the top 20", "≥ 0.95", share(ranks <= 20), len(asked))
    report.add("the original first", "≥ 0.80", share(ranks == 1), len(asked))
    report.add("its verdict is a copy of some kind", "≥ 0.70", share([a.found for a in asked]), len(asked))
    report.add("originals with no copy registered, called a copy", "≤ 0.05", share(accused), len(accused))
    named = [entry for a in asked for entry in a.named]
    caught = [said for _, altered, said in named if altered]
    spared = [not said for _, altered, said in named if not altered]
    report.add("altered regions named", "–", share(caught), len(caught))
    report.add("unaltered regions not named", "–", share(spared), len(spared))
    return report
