"""Which scopes each route asks for; what is not listed is the administrator's."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from starlette.routing import compile_path

from service.access.keys import Scope

_CHECK = frozenset({Scope.CHECK})
_INDEX = frozenset({Scope.INDEX})
_BULK = _CHECK | _INDEX
"""Of these a caller sees the jobs that it might have asked for: `service/routes/jobs.py`."""
_EVIDENCE = frozenset({Scope.CHECK, Scope.INDEX, Scope.REVIEW})
_ADMIN = frozenset({Scope.ADMIN})
ANYBODY: frozenset[Scope] = frozenset()
"""No key is asked for: nothing of any tenant is shown."""

PERMITS: Mapping[tuple[str, str], frozenset[Scope]] = {
    ("GET", "/"): ANYBODY,
    ("GET", "/page/{name}"): ANYBODY,
    ("GET", "/demo"): ANYBODY,
    ("GET", "/demo/{name}.jpg"): ANYBODY,
    ("GET", "/docs"): ANYBODY,
    ("GET", "/docs/oauth2-redirect"): ANYBODY,
    ("GET", "/redoc"): ANYBODY,
    ("GET", "/openapi.json"): ANYBODY,
    ("GET", "/livez"): ANYBODY,
    ("GET", "/readyz"): ANYBODY,
    ("GET", "/metrics"): _ADMIN,
    ("GET", "/version"): _EVIDENCE,
    ("GET", "/weights/{group}"): _EVIDENCE,
    ("PUT", "/weights/{group}"): _ADMIN,
    ("GET", "/weights/{group}/versions"): _ADMIN,
    ("POST", "/weights/learn"): frozenset({Scope.REVIEW}),
    ("POST", "/check-plagiarism"): _CHECK,
    ("POST", "/compare"): _CHECK,
    ("POST", "/search"): _CHECK,
    ("GET", "/checks/{check_id}"): frozenset({Scope.CHECK, Scope.REVIEW}),
    ("GET", "/checks/{check_id}/photo"): frozenset({Scope.CHECK, Scope.REVIEW}),
    ("DELETE", "/checks/{check_id}"): _CHECK,
    ("POST", "/index/add"): _INDEX,
    ("POST", "/index/bulk"): _INDEX,
    ("POST", "/check-plagiarism/bulk"): _CHECK,
    ("GET", "/jobs"): _BULK,
    ("GET", "/jobs/{job_id}"): _BULK,
    ("GET", "/jobs/{job_id}/results"): _BULK,
    ("DELETE", "/jobs/{job_id}"): _BULK,
    ("GET", "/index/stats"): _EVIDENCE,
    ("GET", "/index/items"): frozenset({Scope.INDEX, Scope.REVIEW}),
    ("GET", "/index/items/{item_id:path}/photos/{photo_id}"): _EVIDENCE,
    ("GET", "/index/items/{item_id:path}"): _EVIDENCE,
    ("PATCH", "/index/items/{item_id:path}"): _INDEX,
    ("DELETE", "/index/items/{item_id:path}"): _INDEX,
}

_TEACHING = ("POST", "/weights/learn")
OPERATORS_ALONE = frozenset(route for route, scopes in PERMITS.items() if scopes == _ADMIN or route == _TEACHING)
"""For keys of the operator's tenant alone: these show or change what is of all tenants."""

OPEN_TO_OPERATORS = frozenset({"/metrics", "/livez", "/readyz"})
"""What the operators' own listener shows without a key, wherever it listens."""


class Permits:
    """Looks a request up, by the same templates that the router uses; a path that is listed as it is, is that alone."""

    def __init__(self, permits: Mapping[tuple[str, str], frozenset[Scope]] = PERMITS) -> None:
        self._routes: list[tuple[str, str, re.Pattern[str], frozenset[Scope]]] = []
        self._plain: dict[str, dict[str, frozenset[Scope]]] = defaultdict(dict)
        for (method, path), scopes in permits.items():
            if "{" in path:
                self._routes.append((method, path, compile_path(path)[0], scopes))
            else:
                self._plain[path][method] = scopes

    def of(self, path: str) -> Mapping[str, frozenset[Scope]]:
        """The methods of a path and who may use them; empty where nobody listed it."""
        known = self._plain.get(path)
        if known is None:
            # The first that was listed counts: the router takes the first that it has.
            known = {verb: scopes for verb, _, pattern, scopes in reversed(self._routes) if pattern.match(path)}
        return known

    def template_of(self, method: str, path: str) -> str | None:
        """What the router calls the route of a request, whoever answers it; None where nobody listed the path."""
        if path in self._plain:
            return path
        found = [(verb, template) for verb, template, pattern, _ in self._routes if pattern.match(path)]
        own = [template for verb, template in found if verb == read_as(method)]
        return next(iter(own or [template for _, template in found]), None)

    def scopes_for(self, method: str, path: str) -> frozenset[Scope]:
        """The scopes one of which is needed; `ANYBODY` where none is."""
        known = self.of(path)
        # Another method of a known path: any key may be told that there is none.
        return known.get(read_as(method), frozenset(Scope)) if known else _ADMIN

    def is_operators(self, method: str, path: str) -> bool:
        """Whether only the operator's tenant may; so is what nobody listed."""
        template = self.template_of(method, path)
        return template is None or (read_as(method), template) in OPERATORS_ALONE


def read_as(method: str) -> str:
    """HEAD asks for what GET shows."""
    return "GET" if method == "HEAD" else method


def operators_methods(path_methods: Mapping[str, frozenset[Scope]]) -> frozenset[str]:
    """Of a path's methods those that are the administrator's alone: a listener of the operators' own has only these."""
    return frozenset(method for method, scopes in path_methods.items() if scopes == _ADMIN)
