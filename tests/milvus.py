"""Milvus Lite for tests, where the extra is installed (`make test-scale`): one file a process, a prefix a test."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import shutil
import tempfile
from typing import TYPE_CHECKING
from uuid import uuid4

from tests.factories import MODELS_VERSION

if TYPE_CHECKING:
    from index.milvus import MilvusVectors

INSTALLED = importlib.util.find_spec("pymilvus") is not None


@functools.cache
def lite_uri() -> str:
    """Of a Milvus Lite that this process has to itself."""
    folder = tempfile.mkdtemp(prefix="milvus-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return f"{folder}/lite.db"


def new_prefix() -> str:
    """Of collections that no other test has."""
    return f"t{uuid4().hex[:12]}"


def open_milvus(prefix: str | None = None, models_version: str = MODELS_VERSION) -> MilvusVectors:
    from index.milvus import MilvusVectors
    from index.milvus_collections import MilvusCollections

    return MilvusVectors(MilvusCollections(lite_uri()), prefix or new_prefix(), models_version)
