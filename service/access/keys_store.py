"""The table of API keys: a small SQLite file in the data dir, or beside the record in its PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    create_engine,
    event,
    select,
    update,
)
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from service.access.keys import ApiKey, MintedKey, Scope, mint
from service.errors import KeyNotFound, KeysUnavailable
from service.settings import Settings

_TABLES = MetaData()
_KEYS = Table(
    "api_keys",
    _TABLES,
    Column("key_id", String(12), primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("name", String(64), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("scopes", String(64), nullable=False),
    Column("created_at", DateTime(), nullable=False),
    Column("expires_at", DateTime()),
    Column("revoked_at", DateTime()),
    Column("last_used_at", DateTime()),
    Column("per_minute", Integer()),
)
_REPLACEMENTS = Table(
    "api_key_replacements",
    MetaData(),
    Column("key_id", String(12), primary_key=True),
    Column("replaced_by", String(12), nullable=False),
    Column("expired_at", DateTime()),
)
"""Made by the first rotation. `expired_at` is when the replaced key would have ended had nobody rotated it."""


class KeyStore:
    """API keys by id; may be used from any thread. Raises KeysUnavailable where the table cannot be used."""

    def __init__(self, database_url: str) -> None:
        self._engine = _open(database_url)

    def add(self, key: ApiKey) -> None:
        with self._changing() as connection:
            connection.execute(_KEYS.insert().values(_row_of(key)))

    def find(self, key_id: str) -> ApiKey | None:
        with self._changing() as connection:
            row = connection.execute(select(_KEYS).where(_KEYS.c.key_id == key_id)).one_or_none()
        return None if row is None else _key_of(row)

    def list(self) -> list[ApiKey]:
        """All keys ever made, oldest first."""
        with self._changing() as connection:
            return [_key_of(row) for row in connection.execute(select(_KEYS).order_by(_KEYS.c.created_at))]

    def empty(self) -> bool:
        """Whether no key was ever made: revoked and expired ones count, so that losing keys opens nothing."""
        with self._changing() as connection:
            return connection.execute(select(_KEYS.c.key_id).limit(1)).first() is None

    def revoke(self, key_id: str) -> ApiKey:
        """Useless from now on. Raises KeyNotFound."""
        key = self._existing(key_id)
        revoked = key if key.revoked_at is not None else replace(key, revoked_at=datetime.now(UTC))
        with self._changing() as connection:
            when = _without_zone(revoked.revoked_at)
            connection.execute(update(_KEYS).where(_KEYS.c.key_id == key_id).values(revoked_at=when))
        return revoked

    def rotate(self, key_id: str, until: datetime) -> MintedKey:
        """A new key for the same, which ends when the old one would have; the old one works until then at the most.

        Raises KeyNotFound, ValueError for a key that ended, and for one whose replacement works: a second one would be
        of no use to whoever has the first. Once that is revoked, the old one may be rotated again.
        """
        old = self._existing(key_id)
        if not old.valid(datetime.now(UTC)):
            raise ValueError(f"key {key_id} is revoked or expired: create another")
        with self._changing() as connection:
            _REPLACEMENTS.create(connection, checkfirst=True)
            before = _replacement(connection, key_id)
            _refuse_if_replaced(connection, key_id)
            expires_at = old.expires_at if before is None else _with_zone(before.expired_at)
            minted = mint(old.name, old.tenant, old.scopes, expires_at=expires_at, per_minute=old.per_minute)
            row = {"replaced_by": minted.key.key_id, "expired_at": _without_zone(expires_at)}
            if before is None:
                # Two who rotate at once: the second finds its row there, and nothing of its own is left.
                connection.execute(_REPLACEMENTS.insert().values(row | {"key_id": key_id}))
            else:
                unchanged = (_REPLACEMENTS.c.key_id == key_id, _REPLACEMENTS.c.replaced_by == before.replaced_by)
                if connection.execute(update(_REPLACEMENTS).where(*unchanged).values(row)).rowcount != 1:
                    raise ValueError(f"somebody else has just rotated key {key_id}")
            connection.execute(_KEYS.insert().values(_row_of(minted.key)))
            ends = until if old.expires_at is None else min(until, old.expires_at)
            connection.execute(update(_KEYS).where(_KEYS.c.key_id == key_id).values(expires_at=_without_zone(ends)))
        return minted

    def note_use(self, used: Mapping[str, datetime]) -> None:
        """When keys were used last."""
        with self._changing() as connection:
            for key_id, when in used.items():
                change = update(_KEYS).where(_KEYS.c.key_id == key_id).values(last_used_at=_without_zone(when))
                connection.execute(change)

    def close(self) -> None:
        self._engine.dispose()

    def _existing(self, key_id: str) -> ApiKey:
        key = self.find(key_id)
        if key is None:
            raise KeyNotFound(f"no key {key_id!r}; `selvedge keys list` shows those there are")
        return key

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise KeysUnavailable(f"the table of keys cannot be used: {error}") from error


_CONNECT_S = 5
_TIMES = ("created_at", "expires_at", "revoked_at", "last_used_at")


def open_key_store(settings: Settings) -> KeyStore:
    """Where the settings say: replicas share keys as they share the record. Raises KeysUnavailable.

    A SQLite record shares its file with nobody, whatever the file is called.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    file = keys_file(settings)
    return KeyStore(str(settings.database_url) if file is None else f"sqlite:///{file}")


def keys_file(settings: Settings) -> Path | None:
    """The SQLite file of keys, whether or not it is there; None where they lie beside the record in PostgreSQL."""
    shared = settings.database_url
    local = shared is None or shared.startswith("sqlite")
    return settings.data_dir.resolve() / "keys.sqlite" if local else None


def _replacement(connection: Connection, key_id: str) -> Row[Any] | None:
    return connection.execute(select(_REPLACEMENTS).where(_REPLACEMENTS.c.key_id == key_id)).one_or_none()


def _refuse_if_replaced(connection: Connection, key_id: str) -> None:
    """Raises ValueError where a replacement works, or the replacement of one."""
    successor = key_id
    while (row := _replacement(connection, successor)) is not None:
        successor = row.replaced_by
        found = connection.execute(select(_KEYS).where(_KEYS.c.key_id == successor)).one_or_none()
        if found is not None and _key_of(found).valid(datetime.now(UTC)):
            raise ValueError(f"key {key_id} was rotated already: {successor} replaces it; rotate or revoke that one")


def _row_of(key: ApiKey) -> dict[str, Any]:
    row: dict[str, Any] = {column.name: getattr(key, column.name) for column in _KEYS.c}
    row |= {name: _without_zone(row[name]) for name in _TIMES}
    return row | {"scopes": ",".join(sorted(key.scopes))}


def _key_of(row: Row[Any]) -> ApiKey:
    values = dict(row._mapping)
    for name in _TIMES:
        values[name] = _with_zone(values[name])
    values["scopes"] = frozenset(map(Scope, values["scopes"].split(",")))
    values["digest"] = bytes(values["digest"])
    return ApiKey(**values)


def _without_zone(when: datetime | None) -> datetime | None:
    """UTC without a zone, as SQLite keeps it."""
    return None if when is None else when.astimezone(UTC).replace(tzinfo=None)


def _with_zone(when: datetime | None) -> datetime | None:
    return None if when is None else when.replace(tzinfo=UTC)


def _open(database_url: str) -> Engine:
    try:
        url = make_url(database_url)
        local = url.get_backend_name() == "sqlite"
        # Asked before each use: a connection that a restart of the server cut fails no request.
        waiting = {} if local else {"connect_timeout": _CONNECT_S}
        engine = create_engine(url, pool_pre_ping=not local, connect_args=waiting)
        if local:
            event.listen(engine, "connect", _configure)
        _TABLES.create_all(engine)
    except SQLAlchemyError as error:
        raise KeysUnavailable(f"the table of keys cannot be opened: {error}") from error
    return engine


def _configure(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "busy_timeout=2000"):
        connection.execute(f"PRAGMA {pragma}").close()
