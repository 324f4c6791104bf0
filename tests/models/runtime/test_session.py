"""Which device runs a network, and that a fall-back is never silent. CUDA itself is not at hand here: what is chosen,
asked for and reported is tested, and the bound path runs on the CPU."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from models.errors import ModelFileError
from models.manifest import read_manifest
from models.preprocessing import ImageLimits, decode
from models.runtime.running import CPU_PROVIDER, CUDA_PROVIDER, Batching, Device, Engine, Running, wanted_provider
from models.runtime.session import OnnxSession, asked_providers
from models.runtime.shipped import MODEL_NAMES, open_describer, takes_batches
from service.demo.renderer import render
from service.demo.scenes import Scene
from service.demo.wardrobe import UNREGISTERED
from service.settings import WEIGHTS_DIR

WITH_CUDA = (CUDA_PROVIDER, CPU_PROVIDER)
WITHOUT = (CPU_PROVIDER,)


@pytest.mark.parametrize(
    ("device", "available", "wanted"),
    [
        (Device.AUTO, WITH_CUDA, CUDA_PROVIDER),
        (Device.AUTO, WITHOUT, CPU_PROVIDER),
        (Device.CPU, WITH_CUDA, CPU_PROVIDER),
        (Device.CUDA, WITHOUT, CUDA_PROVIDER),
    ],
)
def test_the_wanted_device_decides_what_is_asked_for(device: Device, available: tuple[str, ...], wanted: str) -> None:
    """`cuda` stays wanted where it is missing, so that the fall-back shows."""
    assert wanted_provider(device, available) == wanted


def test_the_engine_is_asked_for_the_gpu_first_and_the_cpu_after() -> None:
    """Never for a provider that it was not built with."""
    names = [entry if isinstance(entry, str) else entry[0] for entry in asked_providers(CUDA_PROVIDER, WITH_CUDA)]
    assert names == [CUDA_PROVIDER, CPU_PROVIDER]
    assert asked_providers(CUDA_PROVIDER, WITHOUT) == [CPU_PROVIDER]
    assert asked_providers(CPU_PROVIDER, WITH_CUDA) == [CPU_PROVIDER]


def test_a_gpu_that_is_wanted_and_missing_is_told() -> None:
    """The network runs all the same, and says on what."""
    session = OnnxSession(WEIGHTS_DIR / "landmarker.onnx", device=Device.CUDA, threads=1)
    assert session.engine == Engine("landmarker", CUDA_PROVIDER, CPU_PROVIDER)
    assert session.engine.fell_back
    assert not OnnxSession(WEIGHTS_DIR / "landmarker.onnx", threads=1).engine.fell_back


def test_bound_arrays_give_the_same_answer() -> None:
    """The path that CUDA takes, on the CPU."""
    session = OnnxSession(WEIGHTS_DIR / "landmarker.onnx", threads=1)
    pictures = {"pictures": np.random.default_rng(1).normal(size=(2, 3, 224, 224)).astype(np.float32)}
    np.testing.assert_array_equal(session.run_bound(pictures)[0], session.run(pictures)[0])


class Stubbed:
    """An engine's session that says which provider runs it, and notes how it was run."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.ran: list[str] = []

    def get_providers(self) -> list[str]:
        return [self.provider, CPU_PROVIDER]

    def get_outputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="seen")]

    def run(self, _names: None, _inputs: dict[str, Any]) -> list[Any]:
        self.ran.append("plain")
        return [np.ones(1)]

    def io_binding(self) -> Any:
        bound = SimpleNamespace(bind_cpu_input=self._bind("in"), bind_output=self._bind("out"))
        bound.copy_outputs_to_cpu = lambda: [np.ones(1)]
        return bound

    def run_with_iobinding(self, _binding: Any) -> None:
        self.ran.append("bound")

    def _bind(self, side: str) -> Any:
        return lambda name, *_array: self.ran.append(f"{side} {name}")


@pytest.mark.parametrize(
    ("provider", "ran"), [(CUDA_PROVIDER, ["in pictures", "out seen", "bound"]), (CPU_PROVIDER, ["plain"])]
)
def test_a_session_that_cuda_runs_takes_the_bound_path(
    monkeypatch: pytest.MonkeyPatch, provider: str, ran: list[str]
) -> None:
    """By what the engine says that runs it, not by what was asked for: a fall-back runs plainly."""
    stub, asked = Stubbed(provider), []

    def opened(_path: str, _options: Any, providers: list[Any]) -> Stubbed:
        asked.extend(providers)
        return stub

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(WITH_CUDA))
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(onnxruntime, "InferenceSession", opened)
    session = OnnxSession(Path("network.onnx"), device=Device.AUTO)
    assert asked[0][0] == CUDA_PROVIDER and asked[1:] == [CPU_PROVIDER]
    assert session.engine == Engine("network", CUDA_PROVIDER, provider)
    (seen,) = session.run({"pictures": np.zeros((1, 3, 4, 4), np.float32)})
    assert (seen.tolist(), stub.ran) == ([1.0], ran)


def test_a_damaged_file_is_a_model_file_error(tmp_path: Path) -> None:
    """Whatever the engine calls it."""
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with pytest.raises(ModelFileError, match=r"broken\.onnx"):
        OnnxSession(tmp_path / "broken.onnx")


def test_every_network_takes_rows_of_several_requests() -> None:
    """Their manifests say so, and graphs with a batch of one are run row by row."""
    manifests = {name: read_manifest(WEIGHTS_DIR / f"{name}.json") for name in MODEL_NAMES}
    assert {name: takes_batches(manifest) for name, manifest in manifests.items()} == dict.fromkeys(MODEL_NAMES, True)
    alone = manifests["detector"].model_copy(update={"inputs": {"pictures": [1, 3, 320, 320]}})
    assert not takes_batches(alone)


def test_the_real_networks_see_the_same_batched_and_alone() -> None:
    """A garment's embedding does not depend on its company."""
    photo = decode(render(UNREGISTERED, Scene.drawn(104, 300, 360)).jpeg(), ImageLimits())
    seen: list[tuple[str, int]] = []
    running = Running(threads=1, batching=Batching((4, 8)), gpu_only=False, watch=lambda *told: seen.append(told))
    alone = open_describer(WEIGHTS_DIR, Running(threads=1))
    batched = open_describer(WEIGHTS_DIR, running)
    (one,), (other,) = alone.describe(photo).garments, batched.describe(photo).garments
    np.testing.assert_allclose(one.embeddings.vectors, other.embeddings.vectors, atol=1e-4)
    np.testing.assert_allclose(one.landmarks.points_xy, other.landmarks.points_xy, atol=1e-2)
    assert seen == [("detector", 1), ("landmarker", 1), ("embedder", 2)]
    assert (alone.waiting, batched.waiting) == (0, 0)
    batched.close()


def test_on_a_cpu_nothing_is_batched_unless_it_is_asked_for() -> None:
    """A batch costs there what its rows cost: docs/performance.md."""
    photo = decode(render(UNREGISTERED, Scene.drawn(104, 300, 360)).jpeg(), ImageLimits())
    seen: list[tuple[str, int]] = []
    running = Running(threads=1, batching=Batching(), watch=lambda *told: seen.append(told))
    describer = open_describer(WEIGHTS_DIR, running)
    assert len(describer.describe(photo).garments) == 1
    assert seen == []
    assert [engine.model for engine in describer.engines] == list(MODEL_NAMES)
