"""Draws what `index_scale` measured into docs/images: `python -m tests.benchmarks.index_growth_plot`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from tests.benchmarks.index_growth import FIGURES

PICTURE = Path(__file__).resolve().parents[2] / "docs/images/index-growth.png"
PANELS = (
    (
        "Search, processor time (ms)",
        (("one_cpu_ms", "scan, one orientation"), ("both_cpu_ms", "scan, both"), ("whole_cpu_ms", "whole, both")),
    ),
    ("An add (ms)", (("add_ms", "to the vectors in memory"), ("durable_add_ms", "durable, beside searches"))),
    ("Start from a snapshot, processor time (s)", (("start_cpu_s", ""),)),
    ("Memory a garment (bytes)", (("bytes_each", ""),)),
)
MARKERS = {"fp16": "o-", "sq8": "s--"}


def draw(figures: list[dict[str, Any]], picture: Path) -> None:
    """A panel for each kind of cost; sizes are logarithmic, and so are costs that grow with them."""
    figure, axes = plt.subplots(1, len(PANELS), figsize=(15, 3.6), layout="constrained")
    for axis, (title, series) in zip(axes, PANELS, strict=True):
        for storage, marker in MARKERS.items():
            held = sorted((row for row in figures if row["storage"] == storage), key=lambda row: row["garments"])
            for name, label in series:
                # Older figures lack some.
                points = [(row["garments"], row[name]) for row in held if row.get(name)]
                if points:
                    axis.plot(*zip(*points, strict=True), marker, markersize=4, label=f"{storage} {label}".strip())
        axis.set_title(title, fontsize=10)
        axis.set_xscale("log")
        axis.set_xlabel("garments")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8, frameon=False)
    for axis in axes[:3]:
        axis.set_yscale("log")
    axes[3].set_ylim(bottom=0)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    draw(list(json.loads(FIGURES.read_text()).values()), PICTURE)
