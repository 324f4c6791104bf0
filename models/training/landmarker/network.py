"""Heatmaps by transposed convolutions on a light trunk.

Source: PS-Net (Lang et al., CVPR 2020), section 4, after Simple Baselines (Xiao et al., ECCV 2018); the lateral
additions are those of a feature pyramid. Shape suffixes: B batch, C channels, K landmarks, H W rows and columns.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.taxonomy import LANDMARK_CHANNELS
from models.training.backbone import build_trunk
from models.training.quicken import quicken

MAP_SIDE = 56


class Rise(nn.Module):
    """Doubles the side of a map and adds the trunk's map of that size, if it is given one."""

    def __init__(self, coarse: int, lateral: int | None, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(coarse, width, kernel_size=4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.lateral = None if lateral is None else nn.Conv2d(lateral, width, kernel_size=1)

    def forward(self, coarse_BCHW: Tensor, fine_BCHW: Tensor) -> Tensor:
        risen = self.norm(self.up(coarse_BCHW))
        return torch.relu(risen if self.lateral is None else risen + self.lateral(fine_BCHW))


class LandmarkNetwork(nn.Module):
    """float32 (B, 3, 224, 224), normalised → float32 (B, 81, 56, 56); a landmark's map peaks at 1.

    Without `laterals` it is the Simple Baseline: three transposed convolutions on the coarsest map and nothing else.
    A trunk `from_scratch` has no weights and batch statistics to keep: none is loaded, nothing is frozen or folded.
    """

    def __init__(
        self,
        trunk: str = "efficientnet_lite0",
        *,
        width: int = 96,
        frozen_stages: int = 5,
        laterals: bool = True,
        pretrained: bool = True,
        from_scratch: bool = False,
    ) -> None:
        super().__init__()
        self.trunk = build_trunk(trunk, pretrained=pretrained and not from_scratch)
        if from_scratch:
            self.trunk.learns_statistics = True
        else:
            self.trunk.freeze_front(frozen_stages)
            quicken(self.trunk)
        *finer, coarsest = self.trunk.channels
        given = [channels if laterals else None for channels in reversed(finer)]
        self.rises = nn.ModuleList(
            [Rise(below, lateral, width) for below, lateral in zip((coarsest, width, width), given, strict=True)]
        )
        self.maps = nn.Conv2d(width, LANDMARK_CHANNELS, kernel_size=1)
        nn.init.normal_(self.maps.weight, std=0.001)
        assert self.maps.bias is not None
        nn.init.zeros_(self.maps.bias)

    def forward(self, pictures_BCHW: Tensor) -> Tensor:
        *finer, coarsest = self.trunk(pictures_BCHW)
        maps_BCHW = coarsest
        for rise, lateral in zip(self.rises, reversed(finer), strict=True):
            maps_BCHW = rise(maps_BCHW, lateral)
        maps_BKHW: Tensor = self.maps(maps_BCHW)
        return maps_BKHW
