"""What is seen in a photo → its verdict: searched by regions and by prints, pictures laid over each other, judged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from index.print_search import PrintHit
from index.search import hit_of
from index.types import Query
from models.evidence import CANDIDATES
from models.types import DescribedGarment, Image
from service.access.tenancy import TenantCatalogue
from service.cache import Versions
from service.capacity import Capacity
from service.images import PhotoReader, SeenPhoto
from service.judging import LEAST_JUDGED, Rules, WeighedHit, judge_hits, picture_match, warnings_of, weigh_hits
from service.picture_evidence import PictureEvidence, shows
from service.pictures import Candidate, Compared, PictureComparer
from service.requests import CheckFields
from service.schemas import CheckedGarmentOut, CheckOut, ImageOut, MatchOut, VersionsOut, garment_fields
from service.schemas_pictures import PictureMatchOut
from service.schemas_warnings import warning_out
from service.verdict import Verdict, gravest

PICTURES_NOT_COMPARED = "pictures_not_compared"
"""The warning of an answer that another try may change: it is not cached."""
ALWAYS_COMPARED = 1
"""Hits by regions whose pixels are compared whatever their verdict: a heavy cut leaves a copy's score unremarkable."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One check: its question and by what it is judged."""

    fields: CheckFields
    catalogue: TenantCatalogue
    rules: Rules


@dataclass(frozen=True, slots=True)
class PhotoJudge:
    """Judges photos that were looked at. Raises what a search raises."""

    reader: PhotoReader
    capacity: Capacity
    pictures: PictureComparer

    async def judge(
        self,
        data: bytes,
        seen: SeenPhoto,
        fields: CheckFields,
        versions: Versions,
        catalogue: TenantCatalogue,
        rules: Rules,
    ) -> CheckOut:
        """The answer, without an id yet; `data` is decoded again only where the cache knew what is to be seen."""
        started = time.perf_counter()
        asked = _Asked(fields, catalogue, rules)
        prints = await self.capacity.run(self._near, seen, asked)
        hits = [await self.capacity.run(self._search, garment, prints, asked) for garment in seen.described.garments]
        searched = time.perf_counter()
        candidates = _worth_comparing(seen.described.garments, hits, prints, asked)
        evidence, all_read = await self._compare(data, seen, candidates, prints, asked)
        garments = [
            await self.capacity.run(_judge_garment, garment, own, evidence, asked)
            for garment, own in zip(seen.described.garments, hits, strict=True)
        ]
        pictures = _unattached(garments, prints, evidence, asked)
        nothing = Verdict.CLEAR if garments else Verdict.NO_GARMENT
        verdicts = [one.verdict for one in garments] + [one.verdict for one in pictures]
        now = time.perf_counter()
        unread = [] if all_read else [warning_out(PICTURES_NOT_COMPARED)]
        return CheckOut(
            check_id="",
            verdict=gravest(verdicts, nothing),
            image=ImageOut.of(seen.described),
            garments=garments,
            pictures=pictures,
            warnings=list(dict.fromkeys([*(one for garment in garments for one in garment.warnings), *unread])),
            versions=VersionsOut.of(versions),
            timings_ms=seen.timings_ms | {"search": (searched - started) * 1e3, "pictures": (now - searched) * 1e3},
            cached=False,
        )

    def _near(self, seen: SeenPhoto, asked: _Asked) -> Sequence[PrintHit]:
        radius = asked.rules.policy.pictures.radius
        return asked.catalogue.search_prints(seen.described.prints, radius, asked.fields.filters())

    def _search(self, garment: DescribedGarment, prints: Sequence[PrintHit], asked: _Asked) -> list[WeighedHit]:
        """What the regions find and what only a print does, what looks most like an original first; an item may have
        one of each."""
        query = self._query(garment, asked)
        found = {hit.garment_id: hit for hit in asked.catalogue.search(query)}
        for one in prints:
            if one.garment_id not in found:
                found[one.garment_id] = hit_of(query, one.garment_id, one.found)
        return weigh_hits(
            garment,
            list(found.values()),
            asked.rules,
            max(asked.fields.top_k, LEAST_JUDGED),
            kept={one.garment_id for one in prints},
            by_score=asked.fields.weights is not None,
        )

    def _query(self, garment: DescribedGarment, asked: _Asked) -> Query:
        fields, rules = asked.fields, asked.rules
        return Query(
            garment.embeddings,
            garment.mirrored,
            rules.weights_of(garment.detection.category.group, fields.weights),
            self.reader.models_version,
            top_k=max(fields.top_k, CANDIDATES),
            least_weight=rules.policy.least_weight,
            filters=fields.filters(),
        )

    async def _compare(
        self,
        data: bytes,
        seen: SeenPhoto,
        candidates: Sequence[Candidate],
        prints: Sequence[PrintHit],
        asked: _Asked,
    ) -> tuple[dict[str, PictureEvidence], bool]:
        """sha256 of a registered photo → what is known of its picture in ours, nothing for the rest; and whether every
        photo that was worth it could be read."""
        compared = Compared({})
        if candidates:
            image: Image = seen.image if seen.image is not None else await self.reader.decode(data)
            compared = await self.capacity.run(self.pictures.compare, image, candidates, asked.catalogue)
        same = compared.found
        near = {one.found.photo_sha256: one.match for one in reversed(prints)}
        ours = seen.described.sha256
        evidence = {
            sha256: PictureEvidence(near.get(sha256), same.get(sha256), identical=sha256 == ours)
            for sha256 in near.keys() | same.keys()
        }
        return evidence, compared.all_read


def _worth_comparing(
    garments: Sequence[DescribedGarment],
    hits: Sequence[Sequence[WeighedHit]],
    prints: Sequence[PrintHit],
    asked: _Asked,
) -> list[Candidate]:
    """Nearest prints first, then what regions found that is not clear; the best hit of each garment in any case."""
    most = asked.rules.policy.pictures.most_compared
    chosen: dict[str, Candidate] = {}
    for one in prints:
        whole = one.match.orientation if one.match.of == "photo" else None
        found = one.found
        chosen.setdefault(found.photo_sha256, Candidate(found.item_id, found.photo_id, found.photo_sha256, whole))
    ranked = []
    for garment, own in zip(garments, hits, strict=True):
        weights = asked.rules.weights_of(garment.detection.category.group, asked.fields.weights)
        judged = judge_hits(own[:most], weights, asked.rules, None)
        for place, (weighed, match) in enumerate(zip(own[:most], judged, strict=True)):
            if place < ALWAYS_COMPARED or match.verdict is not Verdict.CLEAR:
                ranked.append((place, -weighed.hit.score, weighed.hit))
    for _, _, hit in sorted(ranked, key=lambda entry: entry[:2]):
        chosen.setdefault(hit.photo_sha256, Candidate(hit.item_id, hit.photo_id, hit.photo_sha256))
    return list(chosen.values())[:most]


def _judge_garment(
    garment: DescribedGarment, hits: Sequence[WeighedHit], evidence: dict[str, PictureEvidence], asked: _Asked
) -> CheckedGarmentOut:
    policy = asked.rules.policy
    weights = asked.rules.weights_of(garment.detection.category.group, asked.fields.weights)
    own = {}
    for hit in (one.hit for one in hits):
        picture = evidence.get(hit.photo_sha256)
        if picture is not None and (shows(garment, picture, hit.garment) or not picture.is_same(policy)):
            own[hit.photo_sha256] = picture
    matches = judge_hits(hits, weights, asked.rules, asked.fields.published_at, own)
    least = asked.fields.min_score
    # What only a print found answers for its picture, not for its score; the same picture comes first.
    matches = [match for match in matches if match.same_photo or match.score >= least]
    # Otherwise they stay in the order of the hits. One an item, its best.
    best: dict[str, MatchOut] = {}
    for match in sorted(matches, key=_from_the_gravest):
        best.setdefault(match.item_id, match)
    return CheckedGarmentOut(
        **garment_fields(garment, warnings_of(garment, policy)),
        verdict=gravest((match.verdict for match in best.values()), Verdict.CLEAR),
        matches=list(best.values())[: asked.fields.top_k],
    )


def _from_the_gravest(match: MatchOut) -> tuple[bool, bool, bool]:
    """What accuses before what does not, since it came first; of either the same photo first, then kinds of copies."""
    return not match.verdict.is_copy, not match.same_photo, not match.kind.is_copy


def _unattached(
    garments: Sequence[CheckedGarmentOut],
    prints: Sequence[PrintHit],
    evidence: dict[str, PictureEvidence],
    asked: _Asked,
) -> list[PictureMatchOut]:
    """Registered pictures in the photo that no garment's match names: turned photos show the models no garment."""
    named = {match.item_id for garment in garments for match in garment.matches if match.same_photo}
    found = []
    for one in prints:
        picture = evidence[one.found.photo_sha256]
        if one.found.item_id not in named and picture.is_same(asked.rules.policy):
            named.add(one.found.item_id)
            found.append(picture_match(one.found, picture, asked.rules.policy, asked.fields.published_at))
    return found
