"""Parametric garment templates: a mean outline with its modes of variation, fitted to the outline of a mask.

Source: Cootes, Taylor, Cooper and Graham, "Active Shape Models" (1995). The shapes are learnt from hand-placed points
of training photos; between two placed points the mask's own outline is followed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import InvalidValue
from models.taxonomy import Category, WeightGroup
from models.training.data.hand_landmarks import KEYS
from models.training.data.outlines import Curve, Outline, normals_of

RING = KEYS[:-1]
SLEEVE_KEYS = frozenset(key for key in KEYS if key.startswith(("elbow", "cuff")))
PER_WAY = 4
"""Template points a stretch between two keys."""
LOOSE_WAYS = ("neck_right", "neck_back")
"""Stretches that start here run along hoods and hangers as often as along the neck: they pull less."""
LOOSE_PULL = 0.3
ITERATIONS = 45
LEAST_DEVIATION = 0.5
"""A cut of few examples still varies by this share of what all cuts do."""
MOST_TURN = np.radians(20.0)
"""No hand-placed garment was turned by more than 16°."""


@dataclass(frozen=True, slots=True, eq=False)
class TemplateFamily:
    """A template of garments that share their keys. Shapes are (P, 2) flattened; the last point is neck_front.

    `mean` (2P,), `modes` (2P, M) orthonormal, `deviations` (M,) in units of the shapes' own size 1; `exemplars` (E, M).
    """

    keys: tuple[str, ...]
    mean: npt.NDArray[np.float64]
    modes: npt.NDArray[np.float64]
    deviations: npt.NDArray[np.float64]
    exemplars: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.mean.shape != (2 * (len(self.keys) * PER_WAY + 1),) or self.modes.shape[0] != len(self.mean):
            raise InvalidValue("a template has four points a stretch and one inside")

    def shape(self, coefficients: npt.NDArray[np.float64]) -> Curve:
        """(P, 2) in the template's own frame."""
        return np.asarray((self.mean + self.modes @ coefficients).reshape(-1, 2))

    def keys_of(self, shape: Curve) -> dict[str, npt.NDArray[np.float64]]:
        """Key → (2,) of a shape, neck_front included."""
        return {key: shape[number * PER_WAY] for number, key in enumerate(self.keys)} | {"neck_front": shape[-1]}


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A template laid over an outline: `shape` (P, 2) in photo pixels; `cost` the mean squared gap and the prior."""

    shape: Curve
    cost: float


def is_dress(category: Category) -> bool:
    return category.group is WeightGroup.DRESS


def family_name(category: Category) -> str:
    """Categories whose outlines have the same keys and much the same look."""
    return category.value.split("_")[0] if category.has_sleeves else "sleeveless"


def ring_keys(family: str) -> tuple[str, ...]:
    return tuple(key for key in RING if family != "sleeveless" or key not in SLEEVE_KEYS)


def dense_shape(points: Mapping[str, tuple[float, float, int]], outline: Outline, family: str) -> Curve | None:
    """The (P, 2) shape of a hand-placed garment, or None where one of its keys is absent."""
    keys = ring_keys(family)
    if any(points[key][2] == 0 for key in (*keys, "neck_front")):
        return None
    shares = np.arange(PER_WAY) / PER_WAY
    stretches = []
    for key, following in zip(keys, (*keys[1:], keys[0]), strict=True):
        a, b = np.array(points[key][:2]), np.array(points[following][:2])
        if key in LOOSE_WAYS:
            stretches.append(a + shares[:, None] * (b - a))
        else:
            stretches.append(outline.between(a, b, shares))
    return np.vstack([*stretches, np.array(points["neck_front"][:2])])


def learn_family(
    family: str, shapes: Sequence[Curve], others: Sequence[Curve] = (), *, kept: float = 0.985
) -> TemplateFamily:
    """Align shapes (and their mirror images) by similarity and keep the modes that carry `kept` of the variance.

    `others` have the same keys but another cut (dresses beside tops): they lend their modes, not their mean.
    """
    keys = ring_keys(family)
    everything = [_unit(picture) for shape in (*shapes, *others) for picture in (shape, _mirrored(shape, keys))]
    mean = everything[0]
    for _ in range(4):
        everything = [_similar(shape, mean, np.ones(len(mean))) for shape in everything]
        mean = _unit(np.mean(everything, axis=0))
    data = np.stack([shape.ravel() for shape in everything])
    _, strengths, rows = np.linalg.svd(data - data.mean(axis=0), full_matrices=False)
    variances = strengths**2 / len(data)
    count = int(np.searchsorted(np.cumsum(variances) / variances.sum(), kept)) + 1
    modes = rows[:count].T
    own = data[: 2 * len(shapes)]
    centre = own.mean(axis=0)
    exemplars = (own - centre) @ modes
    deviations = np.maximum(exemplars.std(axis=0), LEAST_DEVIATION * np.sqrt(variances[:count]))
    return TemplateFamily(keys, centre, modes, deviations, exemplars)


def fit_template(template: TemplateFamily, outline: Outline, *, starts: int = 6) -> Fit:
    """Lay the template over an outline from several starts (mean, exemplars most alike); the cheapest wins."""
    begun = [np.zeros(len(template.deviations)), *_alike(template, outline, starts)]
    return min((_fit_once(template, outline, start) for start in begun), key=lambda fit: fit.cost)


def _alike(template: TemplateFamily, outline: Outline, count: int) -> list[npt.NDArray[np.float64]]:
    gaps = []
    for coefficients in template.exemplars:
        placed = _boxed(template.shape(coefficients), outline)
        gaps.append(_gaps(placed[:-1], outline)[1].mean())
    return [template.exemplars[number] for number in np.argsort(gaps)[:count]]


def _fit_once(template: TemplateFamily, outline: Outline, start: npt.NDArray[np.float64]) -> Fit:
    """Iterated closest points, both ways, with a Gaussian prior on the modes that loosens step by step."""
    coefficients = start.copy()
    shape = _boxed(template.shape(coefficients), outline)
    size = outline.diagonal
    modes = template.modes.reshape(-1, 2, len(template.deviations))
    pull = _pulls(template.keys)
    ring = len(pull)
    for step in range(ITERATIONS):
        reach = size * np.interp(step, [0, ITERATIONS * 0.7], [0.12, 0.025])
        stiffness = np.interp(step, [0, ITERATIONS * 0.7], [0.02, 0.0015])
        targets, weights = _targets(shape[:-1], outline, pull, reach)
        to_photo = _similarity(template.shape(coefficients)[:ring], targets, weights)
        goal = _invert(to_photo, targets) - template.mean.reshape(-1, 2)[:ring]
        matrix = modes[:ring].reshape(2 * ring, -1)
        heavy = np.repeat(weights / weights.sum(), 2)
        normal = (matrix * heavy[:, None]).T @ matrix
        prior = np.diag(stiffness / ring / template.deviations**2 * template.deviations[0] ** 2)
        coefficients = np.linalg.solve(normal + prior, (matrix * heavy[:, None]).T @ goal.ravel())
        coefficients = coefficients.clip(-3 * template.deviations, 3 * template.deviations)
        shape = _apply(to_photo, template.shape(coefficients))
    forth, back = _gaps(shape[:-1], outline)
    unlikely = float(np.mean((coefficients / template.deviations) ** 2))
    cost = float(np.mean(np.minimum(forth * pull, 0.1 * size) ** 2) + np.mean(np.minimum(back, 0.1 * size) ** 2))
    return Fit(shape, float(cost / size**2 * (1 + 0.1 * unlikely)))


def _targets(
    ring: Curve, outline: Outline, pull: npt.NDArray[np.float64], reach: float
) -> tuple[Curve, npt.NDArray[np.float64]]:
    """Where each template point is drawn to, (P, 2), and how strongly (P,)."""
    normals = normals_of(ring)
    apart = _distances(ring, outline.points)
    # An inner sleeve must not be drawn to the outer one: places that face another way count as farther off.
    seeming = apart + reach * (1.0 - normals @ outline.normals.T)
    nearest = seeming.argmin(axis=1)
    distance = apart[np.arange(len(ring)), nearest]
    weights = pull / (1.0 + (distance / reach) ** 2)
    sums = outline.points[nearest] * weights[:, None]
    totals = weights.copy()
    back = seeming.argmin(axis=0)
    gap = apart[back, np.arange(len(outline.points))]
    strength = 0.5 * len(ring) / len(outline.points) * pull[back] / (1.0 + (gap / (2 * reach)) ** 2)
    np.add.at(sums, back, outline.points * strength[:, None])
    np.add.at(totals, back, strength)
    return sums / totals[:, None], totals


def _pulls(keys: tuple[str, ...]) -> npt.NDArray[np.float64]:
    return np.repeat([LOOSE_PULL if key in LOOSE_WAYS else 1.0 for key in keys], PER_WAY)


def _gaps(ring: Curve, outline: Outline) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    apart = _distances(ring, outline.points)
    return apart.min(axis=1), apart.min(axis=0)


def _distances(a: Curve, b: Curve) -> npt.NDArray[np.float64]:
    """(A, B) pixels."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2.0 * a @ b.T
    return np.sqrt(squares.clip(0.0))


def _boxed(shape: Curve, outline: Outline) -> Curve:
    """The shape stretched into the outline's box."""
    low, high = shape[:-1].min(axis=0), shape[:-1].max(axis=0)
    return np.asarray((shape - low) / (high - low) * np.ptp(outline.points, axis=0) + outline.points.min(axis=0))


def _mirrored(shape: Curve, keys: tuple[str, ...]) -> Curve:
    """The shape seen in a mirror, its points in the order of the keys again."""
    flipped = shape * (-1.0, 1.0)
    # Ring order reversed starts at the key whose mirror is the first one.
    first = keys.index(keys[0].replace("left", "right")) * PER_WAY
    ring = np.roll(flipped[:-1][::-1], -(len(shape) - 2 - first), axis=0)
    return np.vstack([ring, flipped[-1:]])


def _unit(shape: Curve) -> Curve:
    centred = shape - shape.mean(axis=0)
    return np.asarray(centred / np.sqrt((centred**2).sum()))


def _similar(shape: Curve, target: Curve, weights: npt.NDArray[np.float64]) -> Curve:
    return _apply(_similarity(shape, target, weights), shape)


def _similarity(source: Curve, target: Curve, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The (2, 3) turn, scale and shift that takes `source` closest to `target` in weighted least squares."""
    share = weights / weights.sum()
    from_centre, to_centre = share @ source, share @ target
    a, b = source - from_centre, target - to_centre
    spread = (share[:, None] * a**2).sum()
    cosine = (share[:, None] * a * b).sum() / spread
    sine = (share * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])).sum() / spread
    turn = np.clip(np.arctan2(sine, cosine), -MOST_TURN, MOST_TURN)
    scale = np.hypot(cosine, sine)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.column_stack([linear, to_centre - linear @ from_centre])


def _apply(matrix: npt.NDArray[np.float64], points: Curve) -> Curve:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def _invert(matrix: npt.NDArray[np.float64], points: Curve) -> Curve:
    return np.asarray((points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T)
