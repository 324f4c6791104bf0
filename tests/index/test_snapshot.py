"""A snapshot shortens a start and never changes an answer, whatever became of its files."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import index.upkeep
from index import live as live_module
from index.catalogue import Catalogue
from index.device_rows import DeviceRows, DeviceScanner
from index.errors import IndexUnavailable
from index.labels import Exclusions
from index.live import LiveIndex
from index.manifest import MANIFEST, Manifest, Moment
from index.registry import Registry
from index.sealing import Sealing, sealing
from index.search import find_hits
from index.segments import QuantisedRows, SealedRows
from index.shards import LOOSE_ROWS, Shards
from index.snapshot import Snapshots, open_blocks, sequence_of
from index.types import Filters, ItemDetails, Storage
from index.vectors import Designs
from models.runtime.running import Device
from models.weighting import RegionWeights
from tests.factories import MODELS_VERSION, make_designs, make_garment, make_new_photo, make_photo_bytes, make_query
from tests.waiting import wait_for

ITEMS = 30
Answers = list[list[tuple[str, float]]]


class Started:
    """A live index over a record, and what it answers."""

    def __init__(self, folder: Path, models_version: str = MODELS_VERSION) -> None:
        self.shards = Shards(2)
        self.catalogue = Catalogue(f"sqlite:///{folder}/record.db")
        self.snapshots = Snapshots(folder / "snapshots")
        self.live = LiveIndex(self.catalogue, self.shards, models_version, self.snapshots)
        self.live.load()

    def answers(self) -> Answers:
        queries = [
            make_query(make_garment(seed), filters=Filters(tenant=tenant)) for seed in range(8) for tenant in "AB"
        ]
        return [[(hit.item_id, hit.score) for hit in find_hits(query, self.live, self.catalogue)] for query in queries]

    def close(self) -> None:
        self.shards.close()
        self.catalogue.close()


def fill(folder: Path) -> Answers:
    """A record of two tenants with tombstones and a snapshot, and changes after it; what is to be answered."""
    started = Started(folder)
    for seed in range(ITEMS):
        tenant, details = "AB"[seed % 2], ItemDetails(seller_id=f"s{seed % 3}")
        started.catalogue.add(make_new_photo(seed, details=details, tenant=tenant, mask=7 if seed % 5 == 0 else 31))
    started.live.catch_up()
    for seed in (1, 2):
        started.catalogue.delete(f"SKU-{seed}", "AB"[seed % 2])
        started.live.catch_up()
    assert sum(block.dead for _, block in started.shards.blocks()) == 2
    started.live.write_snapshot()
    started.catalogue.delete("SKU-3", "B")
    started.catalogue.add(make_new_photo(ITEMS, tenant="A"))
    started.live.catch_up()
    answers = started.answers()
    started.close()
    return answers


@pytest.fixture
def expected(tmp_path: Path) -> Answers:
    return fill(tmp_path)


def test_a_start_from_a_snapshot_answers_the_same(tmp_path: Path, expected: Answers) -> None:
    """Tombstones stay dead, and what was committed since is caught up."""
    started = Started(tmp_path)
    assert started.live.started_from == started.snapshots.paths()[0]
    assert (started.live.snapshot_sequence, started.live.sequence) == (ITEMS + 2, ITEMS + 4)
    assert (started.answers(), len(started.shards), started.live.stale) == (expected, ITEMS - 2, False)
    assert started.live.check_snapshot()
    started.close()


def sealing_for(name: str) -> Sealing:
    """The graph of the card runs on the processor here."""
    return sealing(Storage(name), scanner=DeviceScanner(Device.CPU) if name == "gpu" else None)


KINDS = {"fp16": SealedRows, "sq8": QuantisedRows, "gpu": DeviceRows}


@pytest.mark.parametrize(
    ("written", "read"), [("sq8", "fp16"), ("fp16", "sq8"), ("sq8", "sq8"), ("fp16", "gpu"), ("gpu", "fp16")]
)
def test_either_storage_starts_from_the_snapshots_of_the_other(tmp_path: Path, written: str, read: str) -> None:
    """What lies on disk is fp16 in all."""
    designs = make_designs(1, 2 * LOOSE_ROWS)
    shards, mapped = (Shards(2, sealing_for(name)) for name in (written, read))
    shards.extend(designs)
    shards.settle(np.array([7]), Designs.joined([]))
    path = Snapshots(tmp_path).publish(shards.blocks(), 16, MODELS_VERSION, Moment(sequence=0))
    mapped.adopt(open_blocks(path, Manifest.read(path), mapped.sealing.mapped), 16)
    assert [type(block.rows) for _, block in mapped.blocks()] == [
        {"fp16": SealedRows, "sq8": QuantisedRows, "gpu": DeviceRows}[read]
    ]
    for row in (0, 6, 700):
        query = make_query(make_garment(row, dimension=16), RegionWeights.equal())
        ours, theirs = (one.nearest(query, Exclusions(), 30) for one in (mapped, shards))
        np.testing.assert_array_equal(ours.garment_ids, theirs.garment_ids)
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-6)
        assert 7 not in ours.garment_ids
    for one in (shards, mapped):
        one.close()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_tiniest_indexes_have_snapshots_too(tmp_path: Path, count: int) -> None:
    """Of nothing, one item and two."""
    started = Started(tmp_path)
    for seed in range(count):
        started.catalogue.add(make_new_photo(seed, tenant="A"))
    started.live.catch_up()
    expected = started.answers()
    started.live.write_snapshot()
    started.close()
    again = Started(tmp_path)
    assert again.live.started_from is not None
    assert (again.answers(), len(again.shards)) == (expected, count)
    again.catalogue.add(make_new_photo(9, tenant="A"))
    again.live.catch_up()
    assert len(again.shards) == count + 1
    again.close()


def test_sealed_segments_are_mapped_and_merge_with_what_is_added(tmp_path: Path) -> None:
    """FAISS aborts the process where a mapped segment is added to: ours are only read."""
    designs = make_designs(1, 3 * LOOSE_ROWS)
    shards = Shards(1)
    shards.extend(designs.where(designs.garment_ids <= 2 * LOOSE_ROWS))
    path = Snapshots(tmp_path).publish(shards.blocks(), 16, MODELS_VERSION, Moment(sequence=0))
    mapped = Shards(1)
    mapped.adopt(open_blocks(path, Manifest.read(path)), 16)
    assert [type(block.rows) for _, block in mapped.blocks()] == [SealedRows]
    for one in (shards, mapped):
        one.extend(designs.where(designs.garment_ids > 2 * LOOSE_ROWS))
    query = make_query(make_garment(1, dimension=16))
    ours, theirs = (one.nearest(query, Exclusions(), 50) for one in (shards, mapped))
    assert ours.garment_ids.tolist() == theirs.garment_ids.tolist()
    assert len(mapped) == 3 * LOOSE_ROWS
    for one in (shards, mapped):
        one.close()


def first(folder: Path, pattern: str) -> Path:
    return next(path for path in sorted(folder.glob(pattern)) if path.stat().st_size)


def flip(path: Path, place: float = 0.5) -> None:
    data = bytearray(path.read_bytes())
    data[int(place * (len(data) - 1))] ^= 4
    path.write_bytes(data)


def change_manifest(folder: Path, **fields: Any) -> None:
    manifest = Manifest.read(folder)
    manifest.model_copy(update=fields).write(folder)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a file is gone": lambda folder: first(folder, "*.faiss").unlink(),
    "vectors cut short": lambda folder: first(folder, "*.faiss").write_bytes(b"x" * 100),
    "another kind of file": lambda folder: first(folder, "*.faiss").write_bytes(first(folder, "*.npz").read_bytes()),
    "vectors flipped": lambda folder: flip(first(folder, "*.faiss")),
    "labels flipped": lambda folder: flip(first(folder, "*.npz")),
    "manifest flipped": lambda folder: flip(folder / MANIFEST),
    "manifest empty": lambda folder: (folder / MANIFEST).write_text(""),
    "manifest of something else": lambda folder: (folder / MANIFEST).write_text(json.dumps([1])),
    "a later format": lambda folder: change_manifest(folder, format=3),
    "another count": lambda folder: change_manifest(folder, garments=ITEMS),
    "another dimension": lambda folder: change_manifest(folder, dimension=64),
    "other models": lambda folder: change_manifest(folder, models_version="others"),
    "another moment": lambda folder: change_manifest(folder, moment=Moment(sequence=5)),
    "a later record": lambda folder: change_manifest(
        folder, moment=Manifest.read(folder).moment.model_copy(update={"sequence": 999})
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_cannot_be_trusted_is_rebuilt_from_the_record(tmp_path: Path, expected: Answers, damage: str) -> None:
    """Found at once, before the index says that it is ready."""
    DAMAGE[damage](Snapshots(tmp_path / "snapshots").paths()[0])
    started = Started(tmp_path)
    assert (started.live.started_from, started.live.snapshot_sequence) == (None, 0)
    assert (started.answers(), len(started.shards)) == (expected, ITEMS - 2)
    started.close()


def test_a_flipped_bit_among_the_vectors_of_a_large_snapshot_is_found_in_the_background(
    tmp_path: Path, expected: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading them all takes longer than a start may; then all is read anew, and the snapshot is gone."""
    monkeypatch.setattr(live_module, "CHECKED_AT_ONCE", 0)
    for path in Snapshots(tmp_path / "snapshots").paths()[0].glob("*.faiss"):
        flip(path)
    started = Started(tmp_path)
    assert started.live.started_from is not None
    assert not started.live.check_snapshot()
    assert (started.live.ready, started.live.stale, started.live.sequence) == (False, True, ITEMS + 4)
    with pytest.raises(IndexUnavailable):
        started.answers()
    with pytest.raises(IndexUnavailable):
        started.live.catch_up()
    started.live.rebuild()
    assert (started.live.ready, started.answers(), started.snapshots.paths()) == (True, expected, [])
    assert started.live.check_snapshot(), "nothing is mapped any more"
    started.close()


def test_the_snapshot_before_is_used_where_the_latest_is_damaged(tmp_path: Path, expected: Answers) -> None:
    """Two are kept, older ones are deleted."""
    started = Started(tmp_path)
    for _ in range(3):
        started.live.write_snapshot()
    assert len(started.snapshots.paths()) == 2
    started.close()
    latest, before = started.snapshots.paths()
    flip(latest / MANIFEST)
    again = Started(tmp_path)
    assert (again.live.started_from, again.answers()) == (before, expected)
    again.close()


def test_a_record_that_was_set_back_is_not_mixed_with_a_later_snapshot(tmp_path: Path) -> None:
    """A backup of the record grows past the snapshot's change, with other items under the same numbers."""
    started = Started(tmp_path)
    for seed in range(4):
        started.catalogue.add(make_new_photo(seed, tenant="A"))
    started.live.catch_up()
    started.live.write_snapshot()
    started.close()
    for file in tmp_path.glob("record.db*"):
        file.unlink()
    other = Catalogue(f"sqlite:///{tmp_path}/record.db")
    for seed in range(4, 10):
        other.add(make_new_photo(seed, f"SKU-{seed - 4}", tenant="A"))
    other.close()
    again = Started(tmp_path)
    assert (again.live.started_from, len(again.shards)) == (None, 6)
    again.close()


def test_a_snapshot_that_was_not_finished_is_no_snapshot(tmp_path: Path, expected: Answers) -> None:
    """What an interrupted writer leaves behind is not read, and a failed one leaves nothing."""
    started = Started(tmp_path)

    def fail() -> None:
        raise OSError("disk is full")

    before = started.snapshots.paths()
    with pytest.raises(OSError, match="full"):
        started.live.write_snapshot(fail)
    assert sorted(path.name for path in (tmp_path / "snapshots").iterdir()) == sorted(path.name for path in before)
    (tmp_path / "snapshots" / ".unfinished-abc").mkdir()
    assert started.snapshots.paths() == before
    assert started.answers() == expected
    started.close()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = Registry(f"sqlite:///{tmp_path}/record.db", tmp_path, MODELS_VERSION, snapshot_every=10)
    opened.start()
    yield opened
    opened.close()


def test_the_service_writes_snapshots_as_it_goes(registry: Registry, tmp_path: Path) -> None:
    """Every so many changes, beside adds and searches, and starts from them."""
    snapshots = Snapshots(tmp_path / "snapshots")

    def add(first_seed: int) -> None:
        for seed in range(first_seed, first_seed + 15):
            registry.add(make_new_photo(seed), make_photo_bytes(seed))

    threads = [threading.Thread(target=add, args=(first_seed,)) for first_seed in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: any(sequence_of(path) >= 35 for path in snapshots.paths()))
    registry.close()
    again = Registry(f"sqlite:///{tmp_path}/record.db", tmp_path, MODELS_VERSION)
    again.start()
    assert (again._live.snapshot_sequence >= 35, again.stats().searchable, again.sequence) == (True, 45, 45)
    for seed in (0, 107, 214):
        assert [hit.item_id for hit in again.search(make_query(make_garment(seed), min_score=0.9))] == [f"SKU-{seed}"]
    again.close()


def test_a_service_that_finds_its_snapshot_damaged_becomes_right_by_itself(
    tmp_path: Path, expected: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a restart; and it writes another one in its place."""
    monkeypatch.setattr(live_module, "CHECKED_AT_ONCE", 0)
    snapshots = Snapshots(tmp_path / "snapshots")
    damaged = snapshots.paths()[0]
    for path in damaged.glob("*.faiss"):
        flip(path)
    registry = Registry(f"sqlite:///{tmp_path}/record.db", tmp_path, MODELS_VERSION, snapshot_every=10)
    registry.start()
    wait_for(lambda: snapshots.paths()[:1] not in ([], [damaged]))
    assert (registry.ready, registry.stats().searchable) == (True, ITEMS - 2)
    registry.close()
    started = Started(tmp_path)
    assert started.answers() == expected
    started.close()


def test_a_rebuild_is_tried_again_where_the_record_is_out(
    tmp_path: Path, expected: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unready meanwhile, and right once the record answers."""
    for path in Snapshots(tmp_path / "snapshots").paths()[0].glob("*.faiss"):
        flip(path)
    monkeypatch.setattr(index.upkeep, "TRY_AGAIN_S", 0.01)
    monkeypatch.setattr(live_module, "CHECKED_AT_ONCE", 0)  # as a large snapshot is: looked at while it is served
    registry = Registry(f"sqlite:///{tmp_path}/record.db", tmp_path, MODELS_VERSION)
    rebuild, asked = registry._live.rebuild, itertools.count(1)

    def fail_twice() -> None:
        if next(asked) <= 2:
            raise IndexUnavailable("the record is out")
        rebuild()

    monkeypatch.setattr(registry._live, "rebuild", fail_twice)
    registry.start()
    wait_for(lambda: registry.ready and registry._live.started_from is None)
    assert (next(asked), registry.stats().searchable) == (4, ITEMS - 2)
    registry.close()
