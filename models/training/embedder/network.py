"""PsNet's retrieval branch: landmark attention over a feature map, RoIAlign of five regions, a unit vector for each.

Source: PS-Net (CVPR 2020), section 4: F' = F∘(½ + A). Pooled size and head are not published; these are ours.
Shape suffixes: B garments, C channels, H = W = 28, R = 5 regions, D dimensions of a vector, P pooled side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import roi_align

from models.taxonomy import LANDMARK_CHANNELS, REGIONS, RegionName
from models.training.backbone import build_trunk
from models.types import CROP_SIZE

MAP_SIDE = 28
POOLED_SIDE = 6
HEADS = ("collar", "chest", "waist", "sleeve")


@dataclass(frozen=True, slots=True)
class EmbedderDesign:
    """What can be switched: `attention` off leaves F' = F, `regions` off pools the whole crop for every region."""

    trunk: str = "efficientnet_lite0"
    width: int = 128
    dimension: int = 128
    attention: bool = True
    regions: bool = True
    frozen_stages: int = 6


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


class PsNet(nn.Module):
    """Crops, landmark maps and region boxes in; five unit vectors a garment out, zero where the box is empty."""

    def __init__(self, design: EmbedderDesign, *, pretrained: bool = True) -> None:
        super().__init__()
        self.design = design
        self.trunk = build_trunk(design.trunk, pretrained=pretrained)
        self.trunk.freeze_front(design.frozen_stages)
        self.laterals = nn.ModuleList([nn.Conv2d(channels, design.width, 1) for channels in self.trunk.channels[1:]])
        self.attention = LandmarkAttention(design.width) if design.attention else None
        self.heads = nn.ModuleDict({name: RegionHead(design.width, design.dimension) for name in HEADS})

    def forward(self, crops_BCHW: Tensor, landmark_maps_BKHW: Tensor, boxes_BR4: Tensor) -> Tensor:
        """float32 (B, 5, D). Crops (B, 3, 224, 224) normalised, maps (B, 81, 28, 28), boxes x1 y1 x2 y2 in crop px."""
        features = self._fuse(self.trunk(crops_BCHW))
        if self.attention is not None:
            features = self.attention(features, landmark_maps_BKHW)
        seen_BR1 = ((boxes_BR4[..., 2:] - boxes_BR4[..., :2]).amin(dim=-1, keepdim=True) > 0).to(features.dtype)
        rows = [self._describe(features, boxes_BR4, name) for name in REGIONS]
        return torch.stack(rows, dim=1) * seen_BR1

    def _fuse(self, maps: Sequence[Tensor]) -> Tensor:
        """Strides 8, 16 and 32 brought to 28×28 and summed, float32 (B, C, 28, 28)."""
        fused = self.laterals[0](maps[1])
        for lateral, features in zip(list(self.laterals)[1:], maps[2:], strict=True):
            narrow = lateral(features)
            fused = fused + functional.interpolate(narrow, size=(MAP_SIDE, MAP_SIDE), mode="bilinear")
        return functional.relu(fused)

    def _describe(self, features_BCHW: Tensor, boxes_BR4: Tensor, name: RegionName) -> Tensor:
        boxes = boxes_BR4[:, name.row]
        if not self.design.regions:
            boxes = torch.zeros_like(boxes) + boxes.new_tensor([0.0, 0.0, CROP_SIZE, CROP_SIZE])
        numbers = torch.arange(boxes.shape[0], device=boxes.device, dtype=boxes.dtype)[:, None]
        pooled = roi_align(
            features_BCHW,
            torch.cat([numbers, boxes], dim=1),
            output_size=(POOLED_SIDE, POOLED_SIDE),
            spatial_scale=MAP_SIDE / CROP_SIZE,
            sampling_ratio=2,
            aligned=True,
        )
        if name is RegionName.RIGHT_SLEEVE:
            pooled = torch.flip(pooled, dims=[3])  # one head serves both sleeves: the right one as its mirror image
        head = self.heads["sleeve" if name.value.endswith("sleeve") else name.value]
        return functional.normalize(head(pooled), dim=1)
