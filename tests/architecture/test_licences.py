"""Every package that serves is listed with a licence that Apache-2.0 can be shipped beside."""

from __future__ import annotations

import re

import pytest

from deploy.write_licences import EXTRAS, LICENCES_OF_EXTRAS, OUT, ROOT, brought_by, pinned

ACCEPTED = re.compile(r"Apache|MIT|BSD|PSF|ISC|Zlib|0BSD|CC0|MPL-2\.0|LGPL-3\.0", re.IGNORECASE)


def listed(extra: str | None = None) -> dict[str, tuple[str, str]]:
    """Package → version and licence, of what serves or of an extra."""
    parts = re.split(r"^## Extra `(\w+)`$", OUT.read_text(), flags=re.MULTILINE)
    text = parts[0] if extra is None else dict(zip(parts[1::2], parts[2::2], strict=True))[extra]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {name: (version, licence) for name, version, licence in rows if name != "package"}


def refused(packages: dict[str, tuple[str, str]]) -> dict[str, list[str]]:
    parts = {name: re.split(r" AND | OR |, ", licence) for name, (_, licence) in packages.items()}
    return {name: said for name, said in parts.items() if not all(ACCEPTED.search(part) for part in said)}


def test_every_pin_is_listed_with_its_version_and_nothing_else() -> None:
    """A new pin is followed by `python -m deploy.write_licences`."""
    pins = {one.name: one.version for one in pinned(ROOT / "requirements" / "serving.txt")}
    assert {name: version for name, (version, _) in listed().items()} == pins
    assert len(pins) > 50


def test_every_licence_is_one_that_may_stand_beside_ours() -> None:
    """Permissive, or weak copyleft of a package that is used unmodified."""
    assert refused(listed()) == {}


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_an_extra_brings_is_listed_too(extra: str) -> None:
    """Every pin, as the table that is kept by hand has it; what is not free is NVIDIA's alone, and of the GPU."""
    brought = {one.name: (one.version, LICENCES_OF_EXTRAS.get(one.name)) for one in brought_by(extra)}
    assert brought and listed(extra) == brought
    assert all(name.startswith("nvidia-") and extra == "gpu" for name in refused(listed(extra)))


def test_no_licence_is_kept_for_a_package_that_no_extra_brings() -> None:
    """And every extra of the project is listed."""
    assert set(LICENCES_OF_EXTRAS) == {one.name for extra in EXTRAS for one in brought_by(extra)}
    offered = set(re.findall(r"^optional-dependencies\.(\w+)", (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    assert set(EXTRAS) == offered - {"cpu"}
