"""From photos to the benchmark's lines: both sets made, embedded once, and measured with each method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models.benchmark.embeddings import Asked, embed_once
from models.benchmark.sets import HARD, NEGATIVE, STANDARD, SetPlan, make_copy, plans_digest
from models.benchmark.table import Line, Trial, joined, measure_method
from models.runtime.describe import PhotoDescriber
from models.taxonomy import WeightGroup
from models.training.data.complete_labels import complete_labels
from models.training.data.copies import CopyMaker, Original, copy_maker, read_originals
from models.training.data.readers import Fold, read_garments, read_street
from models.weighting import RegionWeights, WeightTable, read_weight_table

HAND_SET = Path(__file__).with_name("hand_set.json")


@dataclass(frozen=True, slots=True)
class Size:
    """How many originals are copied how often; how many strangers fill the gallery (None: all there are)."""

    originals: int = 150
    copies: int = 4
    distractors: int | None = None


@dataclass(frozen=True, slots=True)
class SetReport:
    """What one set came to."""

    name: str
    originals: int
    copies: int
    gallery: int
    lines: tuple[Line, ...]


def run_benchmark(
    describer: PhotoDescriber, root: Path, cache: Path, learned: WeightTable, size: Size
) -> list[SetReport]:
    """Both sets; embeddings are kept in `cache` by models and size, so that a second run takes seconds."""
    folder = cache / describer.models_version
    folder.mkdir(parents=True, exist_ok=True)
    labels = folder / "complete.jsonl"
    if not labels.exists():
        complete_labels(describer.landmarker, root, None, labels)
    originals = _spread(read_originals(root, labels, Fold.VALIDATION), size.originals)
    maker = copy_maker(root, labels)
    kept = partial(embed_once, describe=describer.describe)
    tag = f"{size.originals}-{size.copies}-{plans_digest()}"
    registered = kept(_plain(originals), path=folder / f"originals-{size.originals}.npz", words="originals")
    strangers = kept(
        _strangers(root, size.distractors), path=folder / f"strangers-{size.distractors}.npz", words="strangers"
    )
    negatives = kept(_made(maker, originals, NEGATIVE, 1), path=folder / f"negatives-{tag}.npz", words="hard negatives")
    reports = []
    for plan, distractors in ((STANDARD, strangers), (HARD, joined(strangers, negatives))):
        copies = kept(
            _made(maker, originals, plan, size.copies), path=folder / f"{plan.name}-{tag}.npz", words=plan.name
        )
        reports.append(_report(plan, Trial(registered, copies, distractors), learned))
    return reports


def _report(plan: SetPlan, trial: Trial, learned: WeightTable) -> SetReport:
    equal = WeightTable("equal", {group: RegionWeights.equal() for group in WeightGroup})
    methods = (
        ("mean of regions (stands in for Traditional)", None),
        ("equal weights", equal),
        ("hand-set weights", read_weight_table(HAND_SET)),
        (f"learned weights ({learned.version})", learned),
    )
    lines = tuple(line for name, table in methods for line in measure_method(name, trial, table))
    gallery = int((joined(trial.originals, trial.distractors).groups != "").sum())
    return SetReport(plan.name, len(trial.originals), len(trial.copies), gallery, lines)


def _spread(originals: Sequence[Original], count: int) -> list[Original]:
    return [originals[place * len(originals) // count] for place in range(min(count, len(originals)))]


def _plain(originals: Sequence[Original]) -> Iterator[Asked]:
    for original in originals:
        yield Asked(original.garment.photo, original.garment.path.read_bytes)


def _strangers(root: Path, count: int | None) -> Iterator[Asked]:
    """Training photos of upper garments and street photos: only ever in the way."""
    garments = [one for one in read_garments(root) if one.fold in (Fold.TRAIN, Fold.CALIBRATION)]
    photos = [(one.photo, one.path) for one in garments] + [(one.photo, one.path) for one in read_street(root)]
    for name, path in photos[:count]:
        yield Asked(f"stranger {name}", path.read_bytes)


def _made(maker: CopyMaker, originals: Sequence[Original], plan: SetPlan, count: int) -> Iterator[Asked]:
    for original in originals:
        for seed in range(count):
            yield Asked(original.garment.photo, partial(_jpeg, maker, original, plan, seed))


def _jpeg(maker: CopyMaker, original: Original, plan: SetPlan, seed: int) -> bytes | None:
    copy = make_copy(maker, original, plan, seed)
    return None if copy is None else copy.jpeg()
