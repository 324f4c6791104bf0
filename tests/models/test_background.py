"""How plain a region is, by a cohort that is in nobody's catalogue."""

from pathlib import Path

import numpy as np
import pytest

from models.background import NEAREST, Cohort, read_cohort, write_cohort
from models.errors import InvalidValue, ModelFileError
from tests.factories import make_embeddings


def cohort_of(vectors: np.ndarray) -> Cohort:
    """A cohort with these rows (K, 5, D)."""
    return Cohort(vectors.transpose(1, 0, 2))


def test_a_region_like_many_others_has_a_high_background() -> None:
    """Its equals in the cohort fill the nearest; a region of its own kind has none."""
    garment, stranger = make_embeddings(1), make_embeddings(2)
    crowd = cohort_of(np.stack([garment.vectors] * NEAREST + [make_embeddings(seed).vectors for seed in range(10, 60)]))
    assert crowd.background(garment) == pytest.approx(np.ones(5), abs=1e-3)
    assert (crowd.background(stranger) < 0.9).all()


def test_the_background_is_the_mean_of_the_nearest_cosines() -> None:
    """Against the slow way."""
    garment = make_embeddings(3)
    rows = np.stack([make_embeddings(seed).vectors for seed in range(100, 160)])
    cosines = np.sort(np.einsum("krd,rd->kr", rows, garment.vectors), axis=0)[-NEAREST:]
    assert cohort_of(rows).background(garment) == pytest.approx(cosines.mean(axis=0), abs=1e-5)


def test_a_missing_region_and_an_empty_cohort_have_none() -> None:
    """Zero, whatever the others are."""
    rows = np.stack([make_embeddings(seed).vectors for seed in range(30)])
    assert cohort_of(rows).background(make_embeddings(1, mask=0b00111))[3:] == pytest.approx(np.zeros(2))
    assert Cohort.empty().background(make_embeddings(1)) == pytest.approx(np.zeros(5))


def test_embeddings_of_another_dimension_are_refused() -> None:
    """Rows of different models are never compared."""
    rows = np.stack([make_embeddings(seed, dimension=24).vectors for seed in range(30)])
    with pytest.raises(InvalidValue):
        cohort_of(rows).background(make_embeddings(1))


def test_a_cohort_reads_back_in_half_precision_and_only_unaltered(tmp_path: Path) -> None:
    """Its hash is in the policy."""
    rows = np.stack([make_embeddings(seed).vectors for seed in range(30)])
    sha256 = write_cohort(rows, tmp_path / "cohort.npy")
    assert read_cohort(tmp_path / "cohort.npy", sha256).rows == pytest.approx(rows.transpose(1, 0, 2), abs=1e-3)
    for path, digest in ((tmp_path / "cohort.npy", "0" * 64), (tmp_path / "none.npy", sha256)):
        with pytest.raises(ModelFileError):
            read_cohort(path, digest)
