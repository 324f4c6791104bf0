"""The whole service with the fake describer on a port: `python -m tests.fake_service [port]`; for work on the page."""

from __future__ import annotations

import functools
import sys
import tempfile
from pathlib import Path

import uvicorn

from service.app import create_app
from service.bootstrap import assemble
from service.settings import read_settings
from tests.fakes import FakeDescriber


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
        settings = read_settings(data_dir=Path(folder), port=port, demo=True)
        app = create_app(settings, functools.partial(assemble, make_describer=lambda _: FakeDescriber()))
        uvicorn.run(app, host=settings.host, port=settings.port)


if __name__ == "__main__":
    main()
