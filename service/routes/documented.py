"""What OpenAPI says of bodies that are read by hand, and of problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from pydantic import BaseModel

from service.access.gate import caller_of
from service.access.tenancy import TenantCatalogue
from service.door import Door
from service.selvedge import Selvedge


class FieldProblemOut(BaseModel):
    """`pointer` is a JSON pointer into the request."""

    pointer: str
    message: str


class ProblemOut(BaseModel):
    """RFC 9457, with a stable `code`."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblemOut]
    request_id: str | None


def service_of(request: Request) -> Selvedge:
    """The running service. Raises NotReady."""
    door: Door = request.app.state.door
    return door.service()


def tenant_of(request: Request) -> str:
    """Whose data the caller may see."""
    return caller_of(request.scope).tenant


def catalogue_of(request: Request) -> TenantCatalogue:
    """The caller's own catalogue. Raises NotReady."""
    return TenantCatalogue(service_of(request).registry, tenant_of(request))


def trace_stages(request: Request, timings_ms: Mapping[str, float]) -> None:
    """Spans of what an answer says it spent its time on, where the request is traced."""
    door: Door = request.app.state.door
    door.tracing.stages(timings_ms)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route that may answer these problems."""
    return {status: {"model": ProblemOut, "content": {"application/problem+json": {}}} for status in sorted(statuses)}


def body_of(fields: type[BaseModel], photos: tuple[str, ...]) -> dict[str, Any]:
    """`openapi_extra=` of a route that reads photos and fields with `read_submission`."""
    as_form = _object_of(fields, {name: {"type": "string", "format": "binary"} for name in photos})
    as_json = _object_of(fields, {f"{name}_base64": {"type": "string", "contentEncoding": "base64"} for name in photos})
    content = {"multipart/form-data": {"schema": as_form}, "application/json": {"schema": as_json}}
    return {"requestBody": {"required": True, "content": content}}


def json_body_of(fields: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra=` of a route that reads a JSON object with `read_json`."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _object_of(fields, {})}}}}


def either_body_of(fields: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra=` of a route that reads JSON, or a form whose fields carry it beside file parts of any name."""
    as_json = _object_of(fields, {})
    as_form = as_json | {"additionalProperties": {"type": "string", "format": "binary"}}
    content = {"application/json": {"schema": as_json}, "multipart/form-data": {"schema": as_form}}
    return {"requestBody": {"required": True, "content": content}}


def _object_of(fields: type[BaseModel], photos: dict[str, Any]) -> dict[str, Any]:
    schema = _inlined(fields.model_json_schema(ref_template="#/components/schemas/{model}"))
    return {
        "type": "object",
        "properties": photos | schema["properties"],
        "required": [*photos, *schema.get("required", [])],
        "additionalProperties": False,
    }


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Objects that only a body is made of are told where they stand: `components` holds what answers are made of."""
    own = {
        f"#/components/schemas/{name}": part for name, part in schema.get("$defs", {}).items() if "properties" in part
    }

    def told(node: Any) -> Any:
        if isinstance(node, dict):
            found = own.get(node.get("$ref", ""))
            kept = node if found is None else found
            # Whoever names a category twice is not refused: what is read as a set is told as a list.
            return {name: told(value) for name, value in kept.items() if name != "uniqueItems"}
        return [told(value) for value in node] if isinstance(node, list) else node

    return {name: told(value) for name, value in schema.items() if name != "$defs"}
