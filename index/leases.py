"""Who alone may write: a row of the record that its holder renews, under a token that every later holder outgrows.

A process that was stopped and wakes up does not know that its time is over. So it asks in the same transaction, alone
among all processes, in which it makes its work visible.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import Connection, insert, select, text, update

from index.database import Database
from index.errors import IndexUnavailable, LeaseHeld, LeaseLost
from index.records import LeaseRecord

log = logging.getLogger(__name__)

LEASE_S = 30.0
"""How long a holder that falls silent keeps others out."""
_LONGEST_PUBLISHING_S = 10


@dataclass(frozen=True, slots=True)
class Lease:
    """What a holder has been given."""

    name: str
    holder: str
    token: int


class HeldLease:
    """A lease that a thread renews; once lost it is lost for good."""

    def __init__(self, leases: Leases, lease: Lease, for_s: float) -> None:
        self._leases = leases
        self._lease = lease
        self._for_s = for_s
        self._renewed_at = time.monotonic()
        self._ended = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    @property
    def token(self) -> int:
        return self._lease.token

    def check(self) -> None:
        """Raises LeaseLost where it is known to be over, so that no more work is done in vain."""
        if self._lost or time.monotonic() - self._renewed_at > self._for_s:
            raise LeaseLost(f"the lease on {self._lease.name} ran out")

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """What is done inside is done before anybody else can hold the lease. Raises LeaseLost instead of beginning."""
        self.check()
        with self._leases.fenced(self._lease):
            yield

    def end(self) -> None:
        """Let others have it."""
        self._ended.set()
        self._thread.join()
        try:
            self._leases.give_back(self._lease)
        except IndexUnavailable:
            pass  # it ends by itself

    def _keep(self) -> None:
        while not self._ended.wait(self._for_s / 3):
            asked = time.monotonic()
            try:
                self._leases.renew(self._lease, self._for_s)
                self._renewed_at = asked
            except LeaseLost:
                self._lost = True
                return
            except IndexUnavailable as error:
                log.warning("the lease on %s could not be renewed: %s", self._lease.name, error)


class Leases:
    """The leases of one record; may be used from any thread. Raises IndexUnavailable where the record is out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def holding(self, name: str, for_s: float = LEASE_S) -> Iterator[HeldLease]:
        """Alone among all processes on the record, for as long as the block takes. Raises LeaseHeld."""
        held = HeldLease(self, self.take(name, _this_process(), for_s), for_s)
        try:
            yield held
        finally:
            held.end()

    def take(self, name: str, holder: str, for_s: float) -> Lease:
        """Raises LeaseHeld where another holder's time is not over."""
        with self._database.writing() as connection:
            row = connection.execute(select(LeaseRecord.__table__).where(LeaseRecord.name == name)).one_or_none()
            now = database_now(connection)
            if row is not None and row.expires_at > now:
                raise LeaseHeld(f"{row.holder} holds {name} for another {row.expires_at - now:.0f} s")
            values = {"holder": holder, "token": 1 if row is None else row.token + 1, "expires_at": now + for_s}
            if row is None:
                connection.execute(insert(LeaseRecord).values(name=name, **values))
            else:
                connection.execute(update(LeaseRecord).where(LeaseRecord.name == name).values(values))
        return Lease(name, holder, int(values["token"]))

    def renew(self, lease: Lease, for_s: float) -> None:
        """Raises LeaseLost, also where it ran out and nobody took it since."""
        with self.fenced(lease) as connection:
            until = database_now(connection) + for_s
            connection.execute(update(LeaseRecord).where(LeaseRecord.name == lease.name).values(expires_at=until))

    def give_back(self, lease: Lease) -> None:
        """Nothing where it is another's by now. The row stays: its token is never lent twice."""
        ours = (LeaseRecord.name == lease.name, LeaseRecord.token == lease.token)
        with self._database.writing() as connection:
            connection.execute(update(LeaseRecord).where(*ours).values(expires_at=0.0))

    @contextmanager
    def fenced(self, lease: Lease) -> Iterator[Connection]:
        """A transaction, alone among all processes, that begins only while the lease holds. Raises LeaseLost."""
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                # Whoever is stopped inside must not stop every other writer for ever.
                limit = f"SET LOCAL idle_in_transaction_session_timeout = '{_LONGEST_PUBLISHING_S}s'"
                connection.execute(text(limit))
            row = connection.execute(select(LeaseRecord.__table__).where(LeaseRecord.name == lease.name)).one_or_none()
            if row is None or row.token != lease.token or row.expires_at <= database_now(connection):
                raise LeaseLost(f"the lease on {lease.name} is over, or another's")
            yield connection


def database_now(connection: Connection) -> float:
    """Seconds since 1970 by the database's clock: the one that all processes share."""
    clock = {
        "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
        "postgresql": "SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
    }
    return float(connection.scalar(text(clock[connection.dialect.name])))


def _this_process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
