"""Looks for registered photos inside a query's: the pixels themselves, of the few candidates worth it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from index.errors import IndexUnavailable, ItemNotFound, PhotoDamaged
from models.errors import ModelsError
from models.same_picture import LookedAt, SamePicture, compare_pictures, look_at_query, look_at_registered
from models.types import Image
from service.access.tenancy import TenantCatalogue
from service.decoding.decoders import PhotoDecoder
from service.errors import DecoderUnavailable

log = structlog.get_logger()

REMEMBERED = 64
"""Registered photos kept ready, some 0.4 MB each: a picture that spreads is asked about again and again."""


@dataclass(frozen=True, slots=True)
class Compared:
    """sha256 of a registered photo → how the query contains it, without those that nothing places in it; `all_read`
    says whether every photo could be read: where not, another try may find more."""

    found: Mapping[str, SamePicture]
    all_read: bool = True


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registered photo worth comparing; `orientation` where its print was found for the whole query (0..7)."""

    item_id: str
    photo_id: str
    sha256: str
    orientation: int | None = None


class PictureComparer:
    """Compares pictures; may be used from any thread. Registered photos are decoded as all photos are."""

    def __init__(self, decoder: PhotoDecoder, remembered: int = REMEMBERED) -> None:
        self._decoder = decoder
        self._remembered = remembered
        self._ready: OrderedDict[tuple[str, str], LookedAt] = OrderedDict()
        self._lock = threading.Lock()

    def compare(self, query: Image, candidates: Sequence[Candidate], catalogue: TenantCatalogue) -> Compared:
        """Lay the candidates' photos over the query. One that cannot be read is left out: it then goes by prints."""
        found: dict[str, SamePicture] = {}
        all_read = True
        looked = look_at_query(query.pixels) if candidates else None
        for candidate in candidates:
            if looked is None or candidate.sha256 in found:
                continue
            try:
                registered = self._look(candidate, catalogue)
            except IndexUnavailable as error:
                # Where photos cannot be read now, the others would keep the check waiting as long again.
                log.warning("pictures_not_compared", reason=str(error))
                all_read = False
                break
            except (ItemNotFound, PhotoDamaged, ModelsError, DecoderUnavailable, OSError) as error:
                log.warning("picture_not_compared", photo=candidate.sha256, reason=str(error))
                all_read = all_read and isinstance(error, ItemNotFound)
                continue
            same = compare_pictures(looked, registered, candidate.orientation)
            if same is not None:
                found[candidate.sha256] = same
        return Compared(found, all_read)

    def _look(self, candidate: Candidate, catalogue: TenantCatalogue) -> LookedAt:
        # By tenant: how fast an answer comes must not tell what others have registered.
        key = (catalogue.tenant, candidate.sha256)
        with self._lock:
            known = self._ready.get(key)
            if known is not None:
                self._ready.move_to_end(key)
                return known
        data = catalogue.photo_bytes(candidate.item_id, candidate.photo_id)
        looked = look_at_registered(self._decoder.decode(data).pixels)
        with self._lock:
            self._ready[key] = looked
            while len(self._ready) > self._remembered:
                self._ready.popitem(last=False)
        return looked
