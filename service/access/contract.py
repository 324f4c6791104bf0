"""What OpenAPI says of the gate: which key each route asks for, and how it refuses."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from service.access.permits import ANYBODY, PERMITS

_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
_REFUSALS = {"401": "No valid API key", "403": "The key is for something else", "429": "The key asks too often"}
_POST_REFUSALS = {"408": "The body comes too slowly", "409": "A request with this Idempotency-Key is in flight"}
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key (`selvedge keys create`). As long as none was made, this machine is served without.",
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same body gets the same answer for a day, marked `Idempotency-Replayed`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


class GuardedApp(FastAPI):
    """FastAPI whose contract tells of the gate."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            contract = super().openapi()
            contract["components"]["securitySchemes"] = {"apiKey": _BEARER}
            allowed = {(method, path.replace(":path", "")): scopes for (method, path), scopes in PERMITS.items()}
            for path, operations in contract["paths"].items():
                for method, operation in operations.items():
                    scopes = allowed.get((method.upper(), path))
                    if scopes != ANYBODY:
                        _describe(operation, method, sorted(scopes or ()))
            self.openapi_schema = contract
        return self.openapi_schema


def _describe(operation: dict[str, Any], method: str, scopes: list[str]) -> None:
    operation["security"] = [{"apiKey": scopes}]
    refusals = _REFUSALS | (_POST_REFUSALS if method in ("post", "patch") else {})
    for status, meaning in refusals.items():
        operation["responses"].setdefault(status, {"description": meaning, "content": _PROBLEM})
    if method == "post":
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
