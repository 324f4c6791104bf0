"""What is kept of a photo is what was seen of it, to the last bit."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from models.benchmark.embeddings import Network, embed_once
from models.benchmark.looking import Asked, look_once
from models.benchmark.sightings import SightedPhoto, Sighting, Truth, read_sighted, write_sighted
from models.geometry import Affine
from models.runtime.shipped import open_describer
from models.taxonomy import Category, RegionName
from models.types import Garment, RegionEmbeddings
from service.settings import Settings
from tests.factories import make_garment
from tests.models.benchmark.made_rows import trained

WEIGHTS_DIR = Settings().weights_dir
TRUTH = Truth((RegionName.CHEST,), (RegionName.LEFT_SLEEVE,), ("band",), flipped=True, recoloured=False)


def sighting(seed: int, category: Category, mask: int = 31) -> Sighting:
    """A made-up garment with a crop of noise."""
    rng = np.random.default_rng(seed)
    garment = make_garment(seed, category, mask)
    frame = Affine(np.array([[1.5, 0, rng.uniform(0, 9)], [0, 1.5, 1 / 3]]))
    crop = rng.integers(0, 255, (288, 288, 3)).astype(np.uint8)
    return Sighting(
        Garment(garment.detection, crop, frame),
        garment.landmarks,
        garment.regions,
        garment.fingerprint,
        garment.mirrored_fingerprint,
    )


def test_a_kept_photo_is_read_as_it_was(tmp_path: Path) -> None:
    """Of every category, with regions missing; an embedder is then fed exactly as in serving."""
    rows = tuple(sighting(seed, category, mask=7 + seed) for seed, category in enumerate(Category))
    write_sighted(SightedPhoto("a.jpg", TRUTH, rows), tmp_path / "photos" / "a.npz")
    read = read_sighted(tmp_path / "photos" / "a.npz")
    assert (read.owner, read.truth) == ("a.jpg", TRUTH)
    for kept, was in zip(read.sightings, rows, strict=True):
        assert kept.garment.detection == was.garment.detection
        assert kept.regions == was.regions
        assert (kept.fingerprint, kept.mirrored_fingerprint) == (was.fingerprint, was.mirrored_fingerprint)
        assert np.array_equal(kept.garment.crop, was.garment.crop)
        assert np.array_equal(kept.garment.to_photo.matrix, was.garment.to_photo.matrix)
        assert np.array_equal(kept.landmarks.points_xy, was.landmarks.points_xy)
        assert np.array_equal(kept.landmarks.confidence, was.landmarks.confidence)
        assert np.array_equal(kept.landmarks.visible, was.landmarks.visible)


def test_a_photo_without_garments_keeps_its_place(tmp_path: Path) -> None:
    """It counts as not found; leaving it out would flatter the detector."""
    write_sighted(SightedPhoto("bare", Truth(), ()), tmp_path / "bare.npz")
    assert read_sighted(tmp_path / "bare.npz").sightings == ()


def test_what_other_networks_saw_is_embedded_anew(tmp_path: Path) -> None:
    """A new detector finds a garment where the old one found none; what was kept of the old one's is still read."""

    class Told:
        """Says the same of every garment."""

        def embed(self, garments: Sequence[Garment], *_: object) -> list[tuple[RegionEmbeddings, RegionEmbeddings]]:
            told = make_garment(1)
            return [(told.embeddings, told.mirrored)] * len(garments)

    old, new = (tmp_path / f"seen-{digest}" / "photos" / "a.npz" for digest in ("1111", "2222"))
    write_sighted(SightedPhoto("a.jpg", Truth(), ()), old)
    write_sighted(SightedPhoto("a.jpg", Truth(), (sighting(1, Category.VEST),)), new)
    network = Network("shipped", "0" * 12, Told(), trained())
    groups = [embed_once([path], network, tmp_path / "embedded", "").groups.tolist() for path in (old, new, old, new)]
    assert groups[0] == groups[2] == [""]
    assert groups[1] == groups[3] == [Category.VEST.group.value]


@pytest.mark.skipif(not (WEIGHTS_DIR / "embedder.onnx").exists(), reason=f"no weights in {WEIGHTS_DIR}")
def test_embeddings_of_kept_photos_are_those_of_serving(tmp_path: Path) -> None:
    """With the shipped networks on a drawn garment; what cannot be made is left out and not tried again."""
    from models.preprocessing import ImageLimits, decode
    from service.demo.catalogue import demo_catalogue

    jpeg = next(iter(demo_catalogue())).jpeg
    describer = open_describer(WEIGHTS_DIR)
    tries = []

    def unmakeable() -> None:
        tries.append(1)

    asked = [Asked("item", "photos/item", lambda: (jpeg, Truth())), Asked("none", "photos/none", unmakeable)]
    for _ in range(2):
        paths = look_once(asked, describer, tmp_path, "looking")
    assert [path.name for path in paths] == ["item.npz"]
    assert len(tries) == 1
    network = Network("shipped", "0" * 12, describer.embedder, trained())
    rows = embed_once(paths, network, tmp_path / "embedded", "embedding")
    garments = sorted(describer.describe(decode(jpeg, ImageLimits())).garments, key=lambda g: -g.detection.box.area)
    assert len(rows) == len(garments)
    for row, garment in enumerate(garments):
        assert np.allclose(rows.vectors[row, 0], garment.embeddings.vectors, atol=1e-5)
        assert np.allclose(rows.vectors[row, 1], garment.mirrored.vectors, atol=1e-5)
        assert np.allclose(rows.colours[row, 0], garment.embeddings.colours)
        assert rows.groups[row] == garment.detection.category.group.value
    describer.close()
