"""PDQ of garment crops."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.fingerprint import FINGERPRINT_BYTES, dihedral_fingerprints, fingerprint, fingerprint_distance, orient

REFERENCE = (
    "0a1eff220a1e7f220a1eff22aa5eff22aa7eaaf45fc800515587009dffa1552c",
    "50a503cb00a701cb00a701cb00a7010f559fffbdff380073ff96552d7f5bff34",
    "0aa43fec2aa4ffecaaa4ffe4aaa4ffe0abc4000f7fda00b455690009557b5572",
    "5592445a5592105a5592175a55925e5a5592565afdd2afa7558eff34aa65aaa5",
)
"""What `pdqhash` 0.2.8 says of `waves(seed)`; it counts bits from the other end."""


def waves(seed: int) -> np.ndarray:
    """A smooth coloured pattern, uint8 (224, 224, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:224, :224]
    values = np.zeros((224, 224, 3))
    for channel in range(3):
        for _ in range(4):
            along_x, along_y = rng.uniform(0.01, 0.12, 2)
            values[..., channel] += np.sin(along_x * x + along_y * y + rng.uniform(0, 6.3))
    return np.asarray(((values / 8 + 0.5).clip(0, 1) * 255).astype(np.uint8))


@pytest.mark.parametrize("seed", range(4))
def test_a_fingerprint_is_the_reference_implementation_s(seed: int) -> None:
    """Up to two bits for another machine's rounding."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(REFERENCE[seed]), np.uint8))[::-1]
    assert fingerprint_distance(fingerprint(waves(seed)), np.packbits(bits).tobytes()) <= 2


def test_other_pictures_are_far_apart_and_the_same_picture_is_near() -> None:
    """Noise and another exposure change few bits, another pattern about half of them."""
    crop = waves(7)
    darker = (crop * 0.8 + np.random.default_rng(0).normal(0, 4, crop.shape)).clip(0, 255).astype(np.uint8)
    assert fingerprint_distance(fingerprint(crop), fingerprint(darker)) <= 31
    assert fingerprint_distance(fingerprint(crop), fingerprint(waves(8))) > 90


def test_distance_counts_bits() -> None:
    """0..256."""
    assert fingerprint_distance(bytes(FINGERPRINT_BYTES), bytes(FINGERPRINT_BYTES)) == 0
    assert fingerprint_distance(bytes(FINGERPRINT_BYTES), b"\xff" * FINGERPRINT_BYTES) == 256
    assert fingerprint_distance(bytes(31) + b"\x05", bytes(32)) == 2


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_hashes_of_all_orientations_come_from_one_picture(seed: int) -> None:
    """Each is that of the turned or flipped picture within a few bits, and the first is the picture's own."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    crop = np.asarray(cv2.resize(coarse, (224, 224), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    derived = dihedral_fingerprints(crop)
    assert derived[0] == fingerprint(crop)
    for orientation, hashed in enumerate(derived):
        assert fingerprint_distance(hashed, fingerprint(orient(crop, orientation))) <= 12


def test_the_orientation_of_a_turned_picture_undoes_the_turn() -> None:
    """What is found for a query in orientation k, `orient` turns into the registered picture."""
    crop = waves(1)
    registered = fingerprint(crop)
    for turned in (np.rot90(crop), crop[::-1], crop[:, ::-1], np.rot90(crop[:, ::-1])):
        hashes = dihedral_fingerprints(np.ascontiguousarray(turned))
        distances = [fingerprint_distance(one, registered) for one in hashes]
        best = int(np.argmin(distances))
        assert distances[best] <= 12
        np.testing.assert_array_equal(orient(np.ascontiguousarray(turned), best), crop)
