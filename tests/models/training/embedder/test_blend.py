"""The mean of two embedders is the mean of their weights, and of nothing that is not one network."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.errors import ModelFileError
from models.training.embedder.blend import blend_graphs


def graph(weights: np.ndarray, name: str = "weights") -> onnx.ModelProto:
    tensors = [numpy_helper.from_array(weights, name), numpy_helper.from_array(np.array([2, 3]), "shape")]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    return helper.make_model(
        helper.make_graph([helper.make_node("Identity", [name], ["y"])], "g", [], [output], tensors)
    )


def weights_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_weights_are_averaged_in_their_own_precision(kind: type) -> None:
    mean = weights_of(blend_graphs(graph(np.array([1, 3], kind)), graph(np.array([2, -3], kind))))["weights"]
    assert mean.dtype == kind
    assert mean.tolist() == [1.5, 0.0]


def test_numbers_that_are_no_weights_stay() -> None:
    assert weights_of(blend_graphs(graph(np.ones(2, np.float32)), graph(np.zeros(2, np.float32))))[
        "shape"
    ].tolist() == [2, 3]


def test_a_stage_that_learnt_in_one_run_alone_is_the_same_stage() -> None:
    """A further pass may leave more of the trunk as it is, which adds a part to its parameters' names."""
    learning, resting = graph(np.array([1.0]), "trunk.blocks.5.w"), graph(np.array([3.0]), "trunk.blocks.5.stage.w")
    assert weights_of(blend_graphs(learning, resting)).keys() >= {"trunk.blocks.5.stage.w"}
    mean = blend_graphs(graph(np.ones(1, np.float32), "a.b"), graph(np.zeros(1, np.float32), "a.stage.b"))
    assert weights_of(mean)["a.stage.b"].tolist() == [0.5]


def test_another_network_is_refused() -> None:
    with pytest.raises(ModelFileError, match="different graphs"):
        blend_graphs(graph(np.ones(2, np.float32)), graph(np.ones(2, np.float32), "others"))
    with pytest.raises(ModelFileError, match="in the other"):
        blend_graphs(graph(np.ones(2, np.float32)), graph(np.ones(3, np.float32)))
