"""What is refused whatever the body says, before any of it is read: by routes, and where bodies are compared."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import Scope

from service.capacity import Lane
from service.selvedge import Selvedge

_CHECKING = frozenset({"/check-plagiarism", "/compare", "/search"})
_ADDING = "/index/add"
_LEARNING = "/weights/learn"
_URGENCY = re.compile(r"(?:^|[,\s])u=([0-7])(?:$|[,;\s])")
_BULK_FROM = 6


def refuse_early(service: Selvedge, scope: Scope) -> None:
    """Routes that are not known here refuse nothing early. Raises ReadOnly, Overloaded."""
    path = scope["path"]
    if path in (_ADDING, _LEARNING):
        service.disk.require_room()
    if path in _CHECKING or path in (_ADDING, _LEARNING):
        service.capacity.refuse_if_full(lane_of(scope))


def lane_of(scope: Scope) -> Lane:
    """Adds of bulk work say so themselves: urgency 6 or 7 (RFC 9218, section 4.1) is for what nobody waits for."""
    if scope["path"] == _LEARNING:
        return Lane.BULK
    urgent = _URGENCY.search(Headers(scope=scope).get("priority", ""))
    asked = scope["path"] == _ADDING and urgent is not None and int(urgent[1]) >= _BULK_FROM
    return Lane.BULK if asked else Lane.CHECKS
