"""Photos looked at once: made, detected, located and kept in a folder outside git, whatever embedders come later."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.progress import track

from models.benchmark.sightings import SightedPhoto, Sighting, Truth, write_sighted
from models.fingerprint import FLIPPED, dihedral_fingerprints
from models.preprocessing import ImageLimits, decode
from models.runtime.describe import PhotoDescriber
from models.types import Image


@dataclass(frozen=True, slots=True)
class Asked:
    """A photo to look at: `owner` names the garment it shows or copies, `key` its file; `make` gives its bytes and
    what is known of it, or None where no such copy can be made."""

    owner: str
    key: str
    make: Callable[[], tuple[bytes, Truth] | None]


def plain_photo(owner: str, key: str, path: Path) -> Asked:
    """A photo as it is."""
    return Asked(owner, key, partial(_read, path))


def look_once(asked: Iterable[Asked], describer: PhotoDescriber, folder: Path, words: str) -> list[Path]:
    """The files of all that could be made, in the order asked; what is in `folder` already is not looked at again."""
    wanted = list(asked)
    paths = {one.key: folder / f"{one.key}.npz" for one in wanted}
    missing = [one for one in wanted if not paths[one.key].exists() and not _unmade(paths[one.key]).exists()]
    for one in track(missing, words, disable=not missing):
        made = one.make()
        if made is None:
            _unmade(paths[one.key]).parent.mkdir(parents=True, exist_ok=True)
            _unmade(paths[one.key]).touch()
            continue
        data, truth = made
        sightings = sight(decode(data, ImageLimits()), describer)
        write_sighted(SightedPhoto(one.owner, truth, sightings), paths[one.key])
    return [path for path in paths.values() if path.exists()]


def sight(image: Image, describer: PhotoDescriber) -> tuple[Sighting, ...]:
    """The garments of a photo, the largest first."""
    garments = describer.cut_out(image)
    landmarks, regions = describer.locate(image, garments)
    rows = [
        Sighting(garment, marks, boxes, hashes[0], hashes[FLIPPED])
        for garment, marks, boxes in zip(garments, landmarks, regions, strict=True)
        for hashes in [dihedral_fingerprints(garment.crop)]
    ]
    return tuple(sorted(rows, key=lambda row: -row.garment.detection.box.area))


def _unmade(path: Path) -> Path:
    return path.with_suffix(".unmade")


def _read(path: Path) -> tuple[bytes, Truth]:
    return path.read_bytes(), Truth()
