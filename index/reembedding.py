"""Describes every photo anew with other models, beside what the models of before said, which goes on being served."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from index.catalogue import Catalogue
from index.errors import ItemNotFound, PhotoDamaged
from index.generations import Description, UndescribedPhoto
from index.photos import PhotoStore
from models.errors import ModelsError
from models.taxonomy import Category
from models.types import DescribedGarment

log = logging.getLogger(__name__)

PHOTOS_TOGETHER = 16
"""Photos described for one commit: what an interruption loses at most."""
Describe = Callable[[bytes, Category | None], tuple[tuple[DescribedGarment, ...], int]]
"""A photo's bytes and what its design was registered as, if that is known → its garments, and which is the design."""


@dataclass(slots=True)
class Reembedded:
    """What became of the photos: `unseen` are those in which the new models saw no garment, also where they failed.

    `failed`: the photo, and why it could not be described; it stays undescribed unless it was to be skipped.
    """

    described: int = 0
    unseen: int = 0
    failed: list[tuple[UndescribedPhoto, str]] = field(default_factory=list)


def reembed(
    catalogue: Catalogue,
    photos: PhotoStore,
    models_version: str,
    describe: Describe,
    tick: Callable[[], None] = lambda: None,
    skip_failed: bool = False,
) -> Reembedded:
    """Until no photo is left, those that are registered meanwhile included; begun again it goes on where it ended.

    With `skip_failed` a photo that cannot be described counts as one in which nothing is seen: no search finds it.
    """
    report = Reembedded()
    after = 0
    while batch := catalogue.undescribed(models_version, after, PHOTOS_TOGETHER):
        described = []
        for photo in batch:
            try:
                garments, design = describe(photos.read(photo.sha256), photo.category)
            except (ModelsError, ItemNotFound, PhotoDamaged) as error:
                report.failed.append((photo, str(error)))
                garments, design = (), 0
                if not skip_failed:
                    tick()
                    continue
            report.unseen += not garments
            described.append(Description(photo.number, garments, design))
            tick()
        report.described += catalogue.describe(models_version, described)
        after = batch[-1].number
    return report


def fill_prints(
    catalogue: Catalogue,
    photos: PhotoStore,
    print_of: Callable[[bytes], bytes],
    tick: Callable[[], None] = lambda: None,
) -> int:
    """Take the print of every photo that was registered before there were any; how many items that changed.

    `print_of`: a photo's bytes → the PDQ hash of the whole. A photo that cannot be read stays without.
    """
    filled = after = 0
    while batch := catalogue.unprinted(after, PHOTOS_TOGETHER):
        prints = []
        for number, sha256 in batch:
            try:
                prints.append((number, print_of(photos.read(sha256))))
            except (ModelsError, ItemNotFound, PhotoDamaged) as error:
                log.warning("photo %s has no print: %s", sha256, error)
            tick()
        filled += catalogue.keep_prints(prints)
        after = batch[-1][0]
    return filled
