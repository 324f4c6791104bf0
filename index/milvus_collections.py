"""Rows in Milvus, collection by collection. The only importer of pymilvus.

One vector holds the regions side by side; what filters is scalar fields. Everything is asked with strong consistency:
what was written before a question, by whatever process, is in its answer. Milvus's own search over several vector
fields is never used: it ranks what each field finds, and loses most of the rest. Source: index.md, section 2.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
from pymilvus import DataType, MilvusClient, MilvusException

from index.errors import IndexUnavailable
from index.labels import Ids, Labels
from index.vectors import Designs
from models.taxonomy import REGION_COUNT

Floats = npt.NDArray[np.float32]
NOTE = -1
"""Key of the row that holds no garment but what the collection says of itself."""
MOST_FOUND = 16_384
"""Hits that one search may ask for. Source: Milvus's limits."""
_FIELDS = {
    "garment": "garment_ids",
    "item": "item_numbers",
    "tenant": "tenant_keys",
    "seller": "seller_keys",
    "category": "categories",
    "published": "published",
    "disabled_until": "disabled_until",
}
"""Field → the column of `Labels` that it holds; all int64."""
_NOTE_LENGTH = 4096
_ROWS_AT_ONCE = 1_000
"""Of 640 float32 numbers 2.6 MB, far below the 64 MB that Milvus takes in one message."""
_STRONG: dict[str, Any] = {"consistency_level": "Strong"}


class MilvusCollections:
    """A connection to a server, or to Milvus Lite in a file; may be used from any thread.

    Every method raises IndexUnavailable where Milvus is away, refuses, or has no such collection.
    """

    def __init__(self, uri: str, token: str | None = None, timeout_s: float = 10.0) -> None:
        self._timeout_s = timeout_s
        self._loaded: frozenset[str] = frozenset()
        # It writes a traceback for every failure, which is raised, told and counted here anyway.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        if "://" not in uri:
            Path(uri).parent.mkdir(parents=True, exist_ok=True)
        with self._asking(f"open {uri}"):
            self._client = MilvusClient(uri, token=token or "", timeout=timeout_s, grpc_options=_options(uri))

    def names(self, prefix: str) -> list[str]:
        """Of the collections that begin with it, in order."""
        with self._asking("list the collections"):
            found = self._client.list_collections(timeout=self._timeout_s)
        return sorted(name for name in found if name.startswith(prefix))

    def create(self, name: str, dimension: int) -> None:
        """An empty one, ready to be searched; `dimension` of one region's vector."""
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("garment", DataType.INT64, is_primary=True)
        for field in (*list(_FIELDS)[1:], "mask"):
            # A search is of one tenant: only its partition is looked at.
            schema.add_field(field, DataType.INT64, is_partition_key=field == "tenant")
        schema.add_field("note", DataType.VARCHAR, max_length=_NOTE_LENGTH)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=REGION_COUNT * dimension)
        with self._asking(f"create {name}"):
            indexes = MilvusClient.prepare_index_params()
            # Exact: every approximate index loses recall when the weights move.
            indexes.add_index("vector", index_type="FLAT", metric_type="IP")
            self._client.create_collection(
                name, schema=schema, index_params=indexes, timeout=self._timeout_s, **_STRONG
            )

    def drop(self, name: str) -> None:
        with self._asking(f"drop {name}"):
            self._client.drop_collection(name, timeout=self._timeout_s)

    def flush(self, name: str) -> None:
        """Have what was written in segments rather than in a log."""
        with self._asking(f"flush {name}"):
            self._client.flush(name, timeout=self._timeout_s)

    def insert(self, name: str, designs: Designs) -> None:
        """Garments that are not there."""
        for rows in _rows(designs):
            with self._asking("insert garments", name):
                self._client.insert(name, rows, timeout=self._timeout_s)

    def put(self, name: str, designs: Designs) -> None:
        """Garments, in the place of those of the same ids."""
        for rows in _rows(designs):
            with self._asking("write garments", name):
                self._client.upsert(name, rows, timeout=self._timeout_s)

    def delete(self, name: str, garment_ids: Ids) -> None:
        for some in _some(garment_ids):
            with self._asking("delete garments", name):
                self._client.delete(name, ids=some, timeout=self._timeout_s)

    def garments_of(self, name: str, item_numbers: Ids) -> Ids:
        """Ids of the garments of these items."""
        found: list[int] = []
        for some in _some(item_numbers):
            with self._asking("look for garments", name):
                rows = self._client.query(
                    name, filter=f"item in {some}", output_fields=["garment"], timeout=self._timeout_s, **_STRONG
                )
            found += [row["garment"] for row in rows]
        return np.array(found, dtype=np.int64)

    def count(self, name: str) -> int:
        """Garments, as Milvus counts them."""
        with self._asking("count garments", name):
            (row,) = self._client.query(
                name, filter="garment > 0", output_fields=["count(*)"], timeout=self._timeout_s, **_STRONG
            )
        return int(row["count(*)"])

    def fetch(self, name: str, garment_ids: Ids) -> Designs:
        """Those that are there, by id, in no order; without vectors where none is."""
        parts = []
        for some in _some(garment_ids):
            fields = [*_FIELDS, "mask", "vector"]
            with self._asking("read garments", name):
                rows = self._client.query(
                    name, filter=f"garment in {some}", output_fields=fields, timeout=self._timeout_s, **_STRONG
                )
            if rows:
                parts.append(_designs(rows))
        return Designs.joined(parts)

    def search(self, name: str, vectors: Floats, rule: str, count: int) -> list[tuple[Floats, Ids, Ids]]:
        """(inner products, garment ids, item numbers), best first, for each of the vectors (q, 5·D)."""
        with self._asking("search", name):
            answers = self._client.search(
                name,
                list(vectors),
                filter=rule,
                limit=min(count, MOST_FOUND),
                output_fields=["item"],
                timeout=self._timeout_s,
                **_STRONG,
            )
        return [
            (
                np.array([hit["distance"] for hit in hits], dtype=np.float32),
                np.array([hit["garment"] for hit in hits], dtype=np.int64),
                np.array([hit["entity"]["item"] for hit in hits], dtype=np.int64),
            )
            for hits in answers
        ]

    def write_note(self, name: str, note: str, dimension: int) -> None:
        """What the collection says of itself, in the place of what it said before."""
        nothing = np.zeros(REGION_COUNT * dimension, dtype=np.float32)
        numbers = dict.fromkeys((*_FIELDS, "mask"), 0) | {"garment": NOTE}
        with self._asking("write the note", name):
            self._client.upsert(name, [{**numbers, "note": note, "vector": nothing}], timeout=self._timeout_s)

    def read_note(self, name: str) -> str | None:
        """None where nothing was said yet."""
        with self._asking("read the note", name):
            rows = self._client.query(
                name, filter=f"garment == {NOTE}", output_fields=["note"], timeout=self._timeout_s, **_STRONG
            )
        return str(rows[0]["note"]) if rows else None

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    @contextmanager
    def _asking(self, what: str, name: str | None = None) -> Iterator[None]:
        """Of a collection of that name, which is loaded first: after a restart it need not be."""
        try:
            if name is not None and name not in self._loaded:
                self._client.load_collection(name, timeout=self._timeout_s)
                self._loaded |= {name}
            yield
        except (MilvusException, grpc.RpcError) as error:
            self._loaded = frozenset()
            raise IndexUnavailable(f"Milvus could not {what}: {error}") from error


def _options(uri: str) -> dict[str, Any]:
    """Of the connection: pings seldom enough for a server, and none to Lite, which hangs up on whoever pings it."""
    often_ms = 300_000 if "://" in uri else 2**31 - 1
    return {"grpc.keepalive_time_ms": often_ms, "grpc.keepalive_permit_without_calls": "://" in uri}


def _some(numbers: Ids) -> Iterator[list[int]]:
    for first in range(0, len(numbers), _ROWS_AT_ONCE):
        yield numbers[first : first + _ROWS_AT_ONCE].tolist()


def _rows(designs: Designs) -> Iterator[list[dict[str, Any]]]:
    columns = {field: getattr(designs.labels, column).tolist() for field, column in _FIELDS.items()}
    columns["mask"] = designs.masks.tolist()
    vectors = designs.vectors.reshape(len(designs), REGION_COUNT * designs.dimension)
    for first in range(0, len(designs), _ROWS_AT_ONCE):
        yield [
            {**{field: column[row] for field, column in columns.items()}, "note": "", "vector": vectors[row]}
            for row in range(first, min(first + _ROWS_AT_ONCE, len(designs)))
        ]


def _designs(rows: Sequence[Any]) -> Designs:
    columns = {column: np.array([row[field] for row in rows], dtype=np.int64) for field, column in _FIELDS.items()}
    labels = Labels(**{**columns, "categories": columns["categories"].astype(np.uint8)})  # type: ignore[arg-type]
    vectors = np.array([row["vector"] for row in rows], dtype=np.float32)
    masks = np.array([row["mask"] for row in rows], dtype=np.uint8)
    return Designs(labels, masks, vectors.reshape(len(rows), REGION_COUNT, -1))
