"""The whole service with the fake describer in a process of its own.

`python -m tests.fake_service PORT [DATA_DIR [MODELS_VERSION]]`; without a data dir it shows the demo catalogue from a
temporary one: for work on the page.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from pathlib import Path

import uvicorn

from service.app import create_app
from service.bootstrap import assemble
from service.cli.data_dir import hold_data_dir
from service.settings import read_settings
from tests.fakes import FakeDescriber
from tests.policies import make_policy


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    with tempfile.TemporaryDirectory() as temporary:
        given = sys.argv[2] if len(sys.argv) > 2 else None
        describer = FakeDescriber(*sys.argv[3:])
        # The shipped policy is fitted with a cohort of the shipped embedder, which the fake one is not.
        policy = Path(temporary) / "policy.json"
        policy.write_text(make_policy().model_dump_json())
        data_dir = Path(given or temporary)
        settings = read_settings(data_dir=data_dir, port=port, demo=given is None, policy_file=policy)
        app = create_app(settings, functools.partial(assemble, make_describer=lambda _: describer))
        with hold_data_dir(data_dir, f"http://127.0.0.1:{port}"):
            uvicorn.run(app, host=settings.host, port=settings.port, log_config=None)


if __name__ == "__main__":
    main()
