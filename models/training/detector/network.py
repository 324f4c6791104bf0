"""Faster R-CNN with a two-level feature pyramid on any `Trunk`, made of torchvision's parts.

Light where our photos allow it: garments mostly fill them, so proposals and RoIAlign live on strides 16 and 32 alone,
and one box (not one a category) is regressed for each proposal. Shapes: B pictures, A anchors, P proposals,
K = 13 categories and the background first.
Source: Ren et al., "Faster R-CNN" (2015); Lin et al., "Feature Pyramid Networks" (2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead, concat_box_prediction_layers
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign, box_iou, clip_boxes_to_image, roi_align

from models.taxonomy import Category
from models.training.backbone import build_trunk
from models.training.detector.objective import Targets, head_losses
from models.training.quicken import quicken

LEVELS = ("16", "32")
"""Names of the pyramid's levels: their strides."""
ANCHOR_SIZES = ((64, 112), (176, 272))
"""Square roots of anchor areas in pixels of a 320 px input, a level each."""
ANCHOR_RATIOS = (0.7, 1.2, 2.2)
"""Height over width: wide tops, square tops, dresses and trousers."""
POOLED = 7
CLASSES = len(Category) + 1


@dataclass(frozen=True, slots=True)
class Architecture:
    """What fixes the shapes of a detector's tensors, and how many proposals it looks at."""

    trunk: str = "efficientnet_lite0"
    side: int = 320
    pyramid_width: int = 96
    head_width: int = 256
    frozen_stages: int = 6
    training_proposals: int = 150
    candidates: int = 300
    proposals: int = 100
    proposal_overlap: float = 0.7


class BoxPredictor(nn.Module):
    """From a proposal's features to category logits (P, 14) and one box correction (P, 4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.category = nn.Linear(width, CLASSES)
        self.box = nn.Linear(width, 4)

    def forward(self, features_PC: Tensor) -> tuple[Tensor, Tensor]:
        return self.category(features_PC), self.box(features_PC)


class GarmentHeads(RoIHeads):
    """torchvision's matching and sampling of proposals, with losses for sets of categories and one box a proposal."""

    def losses(
        self, pyramid: dict[str, Tensor], proposals: list[Tensor], side: int, targets: Targets
    ) -> dict[str, Tensor]:
        picked, _, labels, corrections = self.select_training_samples(proposals, targets)
        pooled = self.box_roi_pool(pyramid, picked, [(side, side)] * len(picked))
        logits, boxes = self.box_predictor(self.box_head(pooled))
        return head_losses(logits, boxes, torch.cat(labels), torch.cat(corrections))


class GarmentFasterRCNN(nn.Module):
    """Normalised pictures (B, 3, side, side) in; losses while it learns, scores and boxes by `infer` when it serves."""

    def __init__(self, architecture: Architecture, *, pretrained: bool = True) -> None:
        super().__init__()
        self.architecture = architecture
        width = architecture.pyramid_width
        trunk = build_trunk(architecture.trunk, pretrained=pretrained)
        trunk.freeze_front(architecture.frozen_stages)
        self.trunk = quicken(trunk)
        self.pyramid = FeaturePyramidNetwork(list(self.trunk.channels[-2:]), width)
        self.rpn = _build_rpn(architecture)
        self.heads = _build_heads(architecture)

    def features(self, pictures_BCHW: Tensor) -> dict[str, Tensor]:
        maps = self.trunk(pictures_BCHW)[-2:]
        levels: dict[str, Tensor] = self.pyramid(dict(zip(LEVELS, maps, strict=True)))
        return levels

    def forward(self, pictures_BCHW: Tensor, targets: Targets) -> dict[str, Tensor]:
        """The four losses of Faster R-CNN, by name."""
        side = pictures_BCHW.shape[-1]
        pyramid = self.features(pictures_BCHW)
        frames = ImageList(pictures_BCHW, [(side, side)] * len(pictures_BCHW))
        proposals, losses = self.rpn(frames, pyramid, targets)
        named: dict[str, Tensor] = {**losses, **self.heads.losses(pyramid, proposals, side, targets)}
        return named

    def infer(self, picture_1CHW: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (P, 13) and boxes (P, 4) in input pixels for one picture; every shape is fixed, so that it exports."""
        side = picture_1CHW.shape[-1]
        pyramid = self.features(picture_1CHW)
        proposals_P4 = self._propose(pyramid, side)
        level = pyramid[LEVELS[0]]
        pooled = roi_align(level, [proposals_P4], POOLED, spatial_scale=1 / int(LEVELS[0]), sampling_ratio=2)
        logits, corrections = self.heads.box_predictor(self.heads.box_head(pooled))
        boxes_P4 = self.heads.box_coder.decode_single(corrections, proposals_P4)
        return torch.softmax(logits, dim=1)[:, 1:], clip_boxes_to_image(boxes_P4, (side, side))

    def _propose(self, pyramid: dict[str, Tensor], side: int) -> Tensor:
        """The best proposals (P, 4), overlapping ones thinned by a suppression that has fixed shapes."""
        maps = [pyramid[name] for name in LEVELS]
        objectness, corrections = concat_box_prediction_layers(*self.rpn.head(maps))
        anchors_A4 = self.rpn.anchor_generator(ImageList(maps[0].new_zeros(1, 3, side, side), [(side, side)]), maps)[0]
        order = objectness.flatten().topk(self.architecture.candidates).indices
        boxes = self.rpn.box_coder.decode_single(corrections[order], anchors_A4[order])
        boxes = clip_boxes_to_image(boxes, (side, side))
        # A box falls to any better one that it overlaps, fallen or not (Bolya et al., "YOLACT", 2019: Fast NMS).
        overlap = torch.triu(box_iou(boxes, boxes), diagonal=1).amax(dim=0)
        fallen = (overlap > self.architecture.proposal_overlap).float()
        place = fallen * len(boxes) + torch.arange(len(boxes), device=boxes.device)
        return boxes[place.topk(self.architecture.proposals, largest=False).indices]


def _build_rpn(architecture: Architecture) -> RegionProposalNetwork:
    anchors = AnchorGenerator(ANCHOR_SIZES, (ANCHOR_RATIOS,) * len(ANCHOR_SIZES))
    return RegionProposalNetwork(
        anchors,
        RPNHead(architecture.pyramid_width, anchors.num_anchors_per_location()[0]),
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=64,
        positive_fraction=0.5,
        pre_nms_top_n={"training": architecture.candidates, "testing": architecture.candidates},
        post_nms_top_n={"training": architecture.training_proposals, "testing": architecture.proposals},
        nms_thresh=architecture.proposal_overlap,
    )


def _build_heads(architecture: Architecture) -> GarmentHeads:
    return GarmentHeads(
        MultiScaleRoIAlign(featmap_names=[LEVELS[0]], output_size=POOLED, sampling_ratio=2),
        TwoMLPHead(architecture.pyramid_width * POOLED**2, architecture.head_width),
        BoxPredictor(architecture.head_width),
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        batch_size_per_image=32,
        positive_fraction=0.4,
        bbox_reg_weights=None,
        score_thresh=0.0,
        nms_thresh=0.5,
        detections_per_img=10,
    )
