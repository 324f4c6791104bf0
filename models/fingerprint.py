"""PDQ, the perceptual hash that recognises a reused picture: 256 bits of a garment crop or of a whole photo.

Source: Facebook ThreatExchange, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (2019).
Ours because the `pdqhash` package ships no wheels and would ask every machine for a compiler; bit for bit the same on
our pictures (tests hold vectors that `pdqhash` made). Their size is fixed, so the size-dependent steps are constants;
crops and whole photos are stretched to it first.
"""

from __future__ import annotations

import functools
import itertools

import cv2
import numpy as np
import numpy.typing as npt

FINGERPRINT_BYTES = 32
ORIENTATIONS = 8
FLIPPED = 4
"""The orientation that only flips left to right."""
_SIDE = 224
"""Pixels that a picture is stretched to."""
_GRID = 64
_FREQUENCIES = 16
_PASSES = 2
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]


def fingerprint(crop: npt.NDArray[np.uint8]) -> bytes:
    """The PDQ hash of a crop uint8 (H, W, 3), 32 bytes."""
    return _hash(_transformed(_smoothed(_stretched(crop)), _places(), _places()))


def dihedral_fingerprints(picture: npt.NDArray[np.uint8]) -> tuple[bytes, ...]:
    """The hashes of a picture uint8 (H, W, 3) in all eight orientations, `orient`'s; smoothed only once.

    The first is `fingerprint`'s; the others differ in a few bits at most from those of the turned pixels (the margin).
    """
    smoothed = _smoothed(_stretched(picture))
    forward = _places()
    # PDQ samples a little off the middle, and its filter looks ahead: a flipped picture is sampled at other places.
    backward = (_SIDE - 1 - forward - _PASSES).clip(0)
    a, b, c, d = (_transformed(smoothed, *places) for places in itertools.product((forward, backward), repeat=2))
    return tuple(_hash(found) for found in (a, b.T, d, c.T, b, a.T, c, d.T))


def orient(pixels: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """A picture (H, W) or (H, W, 3) in orientation 0..7: turned left by as many quarters, from 4 on flipped left to
    right before that."""
    flipped = pixels[:, ::-1] if orientation >= FLIPPED else pixels
    return np.ascontiguousarray(np.rot90(flipped, orientation % 4))


def fingerprint_distance(a: bytes, b: bytes) -> int:
    """Bits, 0..256, in which two fingerprints differ."""
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()


def _stretched(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if pixels.shape[:2] == (_SIDE, _SIDE):
        return pixels
    return np.asarray(cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _smoothed(square: npt.NDArray[np.uint8]) -> Floats:
    """The luma as PDQ samples it, float32 (224, 224)."""
    luma = (square.astype(np.float32) * _LUMA).sum(axis=2, dtype=np.float32)
    for _ in range(_PASSES):
        luma = _averaged_pairs(_averaged_pairs(luma.T).T)
    return np.asarray(luma, dtype=np.float32)


def _places() -> Ids:
    return ((np.arange(_GRID) + 0.5) * _SIDE / _GRID).astype(np.int64)


def _transformed(luma: Floats, rows: Ids, columns: Ids) -> Floats:
    """The lowest frequencies of the luma at these places, float32 (16, 16)."""
    return np.asarray(_cosines() @ luma[np.ix_(rows, columns)] @ _cosines().T, dtype=np.float32)


def _hash(coefficients: Floats) -> bytes:
    # The lower of the two middle values, as the reference's median takes it.
    median = np.sort(coefficients, axis=None)[coefficients.size // 2 - 1]
    return np.packbits(coefficients.ravel() > median).tobytes()


def _averaged_pairs(rows: Floats) -> Floats:
    """Each row's value averaged with the next; the reference's box filter at our crop's window of two."""
    following = np.concatenate([rows[:, 1:], rows[:, -1:]], axis=1)
    return np.asarray((rows + following) / 2, dtype=np.float32)


@functools.cache
def _cosines() -> Floats:
    """The first 16 rows after the constant one of a 64-point discrete cosine transform, float32 (16, 64)."""
    frequency, place = np.arange(1, _FREQUENCIES + 1)[:, None], np.arange(_GRID)[None]
    return np.asarray(np.sqrt(2 / _GRID) * np.cos(np.pi / (2 * _GRID) * frequency * (2 * place + 1)), dtype=np.float32)
