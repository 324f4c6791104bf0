"""The gate before every route: who asks, may they, how often. What is behind it finds the caller in the scope."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.keys import OPERATOR, Caller
from service.access.keys import Scope as KeyScope
from service.access.permits import ANYBODY, OPEN_TO_OPERATORS, Permits, operators_methods, read_as
from service.access.rates import Rates
from service.door import Door
from service.errors import InvalidKey, NotPermitted, NotReady, RateExceeded, ServiceError
from service.problems import answer_to, problem
from service.selvedge import Selvedge

CALLER = "selvedge.caller"
"""Where the scope of a request carries its `Caller`; clients cannot write there."""
FROM_OPERATORS = "selvedge.from_operators"
"""Whether a request came in by the operators' listener; clients cannot write there either."""
ON_BEHALF_OF = "Selvedge-Tenant"
"""Header by which a command on the data dir names the tenant it works for; to a service it says nothing."""
_REALM = 'Bearer realm="selvedge"'


class Gate:
    """ASGI middleware. Routes that nobody listed in `permits.py` are the administrator's.

    Where operators have a listener of their own, what is the administrator's is there and nowhere else.
    """

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door
        self._permits = Permits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        methods = self._methods_here(scope)
        if methods is None:
            await problem(404, "not_found", "this is not served on this port")(scope, receive, send)
            return
        allowed = self._permits.scopes_for(scope["method"], scope["path"])
        if allowed == ANYBODY or (FROM_OPERATORS in scope and scope["path"] in OPEN_TO_OPERATORS):
            await self._app(scope, receive, send)
            return
        try:
            service = self._door.service()
        except NotReady:
            # Nobody is known yet, and nothing is to be had: every route behind asks the door again.
            await self._app(scope, receive, send)
            return
        try:
            operators = self._permits.is_operators(scope["method"], scope["path"])
            headers = await _admit(service, scope, allowed, operators)
        except ServiceError as error:
            await answer_to(error)(scope, receive, send)
            return
        app = self._app if not methods or scope["method"] in methods else _no_such_method(methods)
        await app(scope, receive, _adding(headers, send))

    def _methods_here(self, scope: Scope) -> frozenset[str] | None:
        """The methods that the path has on this listener, none where nobody listed it; None: it is to answer 404."""
        listed = self._permits.of(scope["path"])
        everywhere, method = frozenset(listed), read_as(scope["method"])
        if self._door.settings.ops_port is None or CALLER in scope:
            return everywhere
        if FROM_OPERATORS not in scope:
            here = everywhere - operators_methods(listed)
            return None if everywhere and (not here or method in everywhere - here) else here
        here = everywhere if scope["path"] in OPEN_TO_OPERATORS else operators_methods(listed)
        return here if method in here else None


def as_operator(app: ASGIApp) -> ASGIApp:
    """The application as the command line on the data dir uses it: who holds the files needs no key.

    The operator's own tenant is asked for unless the header `ON_BEHALF_OF` names another.
    """

    async def entered(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            tenant = Headers(scope=scope).get(ON_BEHALF_OF, OPERATOR.tenant)
            scope = {**scope, CALLER: replace(OPERATOR, tenant=tenant)}
        await app(scope, receive, send)

    return entered


def as_from_operators(app: ASGIApp) -> ASGIApp:
    """The application as the operators' listener serves it."""

    async def entered(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, FROM_OPERATORS: True}, receive, send)

    return entered


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Who asks. Raises NotReady for a request that came before anybody could be known."""
    caller = scope.get(CALLER)
    if caller is None:
        raise NotReady("the service has only just opened")
    assert isinstance(caller, Caller)
    return caller


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; names are not looked up."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


async def _admit(
    service: Selvedge, scope: MutableMapping[str, Any], allowed: frozenset[KeyScope], operators: bool
) -> dict[str, str]:
    """Write the caller into the scope; the headers that tell what is left of its rate. Raises AccessError."""
    caller = scope.get(CALLER) or await _identify(service, scope)
    if not caller.may(allowed):
        wanted = " ".join(sorted(allowed))
        challenge = f'{_REALM}, error="insufficient_scope", scope="{wanted}"'
        raise NotPermitted(f"this needs a key for one of: {wanted}", {"WWW-Authenticate": challenge})
    if operators and not caller.of_operator:
        challenge = f'{_REALM}, error="insufficient_scope"'
        raise NotPermitted("this is of all tenants: it needs a key of the operator's", {"WWW-Authenticate": challenge})
    headers = await _spend(service.rates, caller)
    scope[CALLER] = caller
    return headers


def _no_such_method(methods: frozenset[str]) -> ASGIApp:
    """The router would name the methods of one of the path's routes alone."""
    return problem(405, "method_not_allowed", "Method Not Allowed", headers={"Allow": ", ".join(sorted(methods))})


async def _identify(service: Selvedge, scope: Scope) -> Caller:
    headers = Headers(scope=scope)
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        try:
            return await service.keyring.identify(token.strip())
        except InvalidKey as error:
            raise InvalidKey(str(error), {"WWW-Authenticate": f'{_REALM}, error="invalid_token"'}) from error
    if not await service.keyring.empty():
        raise InvalidKey("send an API key: `Authorization: Bearer slv_…`", {"WWW-Authenticate": _REALM})
    _refuse_from_elsewhere(scope, headers)
    return OPERATOR


def _refuse_from_elsewhere(scope: Scope, headers: Headers) -> None:
    """Without keys only this machine is served, and no page that a browser on it loaded from elsewhere.

    The server fills in the forwarded address behind a proxy on this machine, so callers beyond it are refused too.
    """
    client = scope.get("client")
    if client is not None and not is_loopback(client[0]):
        raise NotPermitted("no API key was made yet, so only this machine is served: `selvedge keys create`")
    origin, host = headers.get("origin"), headers.get("host", "")
    foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
    # A foreign name that leads here (DNS rebinding) is a foreign page; a page's own GET says no origin.
    foreign = foreign or not is_loopback(_hostname(f"//{host}"))
    if origin is not None:
        foreign = foreign or urlsplit(origin).netloc != host or not is_loopback(_hostname(origin))
    if foreign:
        raise NotPermitted("without API keys, pages of other sites may not use this service")


def _hostname(address: str) -> str:
    """Of `//host:port` or an origin; empty where it has none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


async def _spend(rates: Rates, caller: Caller) -> dict[str, str]:
    if caller.key_id is None or caller.per_minute is None:
        return {}
    allowance = await rates.spend(caller.key_id, caller.per_minute)
    if not allowance.granted:
        message = f"this key may ask {allowance.limit} times a minute"
        raise RateExceeded(message, allowance.headers())
    return allowance.headers()


def _adding(headers: Mapping[str, str], send: Send) -> Send:
    if not headers:
        return send

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return with_headers
