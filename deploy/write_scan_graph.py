"""Writes `index/flat_scan.onnx`, the scan of rows on a card: `python -m deploy.write_scan_graph` (needs onnx)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from index.device_rows import SCAN_GRAPH

_OPSET = 17
_IR_VERSION = 9


def scan_graph() -> onnx.ModelProto:
    """The best `count` inner products of `queries` fp16 (q, D) with `rows` fp16 (n, D), of rows that are `allowed`.

    `scores` float32 (q, count), -inf where there are no more; `numbers` int64 (q, count) of their rows.
    """
    nodes = [
        helper.make_node("Gemm", ["queries", "rows"], ["halves"], transB=1),
        helper.make_node("Cast", ["halves"], ["products"], to=TensorProto.FLOAT),
        helper.make_node("Where", ["allowed", "products", "never"], ["chosen"]),
        helper.make_node("TopK", ["chosen", "count"], ["scores", "numbers"], axis=1),
    ]
    inputs = [
        helper.make_tensor_value_info("rows", TensorProto.FLOAT16, ["n", "d"]),
        helper.make_tensor_value_info("queries", TensorProto.FLOAT16, ["q", "d"]),
        helper.make_tensor_value_info("allowed", TensorProto.BOOL, ["n"]),
        helper.make_tensor_value_info("count", TensorProto.INT64, [1]),
    ]
    outputs = [
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["q", "k"]),
        helper.make_tensor_value_info("numbers", TensorProto.INT64, ["q", "k"]),
    ]
    never = numpy_helper.from_array(np.array(-np.inf, dtype=np.float32), "never")
    graph = helper.make_graph(nodes, "flat_scan", inputs, outputs, [never])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="selvedge")
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model)
    return model


def main() -> None:
    Path(SCAN_GRAPH).write_bytes(scan_graph().SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
