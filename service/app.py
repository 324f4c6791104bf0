"""The HTTP application: routes, problems, request ids; opens and closes the service around them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog
from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import APIRouter, FastAPI

from service import bootstrap
from service.access.contract import GuardedApp
from service.access.gate import Gate
from service.demo_loading import fill_empty_index
from service.door import Door
from service.hang_up import HangUp
from service.held_bytes import BodyBudget, HoldBodies
from service.idempotency import Idempotency
from service.logs import configure_logs
from service.observability import Metrics
from service.operators_listener import operators_listener
from service.problems import install_problem_handlers
from service.request_log import RequestLog
from service.routes import catalogue, checks, health, jobs, weights
from service.routes.page import page_router
from service.selvedge import Selvedge
from service.settings import Settings
from service.tracing import open_tracing

VERSION = "0.1.0"
_LOOK_AGAIN_S = 0.5
"""How soon a generation that is complete is served."""

log = structlog.get_logger()

Assemble = Callable[[Settings, Metrics], Selvedge]


def create_app(settings: Settings, assemble: Assemble = bootstrap.assemble) -> FastAPI:
    """The application; it answers /livez at once and everything else once `assemble` is done."""
    routers = (checks.router, catalogue.router, jobs.router, weights.router, health.router)
    app = _guarded(settings, assemble, [*routers, page_router(demo=settings.demo)])
    app.add_middleware(Idempotency, door=app.state.door)
    metrics: Metrics = app.state.door.metrics
    budget = BodyBudget(settings.uploads.most_held_bytes, functools.partial(metrics.refused, "bodies", "full"))
    metrics.bodies_held.set_function(lambda: float(budget.held_bytes))
    app.add_middleware(HoldBodies, budget=budget)
    return _watched(app)


def create_worker_app(settings: Settings, assemble: Assemble = bootstrap.assemble) -> FastAPI:
    """The same service behind its health and metrics alone: what `selvedge work` runs, who works on jobs."""
    return _watched(_guarded(settings, assemble, [health.router]))


def _guarded(settings: Settings, assemble: Assemble, routers: Sequence[APIRouter]) -> FastAPI:
    """The routes, with the door that they ask for the service."""
    metrics = Metrics()
    tracing = open_tracing(settings.tracing)
    door = Door(settings, metrics, tracing)
    app = GuardedApp(
        title="Selvedge",
        version=VERSION,
        summary="Tells whether a garment photo copies a registered design, and which parts.",
        lifespan=functools.partial(_open_and_close, door=door, assemble=assemble),
    )
    app.state.door = door
    install_problem_handlers(app)
    for router in routers:
        app.include_router(router)
    return app


def _watched(app: FastAPI) -> FastAPI:
    """What every request passes on its way in, the last first."""
    door: Door = app.state.door
    app.add_middleware(Gate, door=door)
    app.add_middleware(HangUp)
    app.add_middleware(RequestLog, metrics=door.metrics, tracing=door.tracing)
    app.add_middleware(CorrelationIdMiddleware)
    return app


@asynccontextmanager
async def _open_and_close(app: FastAPI, door: Door, assemble: Assemble) -> AsyncIterator[None]:
    configure_logs(door.settings.log)
    async with operators_listener(app, door.settings):
        opening = asyncio.create_task(_open(door, assemble))
        try:
            yield
        finally:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            if door.opened is not None:
                await door.opened.close()
            await asyncio.to_thread(door.tracing.close)


async def _open(door: Door, assemble: Assemble) -> None:
    """Assemble on a thread; what cannot be trusted keeps the service from becoming ready."""
    try:
        # Shielded: a service that is half open when we are told to stop must still be closed.
        service = await asyncio.shield(asyncio.to_thread(assemble, door.settings, door.metrics))
        door.opened = service
        await _wait_for_descriptions(service, door)
        if door.settings.demo:
            door.waiting_for = "the demo catalogue is being loaded"
            await fill_empty_index(service)
        await service.start(door.metrics)
        door.let_in()
    except Exception as error:  # outermost handler of the start: told on /readyz and in the log
        door.failure = f"{type(error).__name__}: {error}"
        log.error("start_failed", exc_info=error)


async def _wait_for_descriptions(service: Selvedge, door: Door) -> None:
    """Whoever serves with models that have not described every photo misses copies without a word: it waits."""
    waits = False
    while waiting := await asyncio.to_thread(service.registry.undescribed):
        version = service.reader.models_version
        door.waiting_for = (
            f"{waiting} photos were described by other models, not yet by {version}: run `selvedge index reembed` "
            "beside this service, which opens once it is done, or serve with the models of before"
        )
        if not waits:
            log.warning("photos_not_described", photos=waiting, models=version, run="selvedge index reembed")
        waits = True
        await asyncio.sleep(_LOOK_AGAIN_S)
    if waits:
        await asyncio.to_thread(service.registry.catch_up)
