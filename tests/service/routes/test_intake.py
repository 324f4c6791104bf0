"""Base64 in pieces says what it says in one."""

from __future__ import annotations

import base64
import random

import pytest

from service.errors import InvalidField
from service.routes import intake
from service.routes.intake import decode_base64


@pytest.mark.parametrize("size", [0, 1, 2, 3, 11, 12, 13, 23, 24, 25, 1_000])
def test_pieces_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """On either side of every edge."""
    monkeypatch.setattr(intake, "_BASE64_PIECE", 16)
    data = random.Random(size).randbytes(size)
    assert decode_base64(base64.b64encode(data).decode(), "/a") == data
    assert decode_base64("data:image/png;base64," + base64.b64encode(data).decode(), "/a") == data


@pytest.mark.parametrize(
    "text",
    ["A" * 15, "A" * 17, "A" * 14 + "==" + "A" * 16, "A" * 30 + "==" + "AAAA", "A" * 40 + "\n" + "A" * 7, "é" * 32,
     "A" * 15 + "*" + "A" * 16],
)  # fmt: skip
def test_what_is_none_in_one_is_none_in_pieces(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Refused by its field."""
    monkeypatch.setattr(intake, "_BASE64_PIECE", 16)
    with pytest.raises(ValueError):
        base64.b64decode(text, validate=True)
    with pytest.raises(InvalidField, match="is no base64"):
        decode_base64(text, "/a")
