"""The verdict on a reused picture alone, where no garment of it was found or searched."""

from __future__ import annotations

from datetime import datetime

from models.taxonomy import RegionName
from models.types import DescribedGarment
from service.picture_evidence import PictureEvidence
from service.policy import Policy
from service.verdict import First, Verdict, at_most_similar, first_of


def judge_picture(
    picture: PictureEvidence,
    theirs: DescribedGarment,
    policy: Policy,
    published: datetime | None = None,
    their_published: datetime | None = None,
) -> tuple[Verdict, First | None, tuple[RegionName, ...]]:
    """The verdict on the same picture alone, who was first, and which of the registered regions were altered in it."""
    shares = {region.name: picture.share_alike(region) for region in theirs.regions}
    altered = tuple(name for name, share in shares.items() if share is not None and share < policy.pictures.least_alike)
    kind = Verdict.PARTIAL_COPY if altered else Verdict.IMAGE_COPY
    first = first_of(published, their_published)
    if theirs.detection.category.is_bottom or len(altered) > policy.most_altered or first is First.QUERY:
        kind = at_most_similar(kind)
    return kind, first, altered
