"""Attacks are the same for the same photo, and leave the picture what it is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.same_picture import compare_pictures, look_at_query, look_at_registered
from models.training.data.image_attacks import Attack, PictureThief
from tests.models.test_same_picture import Pixels, drawn


def decoded(data: bytes) -> Pixels:
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert read is not None
    return np.asarray(read[..., ::-1], dtype=np.uint8)


@pytest.mark.parametrize("attack", Attack)
def test_an_attacked_picture_is_the_same_picture(attack: Attack) -> None:
    """Deterministic by name and seed; the picture can be laid over it."""
    thief, picture = PictureThief((drawn(7), drawn(8), drawn(9))), drawn(1, 320, 260)
    data = thief.reuse("a.jpg", picture, attack)
    assert data == thief.reuse("a.jpg", picture, attack)
    assert data != thief.reuse("b.jpg", picture, attack) or attack is Attack.FLIP
    same = compare_pictures(look_at_query(decoded(data)), look_at_registered(picture))
    assert same is not None
    assert same.confidence > 0.5
    assert same.mirrored == (attack is Attack.FLIP)
