"""Every package that serves is listed with a licence that Apache-2.0 can be shipped beside."""

from __future__ import annotations

import re

from deploy.write_licences import OUT, ROOT, pinned

ACCEPTED = re.compile(r"Apache|MIT|BSD|PSF|ISC|Zlib|0BSD|CC0|MPL-2\.0|LGPL-3\.0", re.IGNORECASE)


def listed() -> dict[str, tuple[str, str]]:
    rows = [line.strip("| ").split(" | ") for line in OUT.read_text().splitlines() if line.startswith("| ")]
    return {name: (version, licence) for name, version, licence in rows if name != "package"}


def test_every_pin_is_listed_with_its_version_and_nothing_else() -> None:
    """A new pin is followed by `python -m deploy.write_licences`."""
    pins = {one.name: one.version for one in pinned(ROOT / "requirements" / "serving.txt")}
    assert {name: version for name, (version, _) in listed().items()} == pins
    assert len(pins) > 50


def test_every_licence_is_one_that_may_stand_beside_ours() -> None:
    """Permissive, or weak copyleft of a package that is used unmodified."""
    parts = {name: re.split(r" AND | OR |, ", licence) for name, (_, licence) in listed().items()}
    refused = {name: said for name, said in parts.items() if not all(ACCEPTED.search(part) for part in said)}
    assert refused == {}
