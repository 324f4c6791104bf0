"""Which photos the benchmark looks at: originals, their copies, hard negatives, strangers, and photos nobody copied."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from models.benchmark.looking import Asked, look_once, plain_photo
from models.benchmark.made_copies import make_copy
from models.benchmark.sets import NEGATIVE, PUBLISHED, UNIFORM, SetPlan, plan_digest
from models.benchmark.sightings import Truth
from models.runtime.describe import PhotoDescriber
from models.taxonomy import WeightGroup
from models.training.data.complete_labels import complete_labels
from models.training.data.copies import CopyMaker, Original, copy_maker, read_originals
from models.training.data.readers import (
    Fold,
    GarmentPhoto,
    StorePhoto,
    read_garments,
    read_pairs,
    read_stores,
    read_street,
)

NO_DESIGN = frozenset({"Pants", "Shorts", "Skirt", "Hat", "Shoes"})
"""Shop's words for what is never called a copy: it would only make false alarms look rarer."""
BLANKS = "polymer"
"""The store whose tops are one blank with many prints."""
WEARERS = frozenset({"ladies", "women", "men", "s", "unisex", "adult"})


@dataclass(frozen=True, slots=True)
class Size:
    """How many originals are copied how often; how many strangers fill the gallery and how many photos nobody copied
    are checked (None: all there are)."""

    originals: int = 150
    copies: int = 4
    distractors: int | None = None
    untouched: int | None = None

    @property
    def whole(self) -> bool:
        """Whether its figures mean something."""
        return self.originals >= 100


QUICK = Size(originals=12, copies=1, distractors=100, untouched=40)
"""Shows that all works; its figures mean little."""


@dataclass(frozen=True, slots=True)
class Photos:
    """Files of `look_once`. `copies` by the name of their set; `groups`: original → weight group read by a person;
    `pairs`: look-alikes among `untouched`, judged by eye to be similar and no copies."""

    groups: Mapping[str, str]
    originals: list[Path]
    copies: Mapping[str, list[Path]]
    negatives: list[Path]
    training: list[Path]
    street: list[Path]
    untouched: list[Path]
    blanks: list[Path]
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Studio:
    """Where photos come from and where what was seen of them is kept; `seen` names detector and landmark network."""

    describer: PhotoDescriber
    root: Path
    seen: Path

    def look(self, asked: Sequence[Asked] | Iterator[Asked], words: str) -> list[Path]:
        return look_once(asked, self.describer, self.seen, words)

    def labels(self) -> Path:
        """Landmarks of every garment with a mask, all the network's: made once."""
        path = self.seen / "complete.jsonl"
        if not path.exists():
            self.seen.mkdir(parents=True, exist_ok=True)
            partial_file = path.with_suffix(".partial")
            complete_labels(self.describer.landmarker, self.root, None, partial_file)
            partial_file.replace(path)
        return path


def look_at_all(studio: Studio, size: Size) -> Photos:
    """All sets, with the odds of edits and without, and all that is in the way."""
    labels = studio.labels()
    originals = spread(read_originals(studio.root, labels, Fold.VALIDATION), size.originals)
    maker = cache(partial(copy_maker, studio.root, labels))
    registered = [one.garment.photo for one in originals]
    untouched, pairs = _untouched(studio.root, registered, size.untouched)
    training, street = strangers(studio.root, size.distractors)
    return Photos(
        groups={one.garment.photo: one.landmarks.category.group.value for one in originals},
        originals=studio.look([garment_photo(one.garment) for one in originals], "originals"),
        copies={
            plan.name: studio.look(copies_of(maker, originals, plan, size.copies), plan.name)
            for plan in (*PUBLISHED, *UNIFORM)
        },
        negatives=studio.look(copies_of(maker, originals, NEGATIVE, 1), "hard negatives"),
        training=studio.look(training, "strangers"),
        street=studio.look(street, "strangers in the street"),
        untouched=studio.look([garment_photo(one) for one in untouched], "photos that nobody copied"),
        blanks=studio.look(_blanks(studio.root, size.untouched), "prints on one blank"),
        pairs=pairs,
    )


def spread(originals: Sequence[Original], count: int) -> list[Original]:
    """As many of each weight group as there are, evenly through the list; `count` in all, or fewer."""
    groups = [group for group in WeightGroup if group is not WeightGroup.BOTTOM]
    of_group = {g: [one for one in originals if one.landmarks.category.group is g] for g in groups}
    wanted = dict.fromkeys(groups, 0)
    for _ in range(min(count, sum(map(len, of_group.values())))):
        open_groups = [group for group in groups if wanted[group] < len(of_group[group])]
        wanted[min(open_groups, key=wanted.__getitem__)] += 1
    return [
        of_group[group][place * len(of_group[group]) // wanted[group]]
        for group in groups
        for place in range(wanted[group])
    ]


def strangers(
    root: Path, count: int | None, *, street_folds: tuple[Fold, ...] = (Fold.TRAIN, Fold.VALIDATION)
) -> tuple[list[Asked], list[Asked]]:
    """Training photos of garments, and street photos: only ever in the way."""
    known = [one for one in read_garments(root) if one.fold in (Fold.TRAIN, Fold.CALIBRATION)]
    garments = [garment_photo(one) for one in known]
    street = [one for one in read_street(root) if one.fold in street_folds]
    worn = [plain_photo(f"street {one.photo}", f"street/{Path(one.photo).stem}", one.path) for one in street]
    if count is None or count >= len(garments) + len(worn):
        return garments, worn
    share = count * len(garments) // max(1, len(garments) + len(worn))
    return _every(garments, share), _every(worn, count - share)


def garment_photo(garment: GarmentPhoto) -> Asked:
    return plain_photo(garment.photo, f"photos/{Path(garment.photo).stem}", garment.path)


def copies_of(
    maker: Callable[[], CopyMaker], originals: Sequence[Original], plan: SetPlan, count: int
) -> Iterator[Asked]:
    """`count` copies of each; the name of their folder tells plan and data engine."""
    folder = f"{plan.name.replace(', ', '-').replace(' ', '-')}-{plan_digest(plan)}"
    for original in originals:
        for seed in range(count):
            key = f"{folder}/{Path(original.garment.photo).stem}-{seed}"
            yield Asked(original.garment.photo, key, partial(_made, maker, original, plan, seed))


def _made(maker: Callable[[], CopyMaker], original: Original, plan: SetPlan, seed: int) -> tuple[bytes, Truth] | None:
    copy = make_copy(maker(), original, plan, seed)
    if copy is None:
        return None
    return copy.jpeg(), Truth(copy.altered, copy.covered, copy.edits, copy.flipped, copy.recoloured)


def _untouched(
    root: Path, first: Sequence[str], count: int | None
) -> tuple[list[GarmentPhoto], tuple[tuple[str, str], ...]]:
    """Photos of upper garments by validation contributors: `first`, then those of judged pairs, then the others."""
    known = {
        one.photo: one
        for one in read_garments(root)
        # A contributor's "skirt" that was read as a dress may be an original all the same.
        if one.fold is Fold.VALIDATION and (one.label not in NO_DESIGN or one.photo in first)
    }
    similar = [(pair.a, pair.b) for pair in read_pairs(root) if pair.verdict == "similar"]
    similar = [pair for pair in similar if pair[0] in known and pair[1] in known]
    names = list(dict.fromkeys([*first, *(name for pair in similar for name in pair), *known]))[:count]
    chosen = set(names)
    return [known[name] for name in names], tuple(pair for pair in similar if chosen.issuperset(pair))


def _blanks(root: Path, count: int | None) -> list[Asked]:
    tops = [one for one in read_stores(root, (BLANKS,)) if one.is_top]
    return [plain_photo(_design(one), f"{BLANKS}/{Path(one.photo).stem}", one.path) for one in tops[:count]]


def _design(photo: StorePhoto) -> str:
    """One print on a man's and a woman's blank is one design: the title without the words for who wears it."""
    words = re.findall(r"[a-z0-9]+", photo.title.lower())
    return " ".join([BLANKS, *(word for word in words if word not in WEARERS)])


def _every(asked: Sequence[Asked], count: int) -> list[Asked]:
    """`count` of them, evenly through the list."""
    return [asked[place * len(asked) // count] for place in range(count)]
