"""Reused pictures: are they found among registered photos, told from the same design photographed anew, and named?

`python -m tests.benchmarks image-copies` (one of the parts of `tests.benchmarks`). Registered: the originals of a fold,
and training photos as strangers. Asked: each original with one attack of `models/training/data/image_attacks.py` after
the other in turn, a design copy of each (`copies.py`), and photos that nobody registered. Micro-AP as DISC21 takes it:
all pairs of query and registered photo, of all queries together, ranked by one confidence.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track

from index.registry import Registry
from index.types import DEFAULT_TENANT, ItemDetails, NewPhoto
from models.preprocessing import ImageLimits, decode
from models.runtime.describe import PhotoDescriber, pick_garment
from models.training.data.copies import Original, copy_maker, read_originals
from models.training.data.image_attacks import Attack, PictureThief
from models.training.data.readers import Fold
from service.access.tenancy import TenantCatalogue
from service.cache import SeenCache
from service.cache_store import NoStore
from service.capacity import Capacity
from service.decoding.decoders import InProcessDecoder
from service.decoding.process import DecodeLimits
from service.images import PhotoReader
from service.judging import Rules
from service.observability import Metrics
from service.photo_judge import PhotoJudge
from service.pictures import PictureComparer
from service.requests import CheckFields
from service.schemas import CheckOut
from service.verdict import Verdict
from tests.benchmarks.tables import Report, milliseconds, share

SEED = 91
STRANGERS = 400
OTHERS_EVERY = 40
"""Training photos that collages are filled up with: every so many."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One query: what was done to its picture, which item it shows (None: none), and what came back.

    `found` are (item, confidence) of everything with a confidence above zero; `verdict` that of its own item.
    """

    kind: str
    item: str | None
    found: tuple[tuple[str, float], ...]
    verdict: Verdict | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Line:
    """Everything between bytes and verdict, without HTTP and without caches."""

    reader: PhotoReader
    capacity: Capacity
    judge: PhotoJudge
    rules: Rules
    catalogue: TenantCatalogue

    @staticmethod
    def of(describer: PhotoDescriber, rules: Rules, registry: Registry) -> Line:
        metrics = Metrics()
        decoder = InProcessDecoder(DecodeLimits(ImageLimits(), 1, 9.0, 0))
        capacity = Capacity(1, 4, 4, 60.0, metrics)
        seen = SeenCache(NoStore(), describer.models_version, 1, metrics)
        reader = PhotoReader(describer, seen, capacity, decoder, 20_000_000)
        judge = PhotoJudge(reader, capacity, PictureComparer(decoder))
        return Line(reader, capacity, judge, rules, TenantCatalogue(registry, DEFAULT_TENANT))

    async def ask(self, kind: str, item: str | None, data: bytes) -> Asked:
        versions = self.rules.versions(self.reader.models_version, self.catalogue.sequence)
        async with self.capacity.admitted():
            seen = await self.reader.look(data, DEFAULT_TENANT)
            answer = await self.judge.judge(data, seen, CheckFields(), versions, self.catalogue, self.rules)
        matches = [match for garment in answer.garments for match in garment.matches if match.item_id == item]
        verdicts = [match.verdict for match in matches]
        verdicts += [one.verdict for one in answer.pictures if one.item_id == item]
        gravest = max(verdicts, key=lambda verdict: verdict.gravity, default=None)
        spent = (answer.timings_ms["search"] + answer.timings_ms["pictures"]) / 1e3
        return Asked(kind, item, confidences(answer), gravest, spent)


def measure(
    describer: PhotoDescriber, rules: Rules, registry: Registry, root: Path, labels: Path, fold: Fold, most: int
) -> Report:
    """`most` originals of the fold; `labels` as `complete_labels` writes them."""
    originals = spread(read_originals(root, labels, fold), most)
    training = read_originals(root, labels, Fold.TRAIN)
    strangers = spread(training, min(STRANGERS, most))
    for original in track([*originals, *strangers], "registering"):
        register(describer, registry, original)
    line = Line.of(describer, rules, registry)
    asked = asyncio.run(_ask_all(line, queries_of(root, labels, originals, training, strangers)))
    line.capacity.close()
    sure = rules.policy.pictures.least_confidence
    return report_of(asked, sure, len(originals) + len(strangers), fold)


def queries_of(
    root: Path,
    labels: Path,
    originals: Sequence[Original],
    training: Sequence[Original],
    strangers: Sequence[Original],
) -> Iterator[tuple[str, str | None, bytes]]:
    """(kind, item that it shows, photo): two attacks on each original in turn, a design copy, and photos of nobody."""
    thief = PictureThief(tuple(original.pixels() for original in training[::OTHERS_EVERY]))
    maker = copy_maker(root, labels)
    attacks = list(Attack)
    for number, original in enumerate(originals):
        name = _item(original)
        for place in (2 * number, 2 * number + 1):
            attack = attacks[place % len(attacks)]
            yield attack.value, name, thief.reuse(original.garment.photo, original.pixels(), attack, SEED)
        copy = maker.copy(original, SEED)
        if copy is not None:
            yield "design", name, copy.jpeg()
    known = {_item(original) for original in strangers}
    unregistered = [original for original in training if _item(original) not in known]
    for original in spread(unregistered, len(originals)):
        yield "stranger", None, original.garment.path.read_bytes()


async def _ask_all(line: Line, queries: Iterable[tuple[str, str | None, bytes]]) -> list[Asked]:
    return [await line.ask(*query) for query in track(list(queries), "asking")]


def spread(originals: Sequence[Original], most: int) -> list[Original]:
    """At most so many, evenly over all."""
    places = np.linspace(0, len(originals) - 1, min(most, len(originals))).round().astype(int)
    return [originals[place] for place in places]


def register(describer: PhotoDescriber, registry: Registry, original: Original) -> None:
    """Nothing where no garment is found."""
    data = original.garment.path.read_bytes()
    photo = describer.describe(decode(data, ImageLimits()))
    if photo.garments:
        registry.add(
            NewPhoto(
                _item(original), ItemDetails(), photo.sha256, photo.width, photo.height, photo.models_version,
                photo.garments, pick_garment([one.detection for one in photo.garments], None),
                fingerprint=photo.prints[0][0],
            ),
            data,
        )  # fmt: skip


def confidences(answer: CheckOut) -> tuple[tuple[str, float], ...]:
    """Of every registered item that the answer names: that its picture was reused, 0..1."""
    found: dict[str, float] = defaultdict(float)
    matches = [(match.item_id, match.picture) for garment in answer.garments for match in garment.matches]
    for item, picture in [*matches, *((one.item_id, one.picture) for one in answer.pictures)]:
        if picture is not None:
            near = 0.0 if picture.distance is None else max(0.0, 1 - picture.distance / 128)
            found[item] = max(found[item], near if picture.confidence is None else picture.confidence)
    return tuple((item, sure) for item, sure in found.items() if sure > 0)


def micro_average_precision(asked: Sequence[Asked]) -> float:
    """DISC21: every query's own item is to be found once; all pairs ranked together, later ties pessimistic."""
    pairs = sorted(
        (-sure, item == one.item) for one in asked if one.kind != "design" for item, sure in one.found
    )  # fmt: skip
    wanted = sum(one.item is not None for one in asked if one.kind != "design")
    right = np.cumsum([true for _, true in pairs])
    precision = right / np.arange(1, len(pairs) + 1)
    return float(sum(precision[row] for row, (_, true) in enumerate(pairs) if true) / max(1, wanted))


def report_of(asked: Sequence[Asked], least_confidence: float, registered: int, fold: Fold) -> Report:
    report = Report(f"Image copies, {fold.value} fold, among {registered} registered photos")
    copies = [one for one in asked if one.kind in set(Attack)]
    named = [one.verdict is Verdict.IMAGE_COPY for one in copies]
    designs = [one.verdict is Verdict.IMAGE_COPY for one in asked if one.kind == "design"]
    strangers = [
        max((sure for _, sure in one.found), default=0.0) >= least_confidence for one in asked if one.kind == "stranger"
    ]
    report.add("micro-AP", "≥ 0.90", f"{micro_average_precision(asked):.3f}", len(copies))
    report.add("image copies named so", "≥ 0.95", share(named), len(named))
    for kind in Attack:
        report.add(f"– {kind.value}", "–", share(_named(asked, kind.value)), len(_named(asked, kind.value)))
    report.add("design copies named image copies", "≤ 0.05", share(designs), len(designs))
    report.add("unregistered photos with a registered picture seen in them", "–", share(strangers), len(strangers))
    report.add("search and pictures, one check", "–", milliseconds([one.seconds for one in asked]), len(asked))
    return report


def _named(asked: Iterable[Asked], kind: str) -> list[bool]:
    return [one.verdict is Verdict.IMAGE_COPY for one in asked if one.kind == kind]


def _item(original: Original) -> str:
    return original.garment.photo.removesuffix(".jpg")
