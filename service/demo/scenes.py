"""How a garment was photographed: ground, light, camera and the way it happened to lie."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from service.demo.cutting import Pose
from service.demo.grounds import Ground

Places = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything about a photo that is not the design.

    `fill` share of the photo's tighter side that the garment takes; `tilt` degrees; `lean` perspective, `shift` share
    of the photo; `light` radians it comes from; `gradient` its falloff; `white` factor a channel.
    """

    seed: int
    width: int = 750
    height: int = 1000
    ground: Ground = Ground.PAPER
    pose: Pose = field(default_factory=Pose)
    fill: float = 0.84
    tilt: float = 0.0
    lean: tuple[float, float] = (0.0, 0.0)
    shift: tuple[float, float] = (0.0, 0.0)
    light: float = 0.8
    gradient: float = 0.2
    exposure: float = 1.0
    white: tuple[float, float, float] = (1.0, 1.0, 1.0)
    flipped: bool = False

    @staticmethod
    def drawn(seed: int, width: int = 750, height: int = 1000) -> Scene:
        """A scene as phone photos have them, drawn from a seed."""
        rng = np.random.default_rng([seed, 7])
        warm = float(rng.normal(0, 0.03))
        grounds = list(Ground)
        return Scene(
            seed=seed,
            width=width,
            height=height,
            ground=grounds[int(rng.choice(len(grounds), p=[0.3, 0.25, 0.15, 0.15, 0.15]))],
            pose=_draw_pose(rng),
            fill=float(rng.uniform(0.74, 0.88)),
            tilt=float(rng.normal(0, 3.0)),
            lean=(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.05))),
            shift=(float(rng.normal(0, 0.012)), float(rng.normal(0, 0.02))),
            light=float(rng.uniform(0, 2 * np.pi)),
            gradient=float(rng.uniform(0.1, 0.4)),
            exposure=float(rng.uniform(0.88, 1.08)),
            white=(1 + warm, 1.0, 1 - warm),
        )


def _draw_pose(rng: np.random.Generator) -> Pose:
    drop = rng.uniform(36, 60)
    return Pose(
        (float(drop + rng.normal(0, 4)), float(drop + rng.normal(0, 4))),
        (float(rng.normal(0.0, 0.03)), float(rng.normal(0.0, 0.03))),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Crumple:
    """How cloth shifts when laid down: a sum of long waves.

    `waves` (n, 2) radians a body width, `pushes` (n, 2) body widths, `phases` (n,) radians.
    """

    waves: Places
    pushes: Places
    phases: Places

    @staticmethod
    def drawn(rng: np.random.Generator, count: int = 7, strength: float = 0.009) -> Crumple:
        length = rng.uniform(0.45, 1.6, count)
        angle = rng.uniform(0, 2 * np.pi, count)
        waves = (2 * np.pi / length)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        pushes = rng.normal(0, strength, (count, 2)) * (length / 1.0)[:, None]
        return Crumple(waves, pushes, rng.uniform(0, 2 * np.pi, count))

    def push(self, places: Places) -> Places:
        """How far (…, 2) each place (…, 2) moves, in body widths."""
        moved = np.zeros_like(places)
        for wave, push, phase in zip(self.waves, self.pushes, self.phases, strict=True):
            moved += np.sin(places @ wave + phase)[..., None] * push
        return moved

    def applied(self, places: Places) -> Places:
        return places + self.push(places)

    def undone(self, places: Places) -> Places:
        """Where a place lay before; the pushes are gentle, so that three rounds settle it."""
        before = places
        for _ in range(3):
            before = places - self.push(before)
        return before
