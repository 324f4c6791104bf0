"""`selvedge index reembed`: what new models see of the photos that are there, beside what is being served."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from service.cli.opening import (
    DatabaseUrl,
    DataDir,
    command_settings,
    installed_models,
    opened_record,
    progress_bar,
)
from service.cli.priority import yield_to_checks
from service.settings import Settings

if TYPE_CHECKING:
    from index.catalogue import Catalogue
    from index.reembedding import Describe, Reembedded
    from models.runtime.describe import Describer
    from service.decoding.decoders import PhotoDecoder


def reembed(
    skip_failed: Annotated[
        bool, typer.Option(help="Let photos that cannot be described go unsearched, instead of waiting for them.")
    ] = False,
    drop_old: Annotated[
        bool, typer.Option(help="Forget what other models saw, once no service with them runs any more.")
    ] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Let the installed models describe every photo that other models did, while those are served.

    Photos of before there were prints get theirs too, by which reused pictures are found. May be interrupted and begun
    again. A service with the installed models opens by itself once all is described. Exit code 1 where photos could not
    be described.
    """
    from index.snapshot import Snapshots
    from service.bootstrap import load_describer

    settings = command_settings(data_dir, database_url)
    with opened_record(settings) as catalogue:
        version = installed_models(settings)
        waiting = catalogue.count_undescribed(version)
        if waiting:
            describer = load_describer(settings)
            with progress_bar("photos described", waiting) as tick:
                report = reembed_all(settings, catalogue, describer, tick, skip_failed)
            describer.close()
            _say_what_became(report, skip_failed)
        with progress_bar("photos printed") as tick:
            printed = print_all(settings, catalogue, tick)
        if printed:
            Console().print(f"{printed:,} items have a print of the whole photo now", highlight=False)
        left = catalogue.count_undescribed(version)
        Console().print(f"{left:,} photos are left that the models {version} have not described", highlight=False)
        if left:
            raise typer.Exit(1)
        if drop_old:
            dropped = 0
            with progress_bar("photos tidied") as tick:
                while some := catalogue.drop_other_descriptions(version):
                    dropped += some
                    tick()
            snapshots = Snapshots(settings.data_dir.resolve() / "snapshots").discard_others(version)
            said = f"{snapshots} snapshots of theirs" + _drop_kept(settings, version)
            Console().print(f"dropped: what other models saw of {dropped:,} photos, {said}")


def _drop_kept(settings: Settings, version: str) -> str:
    """What an engine keeps of other models; said as the end of a sentence."""
    from index.shared_live import KeptVectors
    from service.bootstrap_index import open_vectors

    vectors = open_vectors(settings, version)
    try:
        return f", {vectors.discard_others()} collections" if isinstance(vectors, KeptVectors) else ""
    finally:
        vectors.close()


def _say_what_became(report: Reembedded, skipped: bool) -> None:
    Console().print(f"{report.described:,} photos described, in {report.unseen:,} of them no garment was seen")
    for photo, reason in report.failed:
        words = "skipped" if skipped else "not described"
        Console(stderr=True).print(
            f"{words}: {photo.item_id} {photo.photo_id}: {reason}", style="red", markup=False, highlight=False
        )
    if report.failed and not skipped:
        Console(stderr=True).print("restore those photos and run this again, or give --skip-failed")


def describe_stored(describer: Describer, decoder: PhotoDecoder) -> Describe:
    """Looks at a stored photo as an add would, told the category that its design was registered as, if it is known."""
    from models.runtime.describe import pick_garment
    from models.taxonomy import Category
    from models.types import DescribedGarment

    def describe(data: bytes, category: Category | None) -> tuple[tuple[DescribedGarment, ...], int]:
        garments = describer.describe(decoder.decode(data), category).garments
        design = pick_garment([garment.detection for garment in garments], category) if garments else 0
        return garments, design

    return describe


def reembed_all(
    settings: Settings, catalogue: Catalogue, describer: Describer, tick: Callable[[], None], skip_failed: bool
) -> Reembedded:
    """Every photo that these models have not described, at a low priority."""
    from index.reembedding import reembed
    from service.bootstrap import make_decoder
    from service.bootstrap_index import open_photos

    yield_to_checks()
    photos = open_photos(settings)
    with ExitStack() as opened:
        decoder = make_decoder(settings.images)
        opened.callback(decoder.close)
        describe = describe_stored(describer, decoder)
        return reembed(catalogue, photos, describer.models_version, describe, tick, skip_failed)


def print_all(settings: Settings, catalogue: Catalogue, tick: Callable[[], None]) -> int:
    """The prints of photos that were registered before there were any."""
    from index.reembedding import fill_prints
    from models.fingerprint import dihedral_fingerprints
    from service.bootstrap import make_decoder
    from service.bootstrap_index import open_photos

    if not catalogue.unprinted(0, 1):
        return 0
    photos = open_photos(settings)
    with ExitStack() as opened:
        decoder = make_decoder(settings.images)
        opened.callback(decoder.close)
        return fill_prints(catalogue, photos, lambda data: dihedral_fingerprints(decoder.decode(data).pixels)[0], tick)
