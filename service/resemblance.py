"""Two garments compared region by region, and what that says of each region and of both photos.

A region *agrees* where its cosine, less what its colour relative to the garment's costs, passes the policy, and is
*altered* where it does not, or where one garment has none (`absent`) and the other shows one. Out of frame and occluded
count as nothing. In the same photo pixels say it instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.fingerprint import fingerprint_distance
from models.regions import absent_once
from models.taxonomy import REGIONS, RegionName
from models.types import DescribedGarment, MissingReason
from service.picture_evidence import PictureEvidence
from service.policy import GroupPolicy, Policy


@dataclass(frozen=True, slots=True, eq=False)
class Resemblance:
    """Two garments compared region by region; region names are those of `theirs`, the catalogue's garment.

    `cosines` and `colour_shifts` float32 (5,), NaN where not compared; `mirrored`: `ours` was flipped; `colour_change`
    (ΔE): what all regions share of it; `our_background`, `their_background` float32 (5,): how plain each region is.
    """

    ours: DescribedGarment
    theirs: DescribedGarment
    score: float
    mirrored: bool
    cosines: npt.NDArray[np.float32]
    colour_shifts: npt.NDArray[np.float32]
    colour_change: float
    our_background: npt.NDArray[np.float32]
    their_background: npt.NDArray[np.float32]
    picture: PictureEvidence | None = None


@dataclass(frozen=True, slots=True)
class RegionFinding:
    """One region of a match. `weight` is its share of all five; `agrees` is None where it counts as nothing.

    `reason` says why it was not compared; `alike` how much of it is the same where the picture is (0..1).
    """

    name: RegionName
    weight: float
    cosine: float | None
    colour_shift: float | None
    agrees: bool | None
    reason: MissingReason | None
    alike: float | None = None


def find_region(name: RegionName, resemblance: Resemblance, weight: float, rules: GroupPolicy) -> RegionFinding:
    """What embeddings tell of one region."""
    cosine = float(resemblance.cosines[name.row])
    if not np.isnan(cosine):
        shift = float(resemblance.colour_shifts[name.row])
        return RegionFinding(name, weight, cosine, shift, rules.agrees(name, cosine, shift), None)
    ours = resemblance.ours.region(name.mirrored if resemblance.mirrored else name)
    theirs = resemblance.theirs.region(name)
    opinion = False if absent_once(ours, theirs) else None
    return RegionFinding(name, weight, None, None, opinion, ours.reason or theirs.reason)


def evidence_in(found: Sequence[Resemblance], policy: Policy) -> npt.NDArray[np.floating]:
    """float64 (N,): what speaks for copying in each resemblance (`models.likelihood`), whatever the others are."""
    rows = [(one.cosines, one.our_background, one.their_background) for one in found]
    cosines, ours, theirs = np.array(rows).reshape(-1, 3, len(REGIONS)).transpose(1, 0, 2)
    return policy.evidence(cosines, ours, theirs, np.array([one.colour_change for one in found]))


def is_same_photo(ours: DescribedGarment, theirs: DescribedGarment, most_bits: int) -> bool:
    """Whether the two crops show one photo, either way round, by the distance of their PDQ fingerprints."""
    fingerprints = (ours.fingerprint, ours.mirrored_fingerprint)
    return any(fingerprint_distance(mine, theirs.fingerprint) <= most_bits for mine in fingerprints)


def shows_same_photo(resemblance: Resemblance, policy: Policy) -> bool:
    """Pixels decide where they were compared; else any print, the whole photo's or the crop's."""
    picture = resemblance.picture
    if picture is not None and (picture.same is not None or picture.is_same(policy)):
        return picture.is_same(policy)
    return is_same_photo(resemblance.ours, resemblance.theirs, policy.same_photo_distance)


def seen_in_place(
    finding: RegionFinding, theirs: DescribedGarment, picture: PictureEvidence, policy: Policy
) -> RegionFinding:
    """In the same picture the pixels tell better than embeddings what was altered, under watermarks and filters too.

    What is not shown of it, or has no place in the registered photo, counts as nothing.
    """
    alike = picture.share_alike(theirs.region(finding.name))
    agrees = None if alike is None else alike >= policy.pictures.least_alike
    return replace(finding, agrees=agrees, alike=alike)
