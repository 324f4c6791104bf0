"""How the views that an embedder learns from are drawn: a part of its recipe."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RenderPlan:
    """How views are drawn. Jitters are shares of the garment's box: landmarks and boxes at serving time are predicted,
    and a network taught on perfect ones would not forgive their errors. `share` of the training garments is learnt.
    `neighbours`, `same_contributor` and `confused` are how many hard strangers of each kind a garment has; copies are
    made with the edits that came later too where `every_edit` says so, and a share `cropped` of them is cut closer."""

    garments_a_batch: int = 12
    steps_an_epoch: int = 60
    point_jitter: float = 0.018
    box_jitter: float = 0.04
    hardness: tuple[float, float] = (0.2, 1.0)
    colourway: float = 0.15
    mirrored_print: float = 0.06
    creases: float = 0.75
    donors: int = 240
    grounds: int = 240
    neighbours: int = 48
    confused: int = 24
    same_contributor: int = 0
    every_edit: bool = False
    cropped: float = 0.15
    share: float = 1.0
