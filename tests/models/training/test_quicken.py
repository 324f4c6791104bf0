"""Quickened trunks: the same features at rest, gradients while learning, in what arithmetic the processor has."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from models.training.backbone import EfficientNetLite0, Trunk
from models.training.quicken import FrozenStage, learning_dtype, quicken


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    """A test's processor is not the next one's."""
    learning_dtype.cache_clear()
    yield
    learning_dtype.cache_clear()


@pytest.mark.parametrize(
    ("able", "dtype"),
    [
        ({}, torch.float32),
        ({"avx512_bf16": False, "amx_bf16": False}, torch.float32),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
    ],
)
def test_a_processor_without_bfloat16_learns_in_float32(
    able: dict[str, bool], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Emulated it takes eight times as long."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert learning_dtype("cpu") is dtype


def test_at_rest_nothing_changes() -> None:
    """Batch normalisation is folded into convolutions, and stages wrapped."""
    trunk = _trunk()
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = trunk.eval()(pixels)
        after = quicken(trunk).eval()(pixels)
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("able", [False, True])
def test_what_is_frozen_gets_no_gradient_and_the_rest_does(able: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In either arithmetic; features stay float32 between stages."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": able})
    trunk = quicken(_trunk()).train()
    features = trunk(torch.rand(2, 3, 64, 64))
    assert {one.dtype for one in features} == {torch.float32}
    torch.stack([one.square().mean() for one in features]).sum().backward()
    frozen = {
        id(parameter) for stage in trunk.modules() if isinstance(stage, FrozenStage) for parameter in stage.parameters()
    }
    assert frozen
    for parameter in trunk.parameters():
        assert (parameter.grad is None) == (id(parameter) in frozen)


def _trunk() -> Trunk:
    """An untrained trunk, its normalisation not the identity."""
    torch.manual_seed(3)
    trunk = EfficientNetLite0(pretrained=False)
    for part in trunk.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_mean, -0.1, 0.1)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
    trunk.freeze_front(4)
    return trunk
