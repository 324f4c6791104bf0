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
from torch.nn import functional
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead, concat_box_prediction_layers
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign, clip_boxes_to_image, roi_align

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
PASSES = 2
"""Looks of the box head at each proposal."""
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


class GarmentHead(nn.Module):
    """Two layers over a proposal's pooled features; the second also sees the proposal's size and proportions.

    RoIAlign stretches every proposal to a square, and a dress differs from a long top by its proportions.
    """

    def __init__(self, pooled_width: int, width: int) -> None:
        super().__init__()
        self.fc6 = nn.Linear(pooled_width, width)
        self.fc7 = nn.Linear(width, width)
        self.shape = nn.Linear(3, width)
        nn.init.zeros_(self.shape.weight)
        nn.init.zeros_(self.shape.bias)

    def forward(self, pooled_PCHW: Tensor, proposals_P4: Tensor, side: int) -> Tensor:
        width, height = (proposals_P4[:, 2:] - proposals_P4[:, :2]).clamp(min=1.0).div(side).log().unbind(dim=1)
        shape_P3 = torch.stack([width, height, height - width], dim=1)
        hidden = functional.relu(self.fc6(pooled_PCHW.flatten(1)))
        features: Tensor = functional.relu(self.fc7(hidden) + self.shape(shape_P3))
        return features


class GarmentHeads(RoIHeads):
    """torchvision's matching and sampling of proposals, with losses for sets of categories and one box a proposal.

    A proposal passes the head twice, the second time with its corrected box: the first look at a proposal that cuts a
    sleeve off cannot see where the sleeve ends (an iterated box head; Cai & Vasconcelos, "Cascade R-CNN", 2018).
    """

    def look(self, level_BCHW: Tensor, proposals: list[Tensor] | Tensor, side: int) -> tuple[Tensor, Tensor]:
        """Category logits (P, 14) and box corrections (P, 4) of the proposals of all pictures: a list (P_b, 4) of each,
        or rows (P, 5) that begin with the number of their picture."""
        pooled = roi_align(level_BCHW, proposals, POOLED, spatial_scale=1 / int(LEVELS[0]), sampling_ratio=2)
        boxes_P4 = proposals[:, 1:] if isinstance(proposals, Tensor) else torch.cat(proposals)
        logits, corrections = self.box_predictor(self.box_head(pooled, boxes_P4, side))
        return logits, corrections

    def correct(self, corrections_P4: Tensor, proposals_P4: Tensor, side: int) -> Tensor:
        return clip_boxes_to_image(self.box_coder.decode_single(corrections_P4, proposals_P4), (side, side))

    def losses(
        self, pyramid: dict[str, Tensor], proposals: list[Tensor], side: int, targets: Targets
    ) -> dict[str, Tensor]:
        total: dict[str, Tensor] = {}
        for _ in range(PASSES):
            picked, _, labels, wanted = self.select_training_samples(proposals, targets)
            logits, corrections = self.look(pyramid[LEVELS[0]], picked, side)
            for name, loss in head_losses(logits, corrections, torch.cat(labels), torch.cat(wanted)).items():
                total[name] = total.get(name, 0.0) + loss / PASSES
            corrected = self.correct(corrections.detach(), torch.cat(picked), side)
            proposals = list(corrected.split([len(boxes) for boxes in picked]))
        return total


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

    def infer(self, pictures_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (B, P, 13) and boxes (B, P, 4) in input pixels; only B is free, so that it exports.

        Each picture has the `proposals` best boxes whatever is on it, and none sees another's.
        """
        side, kept = pictures_BCHW.shape[-1], self.architecture.proposals
        pyramid = self.features(pictures_BCHW)
        boxes_BP4 = self._propose(pyramid, side)
        picture_N = torch.arange(boxes_BP4.shape[0], device=boxes_BP4.device).repeat_interleave(kept)
        boxes_N4 = boxes_BP4.reshape(-1, 4)
        scores_NK = boxes_N4.new_zeros(boxes_N4.shape[0], CLASSES)
        for _ in range(PASSES):
            rows_N5 = torch.cat([picture_N[:, None].to(boxes_N4.dtype), boxes_N4], dim=1)
            logits, corrections = self.heads.look(pyramid[LEVELS[0]], rows_N5, side)
            scores_NK = scores_NK + torch.softmax(logits, dim=1) / PASSES
            boxes_N4 = self.heads.correct(corrections, boxes_N4, side)
        return scores_NK[:, 1:].reshape(-1, kept, CLASSES - 1), boxes_N4.reshape(-1, kept, 4)

    def _propose(self, pyramid: dict[str, Tensor], side: int) -> Tensor:
        """The best proposals (B, P, 4), overlapping ones thinned by a suppression that has fixed shapes."""
        maps = [pyramid[name] for name in LEVELS]
        anchors_A4 = self.rpn.anchor_generator(ImageList(maps[0].new_zeros(1, 3, side, side), [(side, side)]), maps)[0]
        logits, moves = concat_box_prediction_layers(*self.rpn.head(maps))
        count = anchors_A4.shape[0]
        order_BC = logits.reshape(-1, count).topk(self.architecture.candidates, dim=1).indices
        moves_BC4 = moves.reshape(-1, count, 4).gather(1, order_BC[..., None].expand(-1, -1, 4))
        decoded = self.rpn.box_coder.decode_single(moves_BC4.reshape(-1, 4), anchors_A4[order_BC].reshape(-1, 4))
        boxes_BC4 = clip_boxes_to_image(decoded, (side, side)).reshape(-1, self.architecture.candidates, 4)
        # A box falls to any better one that it overlaps, fallen or not (Bolya et al., "YOLACT", 2019: Fast NMS).
        overlap_BC = torch.triu(_overlaps(boxes_BC4), diagonal=1).amax(dim=1)
        fallen_BC = (overlap_BC > self.architecture.proposal_overlap).float()
        places = torch.arange(self.architecture.candidates, device=boxes_BC4.device)
        place_BC = fallen_BC * self.architecture.candidates + places
        kept_BP = place_BC.topk(self.architecture.proposals, dim=1, largest=False).indices
        return boxes_BC4.gather(1, kept_BP[..., None].expand(-1, -1, 4))


def _overlaps(boxes_BC4: Tensor) -> Tensor:
    """IoU (B, C, C) of each picture's boxes with each other."""
    size_BC2 = boxes_BC4[..., 2:] - boxes_BC4[..., :2]
    area_BC = size_BC2[..., 0] * size_BC2[..., 1]
    first, second = boxes_BC4[:, :, None], boxes_BC4[:, None]
    top_left, bottom_right = (
        torch.maximum(first[..., :2], second[..., :2]),
        torch.minimum(first[..., 2:], second[..., 2:]),
    )
    shared_BCC = (bottom_right - top_left).clamp(min=0).prod(dim=-1)
    return shared_BCC / (area_BC[:, :, None] + area_BC[:, None] - shared_BCC)


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
        GarmentHead(architecture.pyramid_width * POOLED**2, architecture.head_width),
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
