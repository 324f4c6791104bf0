"""The rows of the report: which embedders, how their regions are weighed, and which of them are set against which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.benchmark.embeddings import Network
from models.benchmark.ranking import equal_weights
from models.errors import ModelFileError
from models.manifest import read_manifest
from models.runtime.embedder import RegionEmbedder
from models.runtime.session import OnnxSession
from models.weighting import WeightTable, read_weight_table

HAND_SET = Path(__file__).with_name("hand_set.json")
SHIPPED = "shipped"
TRADITIONAL, PCB, PLAIN, FULL = "traditional", "pcb", "plain", "full"
STAND_IN = "mean of regions (stands in for Traditional)"


@dataclass(frozen=True, slots=True)
class Method:
    """A row: several `networks` are an ensemble; `pooled` takes the mean of the regions as one vector."""

    name: str
    networks: tuple[str, ...]
    table: WeightTable
    pooled: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A paired difference: what `method` gains on `other`, both names of rows."""

    words: str
    method: str
    other: str


def read_network(folder: Path, threads: int = 0) -> Network:
    """An exported embedder under its folder's name. Raises ModelFileError where it is missing or altered."""
    manifest = read_manifest(folder / "embedder.json")
    session = OnnxSession(folder / manifest.file, threads=threads)
    return Network(folder.name, manifest.sha256[:12], RegionEmbedder(session, manifest), manifest.training)


def read_ablations(folder: Path, threads: int = 0) -> dict[str, Network]:
    """The embedders of `folder`'s sub-folders as `python -m models.training ablation` writes them, by their names.

    Raises ModelFileError where there is none, or one is altered.
    """
    names = [file.parent.name for file in sorted(folder.glob("*/embedder.json"))]
    known = [name for name in names if name in (TRADITIONAL, PCB, PLAIN, FULL) or name.startswith(f"{FULL}-")]
    if not known:
        raise ModelFileError(f"{folder} holds no ablation: each is a folder with embedder.onnx and embedder.json")
    return {name: read_network(folder / name, threads) for name in known}


def methods_of(networks: Mapping[str, Network], learned: WeightTable) -> list[Method]:
    """In the order of the report. Traditional, PCB and no attention are the paper's baselines; where no Traditional
    was trained, the shipped regions' mean stands in for it."""
    equal, hand_set = equal_weights(), read_weight_table(HAND_SET)
    rows = [
        Method("Traditional", (TRADITIONAL,), equal),
        Method("PCB stripes", (PCB,), equal),
        Method("no attention, equal weights", (PLAIN,), equal),
        Method("no attention, learned weights", (PLAIN,), learned),
        Method("full, equal weights", (FULL,), equal),
        Method("full, hand-set weights", (FULL,), hand_set),
        Method("full, learned weights", (FULL,), learned),
    ]
    members = tuple(sorted(name for name in networks if name.split("-")[0] == FULL))
    if len(members) > 1:
        rows.append(Method(f"ensemble of {len(members)}, learned weights", members, learned))
        rows.append(Method(f"ensemble of {len(members)} and shipped", (*members, SHIPPED), learned))
    if TRADITIONAL not in networks:
        rows.append(Method(STAND_IN, (SHIPPED,), equal, pooled=True))
    rows += [
        Method("shipped, equal weights", (SHIPPED,), equal),
        Method("shipped, hand-set weights", (SHIPPED,), hand_set),
        Method("shipped, learned weights", (SHIPPED,), learned),
    ]
    return [row for row in rows if networks.keys() >= set(row.networks)]


def methods_under_uniform_prior(methods: list[Method]) -> list[Method]:
    """What weights gain is asked again where no region is edited more often than another."""
    return [row for row in methods if row.name.startswith(("full,", "shipped,"))]


QUESTIONS = (
    Question("PS-Net over Traditional, same training", "full, learned weights", "Traditional"),
    Question("as shipped over Traditional", "shipped, learned weights", "Traditional"),
    Question("as shipped over its stand-in", "shipped, learned weights", STAND_IN),
    Question("landmark regions over stripes", "full, equal weights", "PCB stripes"),
    Question("attention, learned weights", "full, learned weights", "no attention, learned weights"),
    Question("attention, equal weights", "full, equal weights", "no attention, equal weights"),
    Question("learned weights", "full, learned weights", "full, equal weights"),
    Question("three seeds over one", "ensemble of 3, learned weights", "full, learned weights"),
    Question("learned weights, as shipped", "shipped, learned weights", "shipped, equal weights"),
    Question("learned over hand-set weights, as shipped", "shipped, learned weights", "shipped, hand-set weights"),
)


def missing_rows(networks: Mapping[str, Network]) -> list[str]:
    """What the report has to own up to."""
    missing = [name for name in (TRADITIONAL, PCB, PLAIN, FULL) if name not in networks]
    if sum(name.split("-")[0] == FULL for name in networks) < 2:
        missing.append("ensemble")
    return missing
