"""Builds record, index and photo store from settings; with `bootstrap`, the only place that names concrete classes."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from index.photos import PhotoFiles, PhotoStore
from index.registry import Registry
from index.sealing import sealing
from index.shards import Shards
from index.vectors import VectorIndex
from service.bootstrap_jobs import database_url
from service.errors import SettingsError
from service.index_settings import Engine, MilvusSettings
from service.settings import Settings

_CLIENTS = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
"""What fsspec needs for a store."""


def open_registry(settings: Settings, version: str) -> Registry:
    """The record and the index; to be started. Raises SettingsError, IndexUnavailable where the engine is away."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    index, photos = settings.index, open_photos(settings)
    return Registry(
        database_url(settings),
        settings.data_dir.resolve(),
        version,
        open_vectors(settings, version),
        snapshot_every=index.snapshot_every,
        follow_every_s=index.follow_every_s,
        photos=photos,
    )


def open_vectors(settings: Settings, version: str) -> VectorIndex:
    """What scans: shards in this process, or an engine that several share. Raises SettingsError, IndexUnavailable."""
    folder = settings.data_dir.resolve()
    if settings.index.engine is Engine.FAISS:
        return Shards(os.cpu_count() or 1, sealing(settings.index.storage, folder))
    if importlib.util.find_spec("pymilvus") is None:
        raise SettingsError("index.engine: milvus needs its client: pip install 'selvedge[milvus]'")
    from index.milvus import MilvusVectors
    from index.milvus_collections import MilvusCollections

    milvus = settings.index.milvus
    token = None if milvus.token is None else milvus.token.get_secret_value()
    collections = MilvusCollections(milvus_uri(milvus, folder), token, milvus.timeout_s)
    return MilvusVectors(collections, milvus.prefix, version)


def milvus_uri(milvus: MilvusSettings, data_dir: Path) -> str:
    """As set, else Milvus Lite in the data dir."""
    return milvus.uri or str(data_dir / "milvus.db")


def open_photos(settings: Settings) -> PhotoStore:
    """Where photos lie: as set, else in the data dir. Raises SettingsError for a store that cannot be spoken to."""
    url = settings.photos.url
    if url is None:
        return PhotoFiles(settings.data_dir.resolve() / "photos")
    protocol, _, place = url.partition("://")
    if protocol == "file":
        return PhotoFiles(Path(place))
    from index.photo_objects import PROTOCOLS, ObjectPhotoStore

    if protocol not in PROTOCOLS or not place:
        raise SettingsError(f"photos.url: {url!r} is none of file:///FOLDER, {', '.join(PROTOCOLS)}://BUCKET/FOLDER")
    client = _CLIENTS.get(protocol)
    if client is not None and importlib.util.find_spec(client) is None:
        extra = "pip install 'selvedge[s3]'" if protocol == "s3" else f"pip install {client}"
        raise SettingsError(f"photos.url: {protocol}:// needs {client}: {extra}")
    return ObjectPhotoStore(url, settings.photos.timeout_s)
