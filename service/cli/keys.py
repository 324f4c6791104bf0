"""`selvedge keys`: make, list, rotate and revoke API keys; a key is shown once, when it is made."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from service.errors import SettingsError
from service.settings import read_settings

if TYPE_CHECKING:
    from service.access.keys import ApiKey, MintedKey
    from service.access.keys_store import KeyStore

app = typer.Typer(help="API keys: who may do what.", no_args_is_help=True, rich_markup_mode="rich")
DataDir = Annotated[Path | None, typer.Option(help="Where the table of keys lies (SELVEDGE_DATA_DIR).")]
SaveTo = Annotated[Path | None, typer.Option(help="Write the key to this file (mode 0600) instead of the screen.")]
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@app.command(epilog="Example: [bold]selvedge keys create shop-backend --scope check --scope index --days 365[/bold]")
def create(
    name: Annotated[str, typer.Argument(help="What the key is called in lists and logs.")],
    scope: Annotated[list[str], typer.Option(help="check, index, review or admin; may be given again.")],
    tenant: Annotated[str, typer.Option(help="Whose catalogue and checks the key opens.")] = "default",
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires (default: never).")] = None,
    per_minute: Annotated[int | None, typer.Option(min=1, help="Requests a minute (default: the setting).")] = None,
    save_to: SaveTo = None,
    if_none: Annotated[bool, typer.Option("--if-none", help="Do nothing where a key was ever made.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Make a key. The first one ends the time in which this machine is served without."""
    from service.access.keys import Scope, mint

    unknown = sorted(set(scope) - set(Scope))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(Scope)}", param_hint="--scope")
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with _store(data_dir) as store:
        if if_none and not store.empty():
            return
        minted = mint(name, tenant, frozenset(map(Scope, scope)), expires_at=expires_at, per_minute=per_minute)
        with _opened(save_to) as file:
            store.add(minted.key)
            _hand_over(minted, file)


@app.command("list", epilog="Example: [bold]selvedge keys list[/bold]")
def list_keys(data_dir: DataDir = None) -> None:
    """Every key ever made, what it may do and when it was used last."""
    headings = ("name", "tenant", "scopes", "state", "a minute", "made", "expires", "last used")
    columns = [Column("id", no_wrap=True, min_width=12), *(Column(heading, overflow="fold") for heading in headings)]
    table = Table(*columns, box=None, pad_edge=False)
    with _store(data_dir) as store:
        for key in store.list():
            rate = "" if key.per_minute is None else str(key.per_minute)
            scopes = ", ".join(sorted(key.scopes))
            times = (_day(key.created_at), _day(key.expires_at), _day(key.last_used_at))
            table.add_row(*map(escape, (key.key_id, key.name, key.tenant, scopes, _state(key), rate, *times)))
    Console().print(table)


@app.command(epilog="Example: [bold]selvedge keys rotate k7m2p9qxw4dn --overlap 24h[/bold]")
def rotate(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `selvedge keys list` shows it.")],
    overlap: Annotated[str, typer.Option(help="How long the old key still works: 30m, 24h, 7d, 0m.")] = "24h",
    save_to: SaveTo = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key for the same, and let the old one end after a while.

    The new one ends when the old one would have. A key that another replaces already is refused.
    """
    until = datetime.now(UTC) + _span(overlap)
    with _store(data_dir) as store, _opened(save_to) as file:
        minted = store.rotate(key_id, until)
        _hand_over(minted, file)
        old = store.find(key_id)
    ends = until if old is None or old.expires_at is None else old.expires_at
    Console(stderr=True).print(f"{key_id} works until {ends:%Y-%m-%d %H:%M} UTC", highlight=False)


@app.command(epilog="Example: [bold]selvedge keys revoke k7m2p9qxw4dn[/bold]")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id, as `selvedge keys list` shows it.")],
    data_dir: DataDir = None,
) -> None:
    """End a key now: a running service refuses it within two seconds."""
    with _store(data_dir) as store:
        key = store.revoke(key_id)
    Console().print(f"revoked: {key.key_id} ({key.name})", markup=False, highlight=False)


@contextmanager
def _store(data_dir: Path | None) -> Iterator[KeyStore]:
    """The table of keys; wrong values become one line. Raises KeysUnavailable, KeyNotFound, SettingsError."""
    from service.access.keys_store import open_key_store

    store = open_key_store(read_settings(data_dir=data_dir))
    try:
        yield store
    except ValueError as error:
        raise SettingsError(str(error)) from error
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class _KeyFile:
    """An open file for a key; what it held before stays until a key is written."""

    path: Path
    descriptor: int

    def write(self, token: str) -> None:
        """Raises OSError."""
        line = f"{token}\n".encode()
        os.write(self.descriptor, line)
        if stat.S_ISREG(os.fstat(self.descriptor).st_mode):
            os.ftruncate(self.descriptor, len(line))
            os.fsync(self.descriptor)


@contextmanager
def _opened(save_to: Path | None) -> Iterator[_KeyFile | None]:
    """The file for a key, its owner's alone, open before a key is made or changed; gone again where that was refused.

    Raises OSError where it cannot be written or made its owner's alone.
    """
    if save_to is None:
        yield None
        return
    try:
        descriptor, new = os.open(save_to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), True
    except FileExistsError:
        descriptor, new = os.open(save_to, os.O_WRONLY | os.O_CREAT, 0o600), False
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, 0o600)
        yield _KeyFile(save_to, descriptor)
    except BaseException:
        if new:
            save_to.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _hand_over(minted: MintedKey, file: _KeyFile | None) -> None:
    """Raises SettingsError for a key that was made and could not be written."""
    key = minted.key
    if file is None:
        # Plain, so that `KEY=$(selvedge keys create …)` works.
        typer.echo(minted.token)
    else:
        try:
            file.write(minted.token)
        except OSError as error:
            reason = f"key {key.key_id} was made and could not be written to {file.path} ({error.strerror})"
            raise SettingsError(f"{reason}: nobody has it; revoke it, and make another") from error
    where = "shown once and kept nowhere" if file is None else f"written to {file.path}"
    ends = "never expires" if key.expires_at is None else f"expires {_day(key.expires_at)} UTC"
    Console(stderr=True).print(
        f"key {key.key_id} for {', '.join(sorted(key.scopes))} of {key.tenant}; {ends}; {where}",
        markup=False, highlight=False,
    )  # fmt: skip


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})([mhd])", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no time like 30m, 24h or 7d", param_hint="--overlap")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "works" if key.valid(datetime.now(UTC)) else "expired"


def _day(when: datetime | None) -> str:
    return "" if when is None else f"{when:%Y-%m-%d %H:%M}"
