"""Bytes → what the models saw, through the cache; decoding and networks run off the event loop."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from models.runtime.describe import Describer
from models.taxonomy import Category
from models.types import DescribedPhoto, Image
from service.cache import SeenCache
from service.capacity import Capacity
from service.decoding.decoders import PhotoDecoder
from service.errors import UploadTooLarge

_HASHED_HERE = 1_000_000
"""More bytes than this are hashed on a thread, so that the event loop goes on."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenPhoto:
    """What the models saw of a photo; `image` is None where the cache knew it already and nothing was decoded.

    `timings_ms` by stage, zero for stages that were not needed.
    """

    described: DescribedPhoto
    image: Image | None
    timings_ms: dict[str, float]


class PhotoReader:
    """Looks at photos. Raises the `ImageError`s of `models`, UploadTooLarge."""

    def __init__(
        self, describer: Describer, cache: SeenCache, capacity: Capacity, decoder: PhotoDecoder, max_bytes: int
    ) -> None:
        self._describer = describer
        self._cache = cache
        self._capacity = capacity
        self._decoder = decoder
        self._max_bytes = max_bytes

    @property
    def models_version(self) -> str:
        return self._describer.models_version

    async def hash(self, data: bytes) -> str:
        """The sha256 of a photo's bytes, once they are known to be few enough."""
        if len(data) > self._max_bytes:
            raise UploadTooLarge(f"the photo has {len(data)} bytes; at most {self._max_bytes} are accepted")
        return await self._capacity.run(_sha256, data) if len(data) > _HASHED_HERE else _sha256(data)

    async def look(
        self, data: bytes, tenant: str, category: Category | None = None, sha256: str | None = None
    ) -> SeenPhoto:
        """What is to be seen in a tenant's photo; `category` is what the caller calls the garment in question."""
        sha256 = await self.hash(data) if sha256 is None else sha256
        known = await self._cache.get(tenant, sha256, category)
        if known is not None:
            return SeenPhoto(known, None, dict.fromkeys(("decode", "detect", "landmarks", "embed"), 0.0))
        seen = await self._capacity.run(self._describe, data, category)
        await self._cache.put(tenant, seen.described, category)
        return seen

    async def decode(self, data: bytes) -> Image:
        """The upright photo itself, for drawing on."""
        return await self._capacity.run(self._decoder.decode, data)

    def _describe(self, data: bytes, category: Category | None) -> SeenPhoto:
        started = time.perf_counter()
        image = self._decoder.decode(data)
        decoded_ms = (time.perf_counter() - started) * 1e3
        described = self._describer.describe(image, category)
        return SeenPhoto(described, image, {"decode": decoded_ms, **described.timings_ms})


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
