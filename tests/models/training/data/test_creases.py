"""New folds: another shading of the same cloth."""

import numpy as np

from models.training.data.creases import crease, folds, iron
from models.training.data.rephotograph import Odds, rephotograph
from tests.models.training.data.drawn_garments import t_shirt


def test_new_folds_shade_the_garment_and_nothing_else() -> None:
    """Visibly, but not beyond recognition."""
    drawn = t_shirt()
    shaded = crease(drawn.pixels, drawn.mask, np.random.default_rng(1)).astype(int)
    change = np.abs(shaded - drawn.pixels).max(axis=-1)
    assert change[drawn.mask == 0].max() == 0
    assert 1 < change[drawn.mask > 0].mean() < 25


def test_folds_are_streaks_of_zero_mean() -> None:
    """Drawn anew for every generator, the same for the same."""
    one, again, other = (folds(120, 90, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.shape == (120, 90)
    assert abs(one.mean()) < 1e-4
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_ironing_takes_weak_shading_and_leaves_prints() -> None:
    """A fold of ten grey levels goes, a print of a hundred stays."""
    cloth = np.full((64, 64, 3), 120, np.uint8)
    cloth[:, 20:23] = 128
    cloth[:, 40:50] = 230
    ironed = iron(cloth, np.random.default_rng(0)).astype(int)
    assert abs(ironed[32, 21, 0] - 120) < 6
    assert ironed[32, 45, 0] > 215


def test_a_copy_lies_in_other_folds_only_where_that_is_asked_for() -> None:
    """The benchmark's copies, which do not ask, stay as they are."""
    drawn = t_shirt()
    ground = np.full((300, 260, 3), 90, np.uint8)

    def shot(odds: Odds) -> np.ndarray:
        made = rephotograph(drawn.pixels, drawn.mask, drawn.landmarks, ground, np.random.default_rng(5), odds=odds)
        return made.pixels

    assert Odds().creases == 0
    assert not np.array_equal(shot(Odds(creases=1.0)), shot(Odds()))
