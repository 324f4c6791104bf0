"""Answered checks, kept for some days so that they can be read again. The photo itself is not kept."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from index.types import DEFAULT_TENANT
from service.errors import CheckNotFound, ChecksUnavailable
from service.ulid import new_ulid

_TABLES = MetaData()
_CHECKS = Table(
    "checks",
    _TABLES,
    Column("check_id", String(40), primary_key=True),
    Column("tenant", String(64), nullable=False, server_default=DEFAULT_TENANT),
    Column("created_at", DateTime(), nullable=False, index=True),
    Column("answer", LargeBinary(), nullable=False),
)
_SWEEP_EVERY_S = 3_600.0


class ChecksStore:
    """A table of answers by check id; may be used from any thread. Raises ChecksUnavailable where it cannot be used."""

    def __init__(self, database_url: str, keep_days: int) -> None:
        self._engine = _open(database_url)
        self._keep = timedelta(days=keep_days)
        self._next_sweep = 0.0

    def put(self, check_id: str, tenant: str, answer: bytes) -> None:
        if not self._keep:
            return
        row = {"check_id": check_id, "tenant": tenant, "answer": answer}
        try:
            with self._engine.begin() as connection:
                connection.execute(_CHECKS.insert().values(row | {"created_at": _now()}))
                if time.monotonic() >= self._next_sweep:
                    self._next_sweep = time.monotonic() + _SWEEP_EVERY_S
                    connection.execute(delete(_CHECKS).where(_CHECKS.c.created_at <= _now() - self._keep))
        except SQLAlchemyError as error:
            raise ChecksUnavailable(f"the check could not be kept: {error}") from error

    def get(self, check_id: str, tenant: str) -> bytes:
        """Raises CheckNotFound where the tenant has none, or it is older than checks are kept."""
        wanted = select(_CHECKS.c.answer).where(
            _CHECKS.c.check_id == check_id, _CHECKS.c.tenant == tenant, _CHECKS.c.created_at > _now() - self._keep
        )
        try:
            with self._engine.connect() as connection:
                found = connection.scalar(wanted)
        except SQLAlchemyError as error:
            raise ChecksUnavailable(f"checks cannot be read: {error}") from error
        if found is None:
            raise CheckNotFound(f"no check {check_id!r}, or it is kept no longer")
        return bytes(found)

    def erase(self, check_id: str, tenant: str) -> None:
        """Raises CheckNotFound where the tenant has none."""
        wanted = (_CHECKS.c.check_id == check_id, _CHECKS.c.tenant == tenant)
        try:
            with self._engine.begin() as connection:
                erased = connection.execute(delete(_CHECKS).where(*wanted)).rowcount
        except SQLAlchemyError as error:
            raise ChecksUnavailable(f"the check could not be erased: {error}") from error
        if not erased:
            raise CheckNotFound(f"no check {check_id!r}")

    def close(self) -> None:
        self._engine.dispose()


def new_check_id() -> str:
    """`chk_` and a ULID."""
    return "chk_" + new_ulid()


def _now() -> datetime:
    """UTC without a zone, as SQLite keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


def _open(database_url: str) -> Engine:
    engine = create_engine(make_url(database_url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure)
    try:
        _TABLES.create_all(engine)
        if "tenant" not in {column["name"] for column in inspect(engine).get_columns("checks")}:
            # A file of version 0.1: what it holds is of the time before keys.
            with engine.begin() as connection:
                connection.execute(text(f"ALTER TABLE checks ADD COLUMN tenant VARCHAR(64) DEFAULT '{DEFAULT_TENANT}'"))
    except SQLAlchemyError as error:
        raise ChecksUnavailable(f"the store of checks cannot be opened: {error}") from error
    return engine


def _configure(connection: Any, _record: Any) -> None:
    # A check lost to a power cut is asked again; it is not worth an fsync a check.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON", "busy_timeout=2000"):
        connection.execute(f"PRAGMA {pragma}").close()
