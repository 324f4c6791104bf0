"""From a torch module to an ONNX file that ONNX Runtime reads: one graph, weights stored in half precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
LEAST_HALVED = 512
"""Smaller tensors keep full precision: biases, anchors, shapes."""


def export_onnx(
    network: torch.nn.Module, example: Mapping[str, torch.Tensor], outputs: Sequence[str], path: Path
) -> onnx.ModelProto:
    """Write `network` (called with the values of `example`) and return the graph; the first axis, the batch, is free.

    `example` holds two rows: one would be taken for a constant. Weights are stored as float16 and cast back when the
    file is loaded, so the arithmetic stays float32.
    """
    network.eval()
    batch = {0: torch.export.Dim.DYNAMIC}
    program = torch.onnx.export(
        network,
        tuple(example.values()),
        dynamo=True,
        input_names=list(example),
        output_names=list(outputs),
        opset_version=OPSET,
        dynamic_shapes=(batch,) * len(example),
        verbose=False,
    )
    assert program is not None
    model = store_half(program.model_proto)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())
    return model


def store_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Turn large float32 initializers of `model`, in place, into float16 ones followed by a Cast."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < LEAST_HALVED:
            continue
        name, half = tensor.name, f"{tensor.name}_half"
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), half))
        casts.append(helper.make_node("Cast", [half], [name], name=f"{name}_cast", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
