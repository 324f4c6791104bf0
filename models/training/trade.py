"""What each other form of a shipped network costs and saves: size, speed, agreement with the shipped one, quality.

Everything runs through the serving classes, on photos of the calibration fold. Half of them calibrate int8, the others
are measured; no photo is in both halves, and none of the first is among those that quality is measured on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import ModelFileError
from models.geometry import intersection_over_union
from models.manifest import Manifest, MeasuredForm, file_sha256, read_manifest, write_manifest
from models.preprocessing import ImageLimits, crop_garment, decode
from models.regions import locate_regions
from models.runtime.detector import GarmentDetector
from models.runtime.embedder import RegionEmbedder
from models.runtime.landmarker import LandmarkEstimator
from models.runtime.session import ModelSession, OnnxSession
from models.runtime.shipped import MODEL_NAMES
from models.training.data.readers import Fold, GarmentPhoto, read_garments
from models.training.detector.evaluate import judged_photos
from models.training.variants import Feed, RecordingSession, Variant, write_variant
from models.types import Detection, Garment, Image, Landmarks, RegionEmbeddings

Quality = Callable[[str, ModelSession, Manifest], tuple[dict[str, float], int]]
"""Network's name, a session and its manifest → figures of the calibration fold by name, and on how many they are."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One form of one network in a version. Its `slowness`: the median over the photos, runs interleaved."""

    network: str
    version: str
    form: MeasuredForm


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """The shipped networks on some photos: what is fed to each, and what came out. One garment a photo, the largest."""

    images: list[Image]
    garments: list[Garment]
    landmarks: list[Landmarks]

    @staticmethod
    def through(weights: Path, images: Sequence[Image], wrap: Mapping[str, RecordingSession]) -> Line:
        manifests = {name: read_manifest(weights / f"{name}.json") for name in MODEL_NAMES}
        detector = GarmentDetector(wrap["detector"], manifests["detector"])
        landmarker = LandmarkEstimator(wrap["landmarker"], manifests["landmarker"])
        embedder = RegionEmbedder(wrap["embedder"], manifests["embedder"])
        line = Line([], [], [])
        for image in images:
            found = [detection for detection in detector.detect(image) if not detection.category.is_bottom]
            if not found:
                continue
            garment = crop_garment(image, max(found, key=lambda detection: detection.box.area))
            (marks,) = landmarker.estimate([garment])
            embedder.embed([garment], [marks], [locate_regions(marks, image.width, image.height)])
            line.images.append(image)
            line.garments.append(garment)
            line.landmarks.append(marks)
        return line

    def runner(self, network: str, session: ModelSession, manifest: Manifest) -> Callable[[int], object]:
        """What serving does with that network, for the photo of a number."""
        if network == "detector":
            detector = GarmentDetector(session, manifest)
            return lambda number: detector.detect(self.images[number])
        if network == "landmarker":
            landmarker = LandmarkEstimator(session, manifest)
            return lambda number: landmarker.estimate([self.garments[number]])[0]
        embedder = RegionEmbedder(session, manifest)

        def embed(number: int) -> RegionEmbeddings:
            marks, image = self.landmarks[number], self.images[number]
            regions = locate_regions(marks, image.width, image.height)
            return embedder.embed([self.garments[number]], [marks], [regions])[0][0]

        return embed


def spread_photos(root: Path, count: int) -> tuple[list[GarmentPhoto], list[GarmentPhoto]]:
    """At most `count` photos of the calibration fold, spread over it: half to calibrate with, the others to measure."""
    photos = judged_photos(read_garments(root), Fold.CALIBRATION)
    count = min(count, len(photos))
    chosen = [photos[len(photos) * place // count] for place in range(count)]
    return chosen[: count // 2], chosen[count // 2 :]


def read_images(photos: Sequence[GarmentPhoto]) -> list[Image]:
    return [decode(photo.path.read_bytes(), ImageLimits()) for photo in photos]


def compare_variants(
    weights: Path,
    teaching: Sequence[Image],
    images: Sequence[Image],
    work: Path,
    quality: Quality,
    networks: Sequence[str] = MODEL_NAMES,
) -> list[Outcome]:
    """Make every form of the networks of `weights` in `work`, int8 calibrated on `teaching`, run them side by side on
    `images`, and measure each."""
    work.mkdir(parents=True, exist_ok=True)
    taught = {name: RecordingSession(OnnxSession(weights / f"{name}.onnx", threads=1)) for name in MODEL_NAMES}
    Line.through(weights, teaching, taught)
    asked = {name: RecordingSession(OnnxSession(weights / f"{name}.onnx", threads=1)) for name in MODEL_NAMES}
    line = Line.through(weights, images, asked)
    outcomes = []
    for network in networks:
        outcomes += compare_forms(network, weights, work, line, taught[network].feeds, quality)
    return outcomes


def compare_forms(
    network: str, weights: Path, work: Path, line: Line, feeds: Sequence[Feed], quality: Quality
) -> list[Outcome]:
    """Every form of one network, made in `work`: int8 is calibrated on `feeds`, all are compared on `line`."""
    manifest = read_manifest(weights / f"{network}.json")
    sessions: dict[Variant, ModelSession] = {}
    forms: dict[Variant, MeasuredForm] = {}
    paths = {variant: work / f"{network}-{variant}.onnx" for variant in Variant}
    for variant, path in paths.items():
        write_variant(variant, weights / manifest.file, path, feeds)
        try:
            sessions[variant] = OnnxSession(path, threads=1)
        except ModelFileError as error:
            forms[variant] = _form(variant, path, failure=str(error).splitlines()[0])
    runners = {variant: line.runner(network, session, manifest) for variant, session in sessions.items()}
    seconds, answers = interleaved(runners, len(line.images))
    for variant, session in sessions.items():
        figures, judged = quality(network, session, manifest)
        forms[variant] = _form(
            variant,
            paths[variant],
            slowness=round(slowness(seconds[variant], seconds[Variant.SHIPPED]), 4),
            agreement=_rounded(agreement(answers[variant], answers[Variant.SHIPPED], line)),
            photos=len(line.images),
            quality=_rounded(figures),
            judged=judged,
        )
    return [Outcome(network, manifest.version, forms[variant]) for variant in Variant]


def record_forms(weights: Path, outcomes: Sequence[Outcome]) -> list[Path]:
    """Write into the manifest of each measured network in `weights` what its forms cost and keep.

    Returns the manifests written. Raises ModelFileError, and writes none, where a network is no longer the file that
    was measured.
    """
    told: dict[Path, Manifest] = {}
    for network in dict.fromkeys(outcome.network for outcome in outcomes):
        path = weights / f"{network}.json"
        manifest = read_manifest(path)
        forms = tuple(outcome.form for outcome in outcomes if outcome.network == network)
        if manifest.sha256 not in [form.sha256 for form in forms if form.name == Variant.SHIPPED]:
            raise ModelFileError(f"{path}: {manifest.file} was replaced since its forms were measured")
        told[path] = manifest.model_copy(update={"forms": forms})
    for path, manifest in told.items():
        write_manifest(manifest, path)
    return list(told)


def _form(variant: Variant, path: Path, **measured: Any) -> MeasuredForm:
    megabytes = round(path.stat().st_size / 1e6, 3)
    return MeasuredForm(name=variant.value, sha256=file_sha256(path), megabytes=megabytes, **measured)


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    """To four places; a figure that is not finite could not be measured and is left out."""
    return {name: round(float(value), 4) for name, value in figures.items() if np.isfinite(value)}


def interleaved(
    runners: Mapping[Variant, Callable[[int], object]], count: int
) -> tuple[dict[Variant, list[float]], dict[Variant, list[object]]]:
    """Seconds and answers of each runner for 0..count-1: all take the same turn one after the other, in changing order,
    so that whatever else the machine does hits all alike. A first turn is not counted."""
    seconds: dict[Variant, list[float]] = {variant: [] for variant in runners}
    answers: dict[Variant, list[object]] = {variant: [] for variant in runners}
    order = list(runners)
    for variant in order:
        runners[variant](0)
    for number in range(count):
        for variant in (*order[number % len(order) :], *order[: number % len(order)]):
            started = time.perf_counter()
            answers[variant].append(runners[variant](number))
            seconds[variant].append(time.perf_counter() - started)
    return seconds, answers


def slowness(seconds: Sequence[float], shipped: Sequence[float]) -> float:
    """Median over the turns of the time taken over the shipped one's in the same turn."""
    return float(np.median(np.asarray(seconds) / np.asarray(shipped)))


def agreement(answers: Sequence[object], shipped: Sequence[object], line: Line) -> dict[str, float]:
    """How near the answers lie to the shipped network's, by what the network answers."""
    pairs = list(zip(answers, shipped, strict=True))
    if all(isinstance(one, RegionEmbeddings) for one in shipped):
        cosines = np.concatenate([_cosines(a, b) for a, b in pairs])  # type: ignore[arg-type]
        return {"cosine_median": float(np.median(cosines)), "cosine_p5": float(np.percentile(cosines, 5))}
    if all(isinstance(one, Landmarks) for one in shipped):
        gaps = np.concatenate(
            [_gaps(a, b, garment) for (a, b), garment in zip(pairs, line.garments, strict=True)]  # type: ignore[arg-type]
        )
        return {"shift_median": float(np.median(gaps)), "shift_p95": float(np.percentile(gaps, 95))}
    overlaps = [_best_overlap(box, a) for a, b in pairs for box in b]  # type: ignore[arg-type, attr-defined]
    return {"iou_median": float(np.median(overlaps)), "found_again": float(np.mean(np.asarray(overlaps) > 0.75))}


def _cosines(a: RegionEmbeddings, b: RegionEmbeddings) -> npt.NDArray[np.float32]:
    return np.asarray((a.vectors * b.vectors).sum(axis=1)[a.visible & b.visible])


def _gaps(a: Landmarks, b: Landmarks, garment: Garment) -> npt.NDArray[np.float32]:
    """Of points visible in both, in pixels of the crop."""
    both = a.visible & b.visible
    scale = float(garment.to_photo.matrix[0, 0])
    return np.asarray(np.linalg.norm(a.points_xy - b.points_xy, axis=1)[both] / scale)


def _best_overlap(detection: Detection, others: Sequence[Detection]) -> float:
    """With a box of the same weight group; 0 where there is none."""
    alike = [other for other in others if other.category.group is detection.category.group]
    return max((intersection_over_union(detection.box, other.box) for other in alike), default=0.0)
