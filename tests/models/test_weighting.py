"""Region weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from models.errors import InvalidValue, ModelFileError
from models.taxonomy import RegionName, WeightGroup
from models.weighting import RegionWeights, read_weight_table

SHIPPED = Path(models.__file__).parent / "weights" / "region_weights.json"


@given(st.lists(st.floats(0, 1e300), min_size=5, max_size=5).filter(lambda v: max(v) > 1e-300))
def test_any_weights_at_all_are_brought_to_a_sum_of_one(values: list[float]) -> None:
    """Huge and tiny weights normalise without overflow."""
    weights = RegionWeights(np.array(values))
    assert weights.values.sum() == pytest.approx(1)
    assert (weights.values >= 0).all()


@pytest.mark.parametrize("values", [[0] * 5, [1, 1, 1, 1, -1], [1, 1, 1], [1, 1, 1, 1, float("nan")]])
def test_weights_that_mean_nothing_are_refused(values: list[float]) -> None:
    """All zero, negative, too few, not a number."""
    with pytest.raises(InvalidValue):
        RegionWeights(np.array(values, dtype=float))


def test_regions_left_out_of_an_override_keep_their_share_of_the_rest() -> None:
    """Setting one weight to zero leaves the others in proportion."""
    changed = RegionWeights.equal().overridden({RegionName.COLLAR: 0.0})
    assert changed.values.tolist() == pytest.approx([0, 0.25, 0.25, 0.25, 0.25])


def test_the_shipped_table_has_weights_for_every_group() -> None:
    """A group without weights could not be checked at all."""
    table = read_weight_table(SHIPPED)
    assert set(table.groups) == set(WeightGroup)
    assert table.version


def test_a_table_that_lacks_a_region_is_refused_by_name(tmp_path: Path) -> None:
    """A broken file stops the process at start and says what is missing."""
    content = json.loads(SHIPPED.read_text())
    del content["groups"]["dress"]["collar"]
    (tmp_path / "w.json").write_text(json.dumps(content))
    with pytest.raises(ModelFileError, match="collar"):
        read_weight_table(tmp_path / "w.json")
