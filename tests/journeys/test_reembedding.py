"""A release with other models: the old service goes on, the new one waits, says what to do, and opens by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from deploy.server_process import Server, serving, wait_until_ready
from index.catalogue import Catalogue
from index.photos import PhotoFiles
from index.registry import Registry
from index.types import Query
from models.preprocessing import ImageLimits, decode
from models.runtime.shipped import open_describer
from models.weighting import RegionWeights
from service.demo.catalogue import demo_catalogue
from service.settings import WEIGHTS_DIR
from tests.factories import make_garment, make_new_photo
from tests.photos import photo
from tests.postgres import Cluster

ROOT = Path(__file__).resolve().parents[2]
ITEMS = 6
NEWER = "fake-models-2"


def check(server: Server, seed: int) -> str:
    answer = httpx.post(f"{server.address}/check-plagiarism", files={"image": photo(seed)}, timeout=60)
    return str(answer.json().get("verdict", answer.json().get("code")))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_new_service_waits_until_its_models_have_described_everything(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """It never answers "clear" for want of looking; both are right before the switch and after it."""
    url = f"sqlite:///{tmp_path / 'catalogue.sqlite'}"
    if kind == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres")
        url = cluster.new_database()
    settings = {"demo": "0", "redis_url": "off", "database_url": url}
    with serving(tmp_path, settings, fake_models=True) as old:
        for seed in range(ITEMS):
            added = httpx.post(
                f"{old.address}/index/add", files={"image": photo(seed)}, data={"item_id": f"SKU-{seed}"}, timeout=60
            )
            assert added.status_code == 201
        with serving(tmp_path, settings, fake_models=NEWER, ready=False) as new:
            while "selvedge index reembed" not in (told := said_by(new)):
                assert new.process.poll() is None
            assert f"{ITEMS} photos were described by other models, not yet by {NEWER}" in told
            assert (check(new, 1), check(old, 1)) == ("not_ready", "image_copy")
            command = [sys.executable, "-m", "tests.fake_reembed", str(tmp_path), url, NEWER]
            done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
            assert done.stdout == f"{ITEMS} described, 0 unseen, 0 failed\n"
            wait_until_ready(new)
            for seed in (1, ITEMS + 1):
                right = "image_copy" if seed < ITEMS else "clear"
                assert (check(new, seed), check(old, seed)) == (right, right)


def said_by(server: Server) -> str:
    try:
        return httpx.get(f"{server.address}/readyz", timeout=60).text
    except httpx.TransportError:
        return ""


def test_the_shipped_models_describe_what_others_did(tmp_path: Path) -> None:
    """By the command itself, in a process of its own: one photo is missing at first, at last all is tidied."""
    url, photos = f"sqlite:///{tmp_path / 'catalogue.sqlite'}", PhotoFiles(tmp_path / "photos")
    catalogue = Catalogue(url)
    jpegs = [item.jpeg for item, _ in zip(demo_catalogue(), range(2), strict=False)]
    for number, jpeg in enumerate(jpegs):
        seen = decode(jpeg, ImageLimits())
        new = make_new_photo(number, models_version="older", garments=(make_garment(number, dimension=8),))
        new = type(new)(**{name: getattr(new, name) for name in new.__slots__} | {"sha256": seen.sha256})
        with photos.stored(seen.sha256, jpeg):
            catalogue.add(new)
    lost = decode(jpegs[1], ImageLimits()).sha256
    (tmp_path / "photos" / lost[:2] / lost).unlink()
    code, told = run_command(tmp_path)
    assert (code, "SKU-1" in told, "1 photos are left" in told) == (1, True, True), told
    (tmp_path / "photos" / lost[:2] / lost).write_bytes(jpegs[1])
    assert run_command(tmp_path)[0] == 0
    assert set(catalogue.counts().designs) == {"older", installed_version()}
    code, told = run_command(tmp_path, "--drop-old")
    assert (code, "of 2 photos" in told) == (0, True), told
    assert catalogue.counts().designs == {installed_version(): 2}
    catalogue.close()
    registry = Registry(url, tmp_path, installed_version())
    registry.start()
    describer = open_describer(WEIGHTS_DIR)
    garment = describer.describe(decode(jpegs[0], ImageLimits())).garments[0]
    describer.close()
    query = Query(garment.embeddings, garment.mirrored, RegionWeights.equal(), installed_version(), min_score=0.99)
    assert [hit.item_id for hit in registry.search(query)] == ["SKU-0"]
    registry.close()


def run_command(data_dir: Path, *more: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "service", "index", "reembed", "--data-dir", str(data_dir), *more]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SELVEDGE_")}
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, env=environment)
    return done.returncode, done.stdout + done.stderr


def installed_version() -> str:
    from service.cli.opening import installed_models
    from service.settings import read_settings

    return installed_models(read_settings({}))
