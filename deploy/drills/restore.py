"""The data dir is lost: what a backup brings back is what was there, keys included, and how long that takes."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import track

from deploy.drills.photos import Photo
from deploy.drills.report import DrillReport
from deploy.server_process import Server, serving
from index.backup import SNAPSHOTS, restore_backup, write_backup
from index.catalogue import Catalogue
from index.live import LiveIndex
from index.manifest import Manifest
from index.photos import PhotoFiles
from index.shards import Shards
from index.snapshot import Snapshots, sequence_of
from index.types import DEFAULT_TENANT
from index.verification import verify
from service.access.keys import MintedKey, Scope, mint
from service.access.keys_store import KeyStore

_SETTINGS = {"redis_url": "off", "demo": "0"}
_SNAPSHOT_WITHIN_S = 60.0
_DELETE_EVERY = 10
_SAMPLE = 20
_COUNTS = ("items", "photos", "garments", "searchable", "sequence", "categories")


@dataclass(frozen=True, slots=True)
class State:
    """What a caller sees: counts, the ids of all items, and of a sample the photos' SHA-256 and the checks' matches."""

    counts: dict[str, Any]
    items: list[str]
    photos: dict[str, list[str]]
    checks: dict[str, Any]


def drill(folder: Path, items: int, photo: Photo, *, fake_models: bool) -> DrillReport:
    """Adds so many items, deletes every tenth, backs up beside the service, wipes the data dir, restores.

    The deletes come after a snapshot, so that the one in the backup has tombstones, of which nothing may rise again.
    """
    report = DrillReport(f"a data dir restored from its backup, {items} items added")
    data_dir, backup = folder / "data", folder / "backup"
    ours, foreign = _key_in(data_dir), mint("foreign", DEFAULT_TENANT, frozenset({Scope.ADMIN}))
    snapshot_every = max(1, items // 4)
    settings = _SETTINGS | {"index__snapshot_every": str(snapshot_every)}
    with serving(data_dir, settings, fake_models=fake_models) as server, _client(server, ours) as client:
        _fill(client, items, photo)
        _wait_for_a_snapshot(data_dir, items - snapshot_every + 1)
        deleted = _delete_some(client, items)
        version = str(client.get("/index/stats").json()["models_version"])
        before = _look(client, photo)
        began = time.monotonic()
        _back_up(data_dir, backup, version)
        took, size = time.monotonic() - began, sum(path.stat().st_size for path in backup.rglob("*") if path.is_file())
        report.add("backup beside the service", "written", f"{took:.1f} s, {size / 1e6:.1f} MB", True)
        dead = sum(Manifest.read(path).dead for path in Snapshots(backup / SNAPSHOTS).paths())
        report.add("tombstones in its snapshot", "> 0", dead, dead > 0)
    shutil.rmtree(data_dir)
    began = time.monotonic()
    restore_backup(backup, data_dir, data_dir / "catalogue.sqlite", keys=data_dir / "keys.sqlite")
    report.add("restore into an empty data dir", "checked, copied", f"{time.monotonic() - began:.1f} s", True)
    _verified(report, data_dir, version)
    began = time.monotonic()
    with serving(data_dir, _SETTINGS, fake_models=fake_models) as server, _client(server, ours) as client:
        report.add("start on it", "ready", f"{time.monotonic() - began:.1f} s", True)
        _compare(report, before, _look(client, photo), deleted)
        _try_keys(report, server, ours, foreign)
    return report


def _key_in(data_dir: Path) -> MintedKey:
    """The administrator's key of a data dir, made before its service starts."""
    data_dir.mkdir(parents=True)
    minted = mint("drill", DEFAULT_TENANT, frozenset({Scope.ADMIN}), per_minute=1_000_000)
    store = KeyStore(f"sqlite:///{data_dir / 'keys.sqlite'}")
    store.add(minted.key)
    store.close()
    return minted


def _client(server: Server, key: MintedKey | None) -> httpx.Client:
    headers = {} if key is None else {"Authorization": f"Bearer {key.token}"}
    return httpx.Client(base_url=server.address, headers=headers, timeout=60)


def _fill(client: httpx.Client, items: int, photo: Photo) -> None:
    for seed in track(range(items), "adding", console=Console(stderr=True)):
        data = {"item_id": f"SKU-{seed}", "title": f"Item {seed}"}
        client.post("/index/add", files={"image": photo(seed)}, data=data).raise_for_status()


def _wait_for_a_snapshot(data_dir: Path, sequence: int) -> None:
    """Of this change or a later one: the service writes them in the background."""
    until = time.monotonic() + _SNAPSHOT_WITHIN_S
    while not any(sequence_of(path) >= sequence for path in Snapshots(data_dir / SNAPSHOTS).paths()):
        if time.monotonic() > until:
            return
        time.sleep(0.05)


def _delete_some(client: httpx.Client, items: int) -> set[str]:
    """The ids of those that were deleted again."""
    deleted = {f"SKU-{seed}" for seed in range(0, items, _DELETE_EVERY)}
    for item_id in sorted(deleted):
        client.delete(f"/index/items/{item_id}").raise_for_status()
    return deleted


def _back_up(data_dir: Path, backup: Path, version: str) -> None:
    """As `selvedge index snapshot --output` does, for the models that serve, which may be those of the tests."""
    shards = Shards(os.cpu_count() or 1)
    catalogue = Catalogue(f"sqlite:///{data_dir / 'catalogue.sqlite'}")
    try:
        live = LiveIndex(catalogue, shards, version, Snapshots(data_dir / "snapshots"))
        live.load()
        live.catch_up()
        photos = PhotoFiles(data_dir / "photos")
        write_backup(catalogue, photos, live, backup, keys=data_dir / "keys.sqlite")
    finally:
        catalogue.close()
        shards.close()


def _look(client: httpx.Client, photo: Photo) -> State:
    stats = client.get("/index/stats").json()
    found = _items(client)
    ids = sorted(item["item_id"] for item in found)
    photos, checks = {}, {}
    for item in random.Random(1).sample(sorted(found, key=lambda item: str(item["item_id"])), min(_SAMPLE, len(found))):
        name = item["item_id"]
        places = [f"/index/items/{name}/photos/{one['photo_id']}" for one in item["photos"]]
        photos[name] = [hashlib.sha256(client.get(place).content).hexdigest() for place in places]
        answer = client.post("/check-plagiarism", files={"image": photo(int(name.removeprefix("SKU-")))}).json()
        checks[name] = answer["verdict"], answer["garments"], answer["versions"]
    return State({name: stats[name] for name in _COUNTS}, ids, photos, checks)


def _items(client: httpx.Client) -> list[dict[str, Any]]:
    """All of them, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = client.get("/index/items", params={"limit": 200} | ({"cursor": cursor} if cursor else {})).json()
        found, cursor = [*found, *page["items"]], page["next_cursor"]
        if cursor is None:
            return found


def _verified(report: DrillReport, data_dir: Path, version: str) -> None:
    catalogue = Catalogue(f"sqlite:///{data_dir / 'catalogue.sqlite'}")
    findings = verify(catalogue, Snapshots(data_dir / "snapshots"), version)
    catalogue.close()
    agree, compared = sum(finding.agrees for finding in findings), len(findings)
    report.add("snapshot and record, checksums to searches", "agree", f"{agree} of {compared}", agree == compared > 0)


def _compare(report: DrillReport, before: State, after: State, deleted: set[str]) -> None:
    counts = ", ".join(f"{after.counts[name]} {name}" for name in ("items", "photos", "garments", "searchable"))
    report.add("counts", "as before", counts, after.counts == before.counts)
    report.add("items", "the same", f"{len(after.items)} of {len(before.items)}", after.items == before.items)
    risen = deleted & set(after.items)
    report.add("deleted items", "stay deleted", f"{len(risen)} of {len(deleted)} came back", not risen)
    for what, old, new in (("photos", before.photos, after.photos), ("checks", before.checks, after.checks)):
        same = sum(new.get(name) == old[name] for name in old)
        report.add(f"{what} of a sample", "byte for byte" if what == "photos" else "the same answer, score by score",
                   f"{same} of {len(old)}", same == len(old) > 0)  # fmt: skip


def _try_keys(report: DrillReport, server: Server, ours: MintedKey, foreign: MintedKey) -> None:
    tried = (("the key of before", ours, 200), ("a foreign key", foreign, 401), ("no key", None, 401))
    for name, key, expected in tried:
        with _client(server, key) as client:
            status = client.get("/index/stats").status_code
        report.add(name, str(expected), status, status == expected)
