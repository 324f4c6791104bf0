"""Writes `deploy/openapi.json` from the application: `python -m deploy.write_openapi`."""

from __future__ import annotations

import json
from pathlib import Path

from service.app import create_app
from service.settings import Settings


def main() -> None:
    contract = create_app(Settings()).openapi()
    Path(__file__).with_name("openapi.json").write_text(json.dumps(contract, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
