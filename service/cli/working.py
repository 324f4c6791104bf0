"""`selvedge work`: a process that works on jobs and serves nothing but its health and metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.cli.priority import yield_to_checks
from service.cli.set_options import SetOptions, nested_options
from service.settings import read_settings


def work(
    host: Annotated[str | None, typer.Option(help="Address of the health and metrics listener.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of it; another than the service's.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The service's data dir (SELVEDGE_DATA_DIR).")] = None,
    database_url: Annotated[str | None, typer.Option(help="SQLAlchemy URL of the service's record.")] = None,
    redis_url: Annotated[str | None, typer.Option(help="The service's Redis URL, or `off`.")] = None,
    weights_dir: Annotated[Path | None, typer.Option(help="Where the networks lie.")] = None,
    policy_file: Annotated[Path | None, typer.Option(help="Thresholds of the verdicts.")] = None,
    more: SetOptions = None,
) -> None:
    """Work on the jobs of a service, in a process of its own. The service is then started with `--set jobs.work=false`.

    Record, data dir and Redis are the service's; `/livez`, `/readyz` and `/metrics` answer on the port. It runs at a
    low priority, so that on a machine of both the service's checks come first.
    """
    yield_to_checks()
    from service.cli.serving import work_forever

    options = nested_options(more)
    options["jobs"] = options.get("jobs", {}) | {"work": True}
    work_forever(
        read_settings(
            host=host,
            port=port,
            data_dir=data_dir,
            database_url=database_url,
            redis_url=redis_url,
            weights_dir=weights_dir,
            policy_file=policy_file,
            demo=False,
            **options,
        )
    )
