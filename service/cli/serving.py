"""`selvedge serve`: one process, one application, until it is told to stop."""

from __future__ import annotations

import uvicorn

from service.app import create_app
from service.cli.data_dir import hold_data_dir
from service.settings import Settings

STOP_WITHIN_S = 20


def serve_forever(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are finished first. Raises DataDirInUse."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    address = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    with hold_data_dir(settings.data_dir, address):
        uvicorn.run(
            create_app(settings),
            host=settings.host,
            port=settings.port,
            # Logs are structlog's, one line a request; uvicorn's own would double them.
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_WITHIN_S,
        )
