"""Liveness, readiness, metrics, versions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from service.door import Door
from service.errors import NotReady
from service.routes.documented import service_of
from service.schemas import VersionsOut

router = APIRouter(tags=["health"])


class EngineOut(BaseModel):
    """What runs a network: `fell_back` where it is less than was wanted."""

    model: str
    wanted: str
    provider: str
    fell_back: bool


class VersionOut(BaseModel):
    """What runs here."""

    service: str
    versions: VersionsOut
    engines: list[EngineOut]


@router.get("/livez")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/readyz")
async def ready(request: Request) -> Response:
    """200 once models are warm and the index is loaded and caught up; 503 with why, before.

    A canary search is run each time; a canary photo goes through the whole line on a clock of its own.
    """
    door: Door = request.app.state.door
    try:
        found = asdict(await door.service().readiness())
    except NotReady as error:
        found = {"ready": False, "reason": str(error)}
    door.metrics.ready.set(found["ready"])
    content: dict[str, Any] = {"status": "ready" if found["ready"] else "not ready", **found}
    headers = {} if found["ready"] else {"Retry-After": "2"}
    return JSONResponse(content, status_code=200 if found["ready"] else 503, headers=headers)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Prometheus text; on a listener of its own where `SELVEDGE_OPS_PORT` is set."""
    door: Door = request.app.state.door
    return Response(door.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


@router.get("/version")
async def version(request: Request) -> VersionOut:
    """The versions that the next answer will name."""
    service = service_of(request)
    versions = service.rules.now().versions(service.reader.models_version, service.registry.sequence)
    engines = [EngineOut(**asdict(engine), fell_back=engine.fell_back) for engine in service.engines]
    return VersionOut(service=request.app.version, versions=VersionsOut.of(versions), engines=engines)
