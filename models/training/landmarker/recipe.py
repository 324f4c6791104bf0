"""The landmark network's training run: what it learns from, how long, and what is watched on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from models.errors import InvalidValue
from models.manifest import Manifest, TrainingRecord
from models.runtime.landmarker import LandmarkEstimator
from models.taxonomy import Category, taxonomy_hash
from models.training.backbone import IMAGENET_MEAN, IMAGENET_STD, source_of_weights
from models.training.checkpoint import Progress, load_checkpoint, what_decides
from models.training.data.hand_landmarks import HandLandmarks, read_hand_landmarks, read_key_slots
from models.training.data.landmark_labels import LandmarkLabel, read_landmark_labels
from models.training.data.readers import Fold, read_garments
from models.training.device import fastest_device
from models.training.fit import Schedule, fit, seed_everything
from models.training.landmarker.augmentation import Augmentation
from models.training.landmarker.dataset import LandmarkDataset, load_sample
from models.training.landmarker.evaluate import TorchSession, cut_garments, measure
from models.training.landmarker.network import LandmarkNetwork
from models.training.landmarker.objective import landmark_loss

LEARNT_FOLDS = ("train", "store_0", "store_1")
VISIBLE_PEAK = 0.2


@dataclass(frozen=True, slots=True)
class LandmarkerRecipe:
    """All that decides a run; `hand_repeats` is how often a hand-placed garment is shown for each fitted one.

    `laterals` off is the Simple Baseline; `trunk` may name any of timm's, HRNet (`hrnet_w18_small`) among them.
    `from_scratch` starts the trunk from random weights, none of which may be frozen (InvalidValue).
    """

    trunk: str = "efficientnet_lite0"
    width: int = 96
    frozen_stages: int = 5
    laterals: bool = True
    batch_size: int = 16
    hand_repeats: int = 2
    schedule: Schedule = field(
        default_factory=lambda: Schedule(epochs=16, learning_rate=1.5e-3, trunk_share=0.3, warmup_steps=150)
    )
    augmentation: Augmentation = field(default_factory=Augmentation)
    from_scratch: bool = False

    def __post_init__(self) -> None:
        if self.from_scratch and self.frozen_stages:
            raise InvalidValue(f"{self.frozen_stages} stages of a trunk that starts from scratch would never learn")


def build_network(recipe: LandmarkerRecipe, *, pretrained: bool = True) -> LandmarkNetwork:
    """The recipe's network; `pretrained` off where a checkpoint's weights follow anyway.

    Raises ModelFileError where the trunk's first weights are not to be had.
    """
    return LandmarkNetwork(
        recipe.trunk,
        width=recipe.width,
        frozen_stages=recipe.frozen_stages,
        laterals=recipe.laterals,
        pretrained=pretrained,
        from_scratch=recipe.from_scratch,
    )


def train_landmarker(
    data_root: Path, labels_path: Path, folder: Path, recipe: LandmarkerRecipe, *, threads: int = 1
) -> Progress:
    """Train on the train fold and the stores' hand-placed photos, continuing from `folder`; calibration is watched.

    Raises AnotherRun where the checkpoint's recipe or labels were others, ModelFileError where the trunk's first
    weights are not to be had.
    """
    torch.set_num_threads(threads)
    seed_everything(recipe.schedule.seed)
    network = build_network(recipe).to(fastest_device(), memory_format=torch.channels_last)
    chosen = [label for label in read_landmark_labels(labels_path) if label.fold in LEARNT_FOLDS]
    dataset = LandmarkDataset(
        [load_sample(data_root, label) for label in chosen for _ in range(_repeats(label, recipe))],
        recipe.augmentation,
        seed=recipe.schedule.seed,
    )
    watched = CalibrationWatch(data_root, network, recipe)
    return fit(
        network,
        lambda epoch: dataset.batches(epoch, recipe.batch_size),
        landmark_loss,
        recipe.schedule,
        folder,
        steps_per_epoch=len(dataset) // recipe.batch_size,
        decided_by=what_decides(recipe, labels=digest_of_labels(chosen)),
        on_epoch=lambda _: watched(),
    )


class CalibrationWatch:
    """Measures the network on the calibration contributors' hand-placed garments, which no model learns from."""

    def __init__(self, data_root: Path, network: torch.nn.Module, recipe: LandmarkerRecipe) -> None:
        self._hands, paths = hand_placed(data_root, "landmarks_train.jsonl", Fold.CALIBRATION)
        self._garments = cut_garments(self._hands, paths)
        self._key_slots = read_key_slots(data_root)
        self._estimator = LandmarkEstimator(TorchSession(network), draft_manifest(recipe, Progress()))

    def __call__(self) -> dict[str, float]:
        quality = measure(self._estimator, self._hands, self._garments, self._key_slots)
        return {"calibration_error": quality.mean_error, "calibration_close": quality.share_close}


def hand_placed(data_root: Path, name: str, *folds: Fold) -> tuple[list[HandLandmarks], dict[str, Path]]:
    """Usable hand-placed garments of some folds, and where each photo lies."""
    garments = {garment.photo: garment for garment in read_garments(data_root)}
    sizes = {photo: (garment.width, garment.height) for photo, garment in garments.items()}
    hands = [
        hand
        for hand in read_hand_landmarks(data_root / "garments" / name, sizes)
        if hand.category is not None and hand.ok and garments[hand.photo].fold in folds
    ]
    return hands, {hand.photo: garments[hand.photo].path for hand in hands}


def restore_network(folder: Path, recipe: LandmarkerRecipe) -> tuple[LandmarkNetwork, Progress]:
    """The network of a checkpoint, ready to be measured or exported."""
    network = build_network(recipe, pretrained=False)
    progress = load_checkpoint(folder, network)
    network.eval()
    return network, progress


def draft_manifest(recipe: LandmarkerRecipe, progress: Progress, **known: Any) -> Manifest:
    """The manifest of a run; `known` fills in file, sha256, quality and whatever else is settled later."""
    # Short-sleeved outerwear and slings have no examples but share every channel with garments that have.
    untrained = [category.value for category in Category if category.is_bottom]
    fields: dict[str, Any] = {
        "name": "landmarker",
        "version": "1",
        "file": "landmarker.onnx",
        "sha256": "0" * 64,
        "taxonomy": taxonomy_hash(),
        "inputs": {"pictures": ["batch", 3, 224, 224]},
        "outputs": ["heatmaps"],
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "training": TrainingRecord(
            recipe=asdict(recipe),
            data="hand-placed points and fitted templates on garments (train fold) and Luma; no DeepFashion2",
            seed=recipe.schedule.seed,
            wall_time_s=progress.wall_time_s,
            started_from="random weights" if recipe.from_scratch else source_of_weights(recipe.trunk),
        ),
        "quality": {},
        "untrained": untrained,
        "extra": {"visible_peak": VISIBLE_PEAK, "map_side": 56},
    }
    return Manifest(**(fields | known))


def digest_of_labels(labels: Sequence[LandmarkLabel]) -> str:
    """16 hexadecimal digits that are others where a garment, a point or the order is another."""
    return hashlib.sha256("\n".join(label.as_json() for label in labels).encode()).hexdigest()[:16]


def _repeats(label: LandmarkLabel, recipe: LandmarkerRecipe) -> int:
    return recipe.hand_repeats if label.source == "hand" else 1
