"""`python -m tests.hostile FOLDER` writes the corpus: a file each, and `expected.json` with the right answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.hostile.corpus import hostile_files


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(f"{__doc__}\nExample: python -m tests.hostile var/hostile")
        raise SystemExit(0 if sys.argv[1:] == ["--help"] else 2)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    expected = {}
    for file in hostile_files():
        (folder / file.name).write_bytes(file.data)
        expected[file.name] = sorted(file.expected)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1))
    print(f"{len(expected)} files in {folder}")


if __name__ == "__main__":
    main()
