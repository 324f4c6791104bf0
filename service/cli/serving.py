"""`selvedge serve` and `selvedge work`: one process, one application, until it is told to stop."""

from __future__ import annotations

import gc
import sys

import structlog
import uvicorn
from fastapi import FastAPI

from service import bootstrap
from service.access.gate import is_loopback
from service.access.keys_store import open_key_store
from service.app import create_app, create_worker_app
from service.cli.data_dir import hold_data_dir
from service.errors import SettingsError
from service.logs import configure_logs
from service.observability import Metrics
from service.selvedge import Selvedge
from service.settings import Settings

STOP_WITHIN_S = 20
SWITCH_S = 0.001
"""How long a thread that computes may keep the one that answers waiting; Python's own is five times that, a turn."""

log = structlog.get_logger()


def refuse_strangers_without_keys(settings: Settings) -> None:
    """Nobody else reaches a service that asks for no key. Raises SettingsError, KeysUnavailable."""
    keys = open_key_store(settings)
    try:
        if not keys.empty():
            return
    finally:
        keys.close()
    for host in (settings.host, *([] if settings.ops_port is None else [settings.ops_host])):
        if not is_loopback(host):
            raise SettingsError(
                f"no API key was made yet, so {host} would serve everybody: make one with "
                "`selvedge keys create NAME --scope admin`, or listen on 127.0.0.1"
            )
    log.warning("no_api_keys", serving="this machine only, without keys", make_one="selvedge keys create")


def serve_forever(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are finished first. Raises DataDirInUse, SettingsError."""
    configure_logs(settings.log)
    refuse_strangers_without_keys(settings)
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    address = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    with hold_data_dir(settings.data_dir, address):
        _run(create_app(settings, _assemble_to_stay), settings)


def work_forever(settings: Settings) -> None:
    """Work on jobs until SIGTERM or SIGINT, which gives them back. Nobody is asked for a key: there is nothing to get.

    Raises DataDirInUse.
    """
    configure_logs(settings.log)
    with hold_data_dir(settings.data_dir, shared=True):
        _run(create_worker_app(settings, _assemble_to_stay), settings)


def _assemble_to_stay(settings: Settings, metrics: Metrics) -> Selvedge:
    """What is there once a service is assembled stays until its process ends, so the collector need not look at it
    again: each time it did, all requests stood still for some 100 ms."""
    service = bootstrap.assemble(settings, metrics)
    gc.collect()
    gc.freeze()
    return service


def _run(app: FastAPI, settings: Settings) -> None:
    sys.setswitchinterval(SWITCH_S)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        # Logs are structlog's, one line a request; uvicorn's own would double them.
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_WITHIN_S,
    )
