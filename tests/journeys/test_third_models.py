"""Three generations of models on one record, the first of which is dropped: none waits for a photo for ever."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from index.catalogue import Catalogue
from index.generations import Description
from index.photos import PhotoFiles
from models.taxonomy import Category
from tests.factories import make_new_photo
from tests.photos import encode, photo

ROOT = Path(__file__).resolve().parents[2]
SECOND, THIRD = "fake-models-2", "fake-models-3"


def reembed(data_dir: Path, url: str, version: str) -> str:
    command = [sys.executable, "-m", "tests.fake_reembed", str(data_dir), url, version]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_photos_in_which_the_second_models_saw_nothing_are_described_by_the_third(tmp_path: Path) -> None:
    """Nobody knows any more what they were registered as, so the third look without a hint; one stays without."""
    url, photos = f"sqlite:///{tmp_path / 'catalogue.sqlite'}", PhotoFiles(tmp_path / "photos")
    plain = encode(np.full((320, 320, 3), 128, np.uint8))
    with closing(Catalogue(url)) as catalogue:
        for seed, data in enumerate((photo(0), photo(1), plain)):
            sha256 = hashlib.sha256(data).hexdigest()
            with photos.stored(sha256, data):
                first = make_new_photo(seed, models_version="first models", category=Category.VEST)
                catalogue.add(replace(first, sha256=sha256))
        waiting = catalogue.undescribed(SECOND, 0, 10)
        catalogue.describe(SECOND, [Description(one.number, (), 0) for one in waiting[1:]])
        assert reembed(tmp_path, url, SECOND) == "1 described, 0 unseen, 0 failed\n"
        assert catalogue.drop_other_descriptions(SECOND) == 3
        assert reembed(tmp_path, url, THIRD) == "3 described, 1 unseen, 0 failed\n"
        assert catalogue.count_undescribed(THIRD) == 0
        assert catalogue.drop_other_descriptions(THIRD) == 3
        seen = [
            [held.described.detection.category for held in item.photos[0].garments] for item in catalogue.list().items
        ]
    assert seen == [[Category.VEST], [Category.SHORT_SLEEVE_TOP], []]
