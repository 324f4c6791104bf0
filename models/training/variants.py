"""Other forms of an exported network: float32 weights, int8 (static QDQ) and float16 arithmetic, from what ships.

bfloat16 is not among them: ONNX Runtime's CPU engine has no bfloat16 kernels for convolutions.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

from models.runtime.session import Arrays, ModelSession

Feed = Mapping[str, npt.NDArray[Any]]

QUANTIZED = ("Conv", "Gemm", "MatMul")
"""What carries nearly all arithmetic; softmax, pooling of regions and boxes stay in float."""


class Variant(StrEnum):
    """Forms of a network; the shipped one stores halves and computes in float32, `FULL` stores the same in float32."""

    SHIPPED = "shipped"
    FULL = "fp32"
    INT8 = "int8"
    HALF = "fp16"


class RecordingSession:
    """A session that keeps what it was fed, so that calibration sees what serving feeds."""

    def __init__(self, session: ModelSession) -> None:
        self._session = session
        self.feeds: list[Feed] = []

    @property
    def provider(self) -> str:
        return self._session.provider

    def run(self, inputs: Feed) -> Arrays:
        self.feeds.append({name: np.array(array) for name, array in inputs.items()})
        return self._session.run(inputs)


def write_variant(variant: Variant, shipped: Path, out: Path, feeds: Sequence[Feed]) -> Path:
    """Write that form of `shipped` to `out`; `feeds` are what int8 is calibrated on. Returns `out`."""
    if variant is Variant.INT8:
        _write_int8(shipped, out, feeds)
    elif variant is Variant.FULL:
        onnx.save(widened(onnx.load(shipped)), out)
    elif variant is Variant.HALF:
        onnx.save(convert_float_to_float16(widened(onnx.load(shipped)), keep_io_types=True), out)
    else:
        shutil.copyfile(shipped, out)
    return out


def widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with its half-precision weights as float32 ones, in place: what `store_half` did, undone."""
    halves = {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT16}
    kept = []
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in halves and node.attribute[0].i == TensorProto.FLOAT:
            tensor = halves[node.input[0]]
            wide = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(wide, node.output[0]))
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model


def _write_int8(shipped: Path, out: Path, feeds: Sequence[Feed]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wide = Path(folder) / "wide.onnx"
        onnx.save(widened(onnx.load(shipped)), wide)
        quantize_static(
            wide,
            out,
            _Feeds(feeds),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=list(QUANTIZED),
        )


class _Feeds(CalibrationDataReader):
    """Feeds, one row at a time: calibration keeps every intermediate result of a run in memory."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._rows = _rows(feeds)

    def get_next(self) -> Feed | None:
        return next(self._rows, None)


def _rows(feeds: Sequence[Feed]) -> Iterator[Feed]:
    for feed in feeds:
        for row in range(len(next(iter(feed.values())))):
            yield {name: array[row : row + 1] for name, array in feed.items()}
