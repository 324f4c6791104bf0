"""PsNet's retrieval branch: landmark attention over a feature map, RoIAlign of five regions, a unit vector for each.

Source: PS-Net (CVPR 2020), section 4: F' = F∘(½ + A). Pooled size and head are not published; these are ours.
Shape suffixes: B garments, C channels, H = W = 36, R = 5 regions, D dimensions of a vector, P pooled side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import roi_align

from models.runtime.embedder import MAP_SIDE
from models.taxonomy import LANDMARK_CHANNELS, REGION_COUNT, REGIONS, RegionName
from models.training.backbone import build_trunk
from models.types import CROP_SIZE

POOLED_SIDE = 6
HEADS = ("collar", "chest", "waist", "sleeve")


class Pooling(StrEnum):
    """What the vectors are pooled from: the five landmark regions; five horizontal stripes of the crop, top to bottom
    (PCB, Sun et al., ECCV 2018); the whole crop, one vector five times as long that every row repeats."""

    REGIONS = "regions"
    STRIPES = "stripes"
    WHOLE = "whole"

    @property
    def heads(self) -> tuple[str, ...]:
        if self is Pooling.REGIONS:
            return HEADS
        return ("whole",) if self is Pooling.WHOLE else tuple(f"stripe_{row}" for row in range(REGION_COUNT))


@dataclass(frozen=True, slots=True)
class EmbedderDesign:
    """What can be switched: `attention` off leaves F' = F, `pooling` says what is looked at."""

    trunk: str = "efficientnet_lite0"
    width: int = 128
    dimension: int = 128
    attention: bool = True
    pooling: Pooling = Pooling.REGIONS
    frozen_stages: int = 6

    @property
    def row_width(self) -> int:
        """D of the rows (B, 5, D): the one global vector is as long as five regions' together."""
        return self.dimension * (REGION_COUNT if self.pooling is Pooling.WHOLE else 1)


class LandmarkAttention(nn.Module):
    """A in 0..1 from the features and the landmark maps; forward gives F∘(½ + A)."""

    def __init__(self, width: int, landmark_width: int = 32, hidden: int = 32) -> None:
        super().__init__()
        self.landmarks = nn.Conv2d(LANDMARK_CHANNELS, landmark_width, 1)
        self.mix = nn.Conv2d(width + landmark_width, hidden, 3, padding=1)
        self.gate = nn.Conv2d(hidden, width, 1)

    def forward(self, features_BCHW: Tensor, maps_BKHW: Tensor) -> Tensor:
        marks = functional.relu(self.landmarks(maps_BKHW))
        mixed = functional.relu(self.mix(torch.cat([features_BCHW, marks], dim=1)))
        return features_BCHW * (0.5 + torch.sigmoid(self.gate(mixed)))


class RegionHead(nn.Module):
    """A pooled region to a vector: a convolution, then one linear layer over all its cells."""

    def __init__(self, width: int, dimension: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3)
        self.project = nn.Linear(width * (POOLED_SIDE - 2) ** 2, dimension)

    def forward(self, pooled_BCPP: Tensor) -> Tensor:
        hidden = functional.relu(self.conv(pooled_BCPP))
        return self.project(hidden.flatten(1))


def _head_of(design: EmbedderDesign) -> nn.Module:
    head = RegionHead(design.width, design.row_width)
    if design.pooling is Pooling.REGIONS:
        return head
    # Vectors of everything or of a stripe start alike for all garments and stay so unless they are centred: the neck of
    # Luo et al., "Bag of tricks and a strong baseline for deep person re-identification", CVPR workshops 2019.
    return nn.Sequential(head, nn.BatchNorm1d(design.row_width, affine=False))


class PsNet(nn.Module):
    """Crops, landmark maps and region boxes in; five unit vectors a garment out, zero where the box is empty."""

    def __init__(self, design: EmbedderDesign, *, pretrained: bool = True) -> None:
        super().__init__()
        self.design = design
        self.trunk = build_trunk(design.trunk, pretrained=pretrained)
        self.trunk.freeze_front(design.frozen_stages)
        self.laterals = nn.ModuleList([nn.Conv2d(channels, design.width, 1) for channels in self.trunk.channels[1:]])
        self.attention = LandmarkAttention(design.width) if design.attention else None
        self.heads = nn.ModuleDict({name: _head_of(design) for name in design.pooling.heads})

    def forward(self, crops_BCHW: Tensor, landmark_maps_BKHW: Tensor, boxes_BR4: Tensor) -> Tensor:
        """float32 (B, 5, D). Crops (B, 3, 288, 288) normalised, maps (B, 81, 36, 36), boxes x1 y1 x2 y2 in crop px."""
        features = self._fuse(self.trunk(crops_BCHW))
        if self.attention is not None:
            features = self.attention(features, landmark_maps_BKHW)
        if self.design.pooling is Pooling.WHOLE:
            whole_BD = self._describe(features, self._fixed_box(boxes_BR4, 0, CROP_SIZE), "whole")
            return whole_BD[:, None].expand(-1, REGION_COUNT, -1)
        if self.design.pooling is Pooling.STRIPES:
            edges = [round(CROP_SIZE * row / REGION_COUNT) for row in range(REGION_COUNT + 1)]
            boxes = [self._fixed_box(boxes_BR4, *edges[row : row + 2]) for row in range(REGION_COUNT)]
            return torch.stack([self._describe(features, box, f"stripe_{row}") for row, box in enumerate(boxes)], dim=1)
        seen_BR1 = ((boxes_BR4[..., 2:] - boxes_BR4[..., :2]).amin(dim=-1, keepdim=True) > 0).to(features.dtype)
        rows = [self._describe_region(features, boxes_BR4[:, name.row], name) for name in REGIONS]
        return torch.stack(rows, dim=1) * seen_BR1

    def _fuse(self, maps: Sequence[Tensor]) -> Tensor:
        """Strides 8, 16 and 32 brought to 36×36 and summed, float32 (B, C, 28, 28)."""
        fused = self.laterals[0](maps[1])
        for lateral, features in zip(list(self.laterals)[1:], maps[2:], strict=True):
            narrow = lateral(features)
            fused = fused + functional.interpolate(narrow, size=(MAP_SIDE, MAP_SIDE), mode="bilinear")
        return functional.relu(fused)

    def _describe_region(self, features_BCHW: Tensor, boxes_B4: Tensor, name: RegionName) -> Tensor:
        # One head serves both sleeves: the right one as its mirror image.
        head = "sleeve" if name.value.endswith("sleeve") else name.value
        return self._describe(features_BCHW, boxes_B4, head, flipped=name is RegionName.RIGHT_SLEEVE)

    def _describe(self, features_BCHW: Tensor, boxes_B4: Tensor, head: str, *, flipped: bool = False) -> Tensor:
        numbers = torch.arange(boxes_B4.shape[0], device=boxes_B4.device, dtype=boxes_B4.dtype)[:, None]
        pooled = roi_align(
            features_BCHW,
            torch.cat([numbers, boxes_B4], dim=1),
            output_size=(POOLED_SIDE, POOLED_SIDE),
            spatial_scale=MAP_SIDE / CROP_SIZE,
            sampling_ratio=2,
            aligned=True,
        )
        if flipped:
            pooled = torch.flip(pooled, dims=[3])
        return functional.normalize(self.heads[head](pooled), dim=1)

    @staticmethod
    def _fixed_box(boxes_BR4: Tensor, top: int, bottom: int) -> Tensor:
        """The crop's full width from `top` to `bottom` (px) for every garment, (B, 4)."""
        return torch.zeros_like(boxes_BR4[:, 0]) + boxes_BR4.new_tensor([0.0, top, CROP_SIZE, bottom])
