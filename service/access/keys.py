"""API keys: what they are made of, what they may do, and what the service keeps of them (never the key itself)."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from index.types import DEFAULT_TENANT

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_TOKEN = re.compile(r"slv_([a-z2-9]{12})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Scope(StrEnum):
    """What a key is for. `admin` may do everything."""

    CHECK = "check"
    INDEX = "index"
    REVIEW = "review"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `key_id` is None for the operator on this machine; `per_minute` None: without limit."""

    tenant: str
    scopes: frozenset[Scope]
    key_id: str | None = None
    per_minute: int | None = None

    def may(self, allowed: frozenset[Scope]) -> bool:
        """Whether one of the allowed scopes is the caller's."""
        return Scope.ADMIN in self.scopes or bool(self.scopes & allowed)

    @property
    def of_operator(self) -> bool:
        """Whether the tenant is the operator's own, whose are weights, metrics and whatever else is of all tenants."""
        return self.tenant == DEFAULT_TENANT


OPERATOR = Caller(DEFAULT_TENANT, frozenset(Scope))
"""Whoever works on this machine itself: the command line on the data dir, loopback as long as no key was made."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key; times are UTC. `digest` is SHA-256: a key has 256 bits of chance, no dictionary helps."""

    key_id: str
    digest: bytes = field(repr=False)
    name: str
    tenant: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    per_minute: int | None = None

    def __post_init__(self) -> None:
        if not self.scopes:
            raise ValueError("a key needs at least one scope")
        for what, value in (("name", self.name), ("tenant", self.tenant)):
            if not _NAME.fullmatch(value):
                raise ValueError(f"{what} {value!r}: letters, digits, dots, dashes and underscores, at most 64")
        if self.per_minute is not None and self.per_minute < 1:
            raise ValueError("a key may ask at least once a minute")

    def valid(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def matches(self, token: str) -> bool:
        """Compares in constant time."""
        return hmac.compare_digest(self.digest, digest_of(token))

    def caller(self, per_minute: int) -> Caller:
        """`per_minute` is what keys without a rate of their own may ask."""
        return Caller(self.tenant, self.scopes, self.key_id, self.per_minute or per_minute)


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A new key; `token` is shown once and kept nowhere."""

    token: str = field(repr=False)
    key: ApiKey


def mint(
    name: str,
    tenant: str,
    scopes: frozenset[Scope],
    *,
    expires_at: datetime | None = None,
    per_minute: int | None = None,
) -> MintedKey:
    """A new key. Raises ValueError for names, scopes or rates that it cannot have."""
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    token = f"slv_{key_id}_{secrets.token_urlsafe(32)}"
    now = datetime.now(UTC)
    return MintedKey(
        token, ApiKey(key_id, digest_of(token), name, tenant, scopes, now, expires_at, per_minute=per_minute)
    )


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def key_id_of(token: str) -> str | None:
    """The public part of a token; None where it is no token of ours."""
    found = _TOKEN.fullmatch(token)
    return None if found is None else found[1]


NOBODY = replace(mint("nobody", "nobody", frozenset({Scope.CHECK})).key, revoked_at=datetime.min.replace(tzinfo=UTC))
"""Whom a token is compared with that names no key: how long its refusal takes tells of no id. It opens nothing."""
