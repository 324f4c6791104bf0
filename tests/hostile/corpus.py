"""The whole corpus, the same in every run."""

from __future__ import annotations

from collections.abc import Iterator

from tests.hostile import contents, large, sizes
from tests.hostile.files import HostileFile

GROUPS = (
    sizes.bombs, sizes.animations, sizes.lies, large.large_files, contents.colour_modes, contents.orientations,
    contents.profiles, contents.truncations, contents.polyglots, contents.foreign_formats,
)  # fmt: skip


def hostile_files() -> Iterator[HostileFile]:
    """Names are unique."""
    for group in GROUPS:
        yield from group()
