"""Resemblance → Verdict: the kind of copy that agreeing and altered regions make, by these rules:

*image copy*: the same photo, nothing altered. *design copy*: nothing altered. *partial copy*: one or two altered, and
at least two agreeing regions that carry half of the weight that counts; of a reused photo too, which is then marked as
the same photo. (Shops put many prints on one picture of a blank: the picture alone accuses nobody.) Where the pixels
of both pictures were laid over each other, they say which regions of it were altered. Bottoms, and fewer
than three compared regions, are at most *similar*; so are copies without the probability that the policy asks for,
unless the very photo was reused. Who resembles many items as much is less probably the copy of one (`models/crowd.py`);
who differs where several registered designs differ from each other shares their blank (`models/blank.py`).

Who came first: where both listings say when they were published and the photo checked is the earlier one, it cannot be
the copy. Its verdict is then at most *similar*, `first` is "query", and `kind` still says what the resemblance is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.taxonomy import REGIONS, RegionName
from models.weighting import RegionWeights
from service.picture_evidence import PictureEvidence
from service.policy import GroupPolicy, Policy
from service.resemblance import RegionFinding, Resemblance, evidence_in, find_region, seen_in_place, shows_same_photo


class Verdict(StrEnum):
    """Declared from harmless to grave; `NO_GARMENT` is only ever said of a photo."""

    NO_GARMENT = "no_garment"
    CLEAR = "clear"
    SIMILAR = "similar"
    PARTIAL_COPY = "partial_copy"
    DESIGN_COPY = "design_copy"
    IMAGE_COPY = "image_copy"

    @property
    def gravity(self) -> int:
        return list(Verdict).index(self)

    @property
    def is_copy(self) -> bool:
        return self.gravity >= Verdict.PARTIAL_COPY.gravity


class First(StrEnum):
    """Which listing was published first."""

    QUERY = "query"
    CATALOGUE = "catalogue"


@dataclass(frozen=True, slots=True)
class Beside:
    """What else our garment resembles: how much every other item (`evidence_in`), and whether they share a blank."""

    others: Sequence[float] = ()
    blank: bool = False


ALONE = Beside()


@dataclass(frozen=True, slots=True)
class Match:
    """A verdict on one resemblance; `kind` is what it would be if nobody had come first."""

    verdict: Verdict
    kind: Verdict
    probability: float
    same_photo: bool
    first: First | None
    regions: tuple[RegionFinding, ...]
    warnings: tuple[str, ...]
    picture: PictureEvidence | None = None

    @property
    def modified_regions(self) -> tuple[RegionName, ...]:
        return tuple(finding.name for finding in self.regions if finding.agrees is False)


def judge(
    resemblance: Resemblance,
    weights: RegionWeights,
    policy: Policy,
    published: datetime | None = None,
    their_published: datetime | None = None,
    beside: Beside = ALONE,
) -> Match:
    """The verdict on one resemblance; `weights` and thresholds are those of our garment's group."""
    rules = policy.of(resemblance.ours.detection.category.group)
    regions = tuple(find_region(name, resemblance, float(weights.values[name.row]), rules) for name in REGIONS)
    evidence, charge = float(evidence_in([resemblance], policy)[0]), policy.charge(beside.others)
    probability = rules.calibration.probability(evidence - charge)
    picture = resemblance.picture
    same_photo = shows_same_photo(resemblance, policy)
    if picture is not None and picture.same is not None and same_photo:
        in_place = tuple(seen_in_place(finding, resemblance.theirs, picture, policy) for finding in regions)
        regions = in_place if any(finding.alike is not None for finding in in_place) else regions
        probability = max(probability, picture.same.confidence)
    kind = kind_of(regions, same_photo, policy)
    warnings = []
    if sum(finding.cosine is not None or finding.alike is not None for finding in regions) < policy.least_compared:
        kind = at_most_similar(kind)
        warnings.append("few_regions")
    # A cut or turned picture misleads the detector; in the same one the registered garment is what is shown.
    shown = (resemblance.theirs,) if same_photo else (resemblance.ours, resemblance.theirs)
    if any(garment.detection.category.is_bottom for garment in shown):
        kind = at_most_similar(kind)
    if not same_photo:
        alone = _probable(kind, rules.calibration.probability(evidence), rules)
        kind = _probable(kind, probability, rules)
        if alone.is_copy and not kind.is_copy:
            warnings.append("many_alike")
    if beside.blank and kind is Verdict.PARTIAL_COPY:
        kind = Verdict.SIMILAR
        warnings.append("shared_blank")
    first = first_of(published, their_published)
    verdict = at_most_similar(kind) if first is First.QUERY else kind
    # Some few points of any two pictures agree on something: what comes to nothing is no evidence.
    told = picture if picture is not None and (same_photo or picture.match is not None) else None
    return Match(verdict, kind, probability, same_photo, first, regions, tuple(warnings), told)


def gravest(verdicts: Iterable[Verdict], otherwise: Verdict) -> Verdict:
    """The gravest of some verdicts, `otherwise` where there are none."""
    return max(verdicts, key=lambda verdict: verdict.gravity, default=otherwise)


def kind_of(regions: tuple[RegionFinding, ...], same_photo: bool, policy: Policy) -> Verdict:
    """The kind of copy that these findings make, probability and publication aside."""
    altered = [finding for finding in regions if finding.agrees is False]
    agreeing = [finding for finding in regions if finding.agrees]
    if not altered:
        if not agreeing:
            return Verdict.CLEAR
        return Verdict.IMAGE_COPY if same_photo else Verdict.DESIGN_COPY
    counted = sum(finding.weight for finding in altered + agreeing)
    agreed = sum(finding.weight for finding in agreeing)
    partial = (
        len(altered) <= policy.most_altered
        and len(agreeing) >= policy.least_agreeing
        and agreed >= policy.least_agreeing_weight * counted
    )
    return Verdict.PARTIAL_COPY if partial else Verdict.SIMILAR


def _probable(kind: Verdict, probability: float, rules: GroupPolicy) -> Verdict:
    """Guards precision: look-alikes agree here and there, a copy agrees as a whole."""
    if kind.is_copy and probability < rules.copy_probability:
        kind = Verdict.SIMILAR
    return Verdict.CLEAR if probability < rules.similar_probability else kind


def at_most_similar(kind: Verdict) -> Verdict:
    """What is no copy stays what it is."""
    return Verdict.SIMILAR if kind.is_copy else kind


def first_of(published: datetime | None, their_published: datetime | None) -> First | None:
    """None where one of them does not say, or both on one moment."""
    if published is None or their_published is None or published == their_published:
        return None
    return First.QUERY if published < their_published else First.CATALOGUE
