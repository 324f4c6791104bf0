"""Rows on a graphics card; here the same graph runs on the processor, or is fallen back from."""

from __future__ import annotations

import numpy as np
import pytest

from index.device_rows import DeviceRows, DeviceScanner
from index.loose_rows import Codes
from index.sealing import sealing
from index.segments import SealedRows
from index.types import Storage
from models.runtime.running import CPU_PROVIDER, CUDA_PROVIDER, Device


@pytest.fixture(scope="module")
def scanner() -> DeviceScanner:
    """What runs the graph on the processor."""
    return DeviceScanner(Device.CPU)


def codes_of(rows: int, columns: int = 40) -> Codes:
    made = np.random.default_rng(rows).normal(size=(rows, columns))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), dtype=np.float16)


@pytest.mark.parametrize("share", [None, 0.5, 0.01])
@pytest.mark.parametrize("queries", [1, 2])
def test_a_scan_of_the_card_finds_what_faiss_finds(scanner: DeviceScanner, share: float | None, queries: int) -> None:
    """Half precision moves scores by a thousandth; of twice as many none of the best is missing."""
    codes = codes_of(3000)
    asked = codes[:queries].astype(np.float32) + 0.05
    allowed = None if share is None else np.random.default_rng(1).random(3000) < share
    ours, our_rows = DeviceRows(scanner, codes).top(asked, allowed, 40)
    theirs, their_rows = SealedRows(codes).top(asked, allowed, 20)
    np.testing.assert_allclose(ours[:, : theirs.shape[1]], theirs, atol=2e-3)
    for mine, faiss in zip(our_rows, their_rows, strict=True):
        assert set(faiss.tolist()) - {-1} <= set(mine.tolist())
        assert allowed is None or all(allowed[row] for row in mine if row >= 0)


def test_rows_that_are_not_there_are_minus_one(scanner: DeviceScanner) -> None:
    """Fewer than wanted, because of the filter; and never more than there are."""
    codes = codes_of(8)
    allowed = np.zeros(8, dtype=np.bool_)
    allowed[3] = True
    _, rows = DeviceRows(scanner, codes).top(codes[:1].astype(np.float32), allowed, 5)
    assert rows.tolist() == [[3, -1, -1, -1, -1]]
    assert DeviceRows(scanner, codes).top(codes[:1].astype(np.float32), None, 50)[1].shape == (1, 8)


def test_many_threads_share_one_scanner(scanner: DeviceScanner) -> None:
    """Each gets the answer to its own question."""
    from concurrent.futures import ThreadPoolExecutor

    rows = DeviceRows(scanner, codes_of(600))
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda n: rows.top(rows.codes()[n : n + 1].astype(np.float32), None, 1)[1][0, 0], range(200))
        assert list(found) == list(range(200))


def test_without_a_card_rows_are_kept_for_the_processor_and_it_is_told() -> None:
    """FAISS scans faster there than the graph would."""
    made = sealing(Storage.GPU)
    if made.engines[0].provider == CUDA_PROVIDER:
        pytest.skip("there is a card")
    assert (made.fresh, made.mapped) == (SealedRows, SealedRows)
    assert [(e.model, e.wanted, e.provider, e.fell_back) for e in made.engines] == [
        ("flat_scan", CUDA_PROVIDER, CPU_PROVIDER, True)
    ]
    assert sealing(Storage.FP16).engines == ()
