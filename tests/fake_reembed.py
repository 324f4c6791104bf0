"""`selvedge index reembed` with the fake models: `python -m tests.fake_reembed DATA_DIR DATABASE_URL VERSION`."""

from __future__ import annotations

import sys
from pathlib import Path

from index.catalogue import Catalogue
from service.cli.reembedding import reembed_all
from service.settings import read_settings
from tests.fakes import FakeDescriber


def main() -> None:
    data_dir, database_url, version = sys.argv[1:]
    settings = read_settings({}, data_dir=Path(data_dir), images={"decoders": 0})
    catalogue = Catalogue(database_url)
    report = reembed_all(settings, catalogue, FakeDescriber(version), lambda: None, skip_failed=False)
    catalogue.close()
    print(f"{report.described} described, {report.unseen} unseen, {len(report.failed)} failed")


if __name__ == "__main__":
    main()
