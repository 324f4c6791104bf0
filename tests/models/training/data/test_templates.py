"""Templates learnt from shapes and laid over outlines."""

import numpy as np
import pytest

from models.taxonomy import Category
from models.training.data.outlines import Curve, Outline, outline_of, polygon_overlap
from models.training.data.template_fits import fit_keys
from models.training.data.templates import (
    PER_WAY,
    TemplateFamily,
    dense_shape,
    family_name,
    fit_template,
    learn_family,
    ring_keys,
)
from tests.models.training.data.garment_shapes import Points, tee, tee_mask


def outlined(points: Points) -> Outline:
    outline = outline_of(tee_mask(points), 200)
    assert outline is not None
    return outline


def shape_of(points: Points) -> Curve:
    shape = dense_shape(points, outlined(points), "short")
    assert shape is not None
    return shape


@pytest.fixture(scope="module")
def tees() -> TemplateFamily:
    """A template of tees narrow and wide, short and long."""
    sizes = [(wide, long) for wide in (0.7, 0.85, 1.0) for long in (0.8, 1.0, 1.15)]
    return learn_family("short", [shape_of(tee(wide=wide, long=long)) for wide, long in sizes])


def test_a_shape_passes_through_its_points() -> None:
    """Every fourth point of the ring is a key, the last one the neck's front."""
    shape = shape_of(tee())
    assert shape[::PER_WAY][:-1] == pytest.approx(np.array([tee()[key][:2] for key in ring_keys("short")]))
    assert shape[-1] == pytest.approx(tee()["neck_front"][:2])


def test_a_garment_that_is_cut_off_teaches_no_shape() -> None:
    """A key that is absent leaves a hole in the outline."""
    points = tee() | {"cuff_outer_left": (0.0, 0.0, 0)}
    assert dense_shape(points, outlined(tee()), "short") is None


def test_the_mean_shape_is_its_own_mirror_image(tees: TemplateFamily) -> None:
    """Learning from each shape and its mirror image prefers no side, to two thousandths of the shape's size."""
    keys = tees.keys_of(tees.shape(np.zeros(len(tees.deviations))))
    middle = keys["hem_center"][0]
    for key in ("neck", "shoulder", "cuff_outer", "armpit", "hem"):
        assert keys[f"{key}_left"][0] + keys[f"{key}_right"][0] == pytest.approx(2 * middle, abs=2e-3)


@pytest.mark.parametrize("wide, long", [(0.78, 0.9), (0.95, 1.1), (0.72, 1.05)])
def test_a_template_finds_the_points_of_a_tee_it_never_saw(tees: TemplateFamily, wide: float, long: float) -> None:
    """Cuffs, armpits and hem are found within two hundredths of the diagonal from the mask alone."""
    points = tee(wide=wide, long=long)
    fit = fit_keys(tees, outlined(points), tee_mask(points))
    assert fit.good
    assert fit.overlap > 0.95
    errors = [np.hypot(x - points[key][0], y - points[key][1]) for key, (x, y, _) in fit.keys.items()]
    assert max(errors) / outlined(points).diagonal < 0.03
    assert np.mean(errors) / outlined(points).diagonal < 0.015


def test_a_shape_unlike_any_tee_is_no_good_fit(tees: TemplateFamily) -> None:
    """A disc is not taken for a garment."""
    rows, columns = np.mgrid[:200, :200]
    disc = ((rows - 100) ** 2 + (columns - 100) ** 2 < 80**2).astype(np.uint8)
    outline = outline_of(disc, 200)
    assert outline is not None
    assert not fit_keys(tees, outline, disc).good


def test_a_fit_costs_less_on_a_shape_of_its_kind(tees: TemplateFamily) -> None:
    """The cost ranks a tee before a rectangle, and the laid template covers the tee."""
    box = np.zeros((230, 200), np.uint8)
    box[30:200, 40:160] = 1
    rectangle = outline_of(box, 200)
    assert rectangle is not None
    on_tee = fit_template(tees, outlined(tee(wide=0.8)))
    assert on_tee.cost < fit_template(tees, rectangle).cost
    assert polygon_overlap(on_tee.shape[:-1], tee_mask(tee(wide=0.8))) > 0.95


def test_categories_share_a_template_by_their_sleeves() -> None:
    """Short, long and none: what decides which keys an outline has."""
    assert family_name(Category.SHORT_SLEEVE_DRESS) == family_name(Category.SHORT_SLEEVE_TOP) == "short"
    assert family_name(Category.LONG_SLEEVE_OUTWEAR) == "long"
    assert family_name(Category.VEST) == family_name(Category.SLING_DRESS) == "sleeveless"
    assert "cuff_outer_left" not in ring_keys("sleeveless")
