"""Answered checks, kept for some days so that they can be read again; their photos only where that is switched on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
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

from index.sqlite_files import empty_log
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
    Column("claim", String(100)),
    Column("photo", LargeBinary()),
)
_LATER_COLUMNS = {"tenant": f"VARCHAR(64) DEFAULT '{DEFAULT_TENANT}'", "claim": "VARCHAR(100)", "photo": "BLOB"}
"""What a file of an earlier release lacks: what it holds is of the time before keys."""
_SWEPT_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class KeptCheck:
    """`answer` is its JSON; `claim` the name under which its Idempotency-Key's answer is kept, None without one."""

    answer: bytes
    claim: str | None


class ChecksStore:
    """A table of answers by check id; may be used from any thread. Raises ChecksUnavailable where it cannot be used."""

    def __init__(self, database_url: str, keep_days: int) -> None:
        self._engine = _open(database_url)
        self._keep = timedelta(days=keep_days)

    def put(
        self, check_id: str, tenant: str, answer: bytes, claim: str | None = None, photo: bytes | None = None
    ) -> None:
        """`claim`: see KeptCheck; `photo`: an encoded picture."""
        if not self._keep:
            return
        row = {"check_id": check_id, "tenant": tenant, "answer": answer, "claim": claim, "photo": photo}
        try:
            with self._engine.begin() as connection:
                connection.execute(_CHECKS.insert().values(row | {"created_at": _now()}))
        except SQLAlchemyError as error:
            raise ChecksUnavailable(f"the check could not be kept: {error}") from error

    def get(self, check_id: str, tenant: str) -> bytes:
        """Raises CheckNotFound where the tenant has none, or it is older than checks are kept."""
        return bytes(self._read(check_id, tenant, _CHECKS.c.answer))

    def photo(self, check_id: str, tenant: str) -> bytes:
        """Raises CheckNotFound as `get` does, and where only the answer was kept."""
        found = self._read(check_id, tenant, _CHECKS.c.photo)
        if found is None:
            raise CheckNotFound(f"the photo of check {check_id!r} was not kept (SELVEDGE_CHECKS__KEEP_PHOTOS)")
        return bytes(found)

    def _read(self, check_id: str, tenant: str, column: Column[Any]) -> Any:
        wanted = select(column).where(*_named(check_id, tenant), _CHECKS.c.created_at > _now() - self._keep)
        try:
            with self._engine.connect() as connection:
                row = connection.execute(wanted).one_or_none()
        except SQLAlchemyError as error:
            raise ChecksUnavailable(f"checks cannot be read: {error}") from error
        if row is None:
            raise CheckNotFound(f"no check {check_id!r}, or it is kept no longer")
        return row[0]

    def find(self, check_id: str, tenant: str) -> KeptCheck | None:
        """All that is held of a check, also of one that is kept no longer and not swept yet."""
        wanted = select(_CHECKS.c.answer, _CHECKS.c.claim).where(*_named(check_id, tenant))
        try:
            with self._engine.connect() as connection:
                row = connection.execute(wanted).one_or_none()
        except SQLAlchemyError as error:
            raise ChecksUnavailable(f"checks cannot be read: {error}") from error
        return None if row is None else KeptCheck(bytes(row.answer), row.claim)

    def erase(self, check_id: str, tenant: str) -> bool:
        """For good, where there is one; False where the bytes stay in SQLite's log for a while: `empty_log` later."""
        try:
            with self._engine.begin() as connection:
                connection.execute(delete(_CHECKS).where(*_named(check_id, tenant)))
        except SQLAlchemyError as error:
            raise ChecksUnavailable(f"the check could not be erased: {error}") from error
        return self.empty_log()

    def sweep(self) -> int:
        """Delete what is kept no longer, a few hundred at a time; how many it were."""
        old = select(_CHECKS.c.check_id).where(_CHECKS.c.created_at <= _now() - self._keep).limit(_SWEPT_AT_ONCE)
        swept, more = 0, True
        try:
            while more:
                with self._engine.begin() as connection:
                    deleted = connection.execute(delete(_CHECKS).where(_CHECKS.c.check_id.in_(old))).rowcount
                swept, more = swept + deleted, deleted == _SWEPT_AT_ONCE
        except SQLAlchemyError as error:
            raise ChecksUnavailable(f"old checks could not be deleted: {error}") from error
        return swept

    def empty_log(self) -> bool:
        """Let nothing that was deleted stay in SQLite's log; False where somebody reads it: ask again later."""
        url = self._engine.url
        return url.get_backend_name() != "sqlite" or empty_log(Path(str(url.database)))

    def close(self) -> None:
        self._engine.dispose()


def new_check_id() -> str:
    """`chk_` and a ULID."""
    return "chk_" + new_ulid()


def _named(check_id: str, tenant: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _CHECKS.c.check_id == check_id, _CHECKS.c.tenant == tenant


def _now() -> datetime:
    """UTC without a zone, as SQLite keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


def _open(database_url: str) -> Engine:
    engine = create_engine(make_url(database_url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure)
    try:
        _TABLES.create_all(engine)
        known = {column["name"] for column in inspect(engine).get_columns("checks")}
        with engine.begin() as connection:
            for name, kind in _LATER_COLUMNS.items():
                if name not in known:
                    connection.execute(text(f"ALTER TABLE checks ADD COLUMN {name} {kind}"))
    except SQLAlchemyError as error:
        raise ChecksUnavailable(f"the store of checks cannot be opened: {error}") from error
    return engine


def _configure(connection: Any, _record: Any) -> None:
    # A check lost to a power cut is asked again; it is not worth an fsync a check.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON", "busy_timeout=2000"):
        connection.execute(f"PRAGMA {pragma}").close()
