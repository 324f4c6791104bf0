"""A disk that fills up under adds: they are refused, nothing acknowledged is lost, checks go on.

The disk is a small tmpfs in a mount namespace of the drill's own (`unshare --mount`), so nothing is left behind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx

from deploy.drills.kill_nine import items
from deploy.drills.photos import pattern
from deploy.drills.report import DrillReport
from deploy.server_process import ROOT, Server, serving

DISK_MB = 24
RESERVED_MB = 6
_NOISE_ROWS = 500
_MOST_ADDS = 300
NOT_ALLOWED = 2
"""Exit code where the kernel does not let us mount."""


def in_own_namespace() -> int:
    """Run this drill again where a tmpfs may be mounted; its exit code, or NOT_ALLOWED."""
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", *as_root, "--mount", sys.executable, "-m", "deploy.drills", "full-disk", "--mounted"]
    try:
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
    except FileNotFoundError:
        return NOT_ALLOWED
    return code if code in (0, NOT_ALLOWED) or _may_unshare(command[: command.index("--mount") + 1]) else NOT_ALLOWED


def _may_unshare(command: list[str]) -> bool:
    return subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0


def drill(folder: Path) -> DrillReport:
    """`folder` is an empty one that a tmpfs can be mounted on. Raises RuntimeError where it cannot."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        raise RuntimeError(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    report = DrillReport(f"A disk of {DISK_MB} MB that fills up")
    filler = folder / "filler"
    filler.write_bytes(bytes(RESERVED_MB * 1_000_000))
    kept = _read_only_before_it_is_full(report, folder)
    kept |= _full_to_the_last_byte(report, folder, filler)
    settings = {"demo": "0", "redis_url": "off", "disk__least_free_mb": "0"}
    with serving(folder / "data", settings, fake_models=True) as server:
        _compare(report, server, kept, "after a restart")
    return report


def _read_only_before_it_is_full(report: DrillReport, folder: Path) -> set[str]:
    settings = {"demo": "0", "redis_url": "off", "disk__least_free_mb": str(RESERVED_MB)}
    with serving(folder / "data", settings, fake_models=True) as server:
        kept, refusals = _add_until_refused(server, 0)
        report.add("adds, 6 MB reserved", "201, then 507 read_only", dict(refusals), set(refusals) == {"507 read_only"})
        free = shutil.disk_usage(folder).free / 1e6
        report.add("room left when they stop", "about 6 MB", f"{free:.1f} MB", 4 < free < RESERVED_MB)
        ready = httpx.get(f"{server.address}/readyz", timeout=10)
        said = f"{ready.status_code}, disk: {ready.json()['disk']}"
        report.add("readiness", "200, says read only", said, ready.status_code == 200 and "read only" in said)
        _check(report, server, "checks meanwhile")
        gone = httpx.delete(f"{server.address}/index/items/SKU-1", timeout=30).status_code
        report.add("a delete", "204", gone, gone == 204)
        return kept - {"SKU-1"}


def _full_to_the_last_byte(report: DrillReport, folder: Path, filler: Path) -> set[str]:
    settings = {"demo": "0", "redis_url": "off", "disk__least_free_mb": "0"}
    with serving(folder / "data", settings, fake_models=True) as server:
        kept, refusals = _add_until_refused(server, 10_000, refused=8)
        said = {code for code in refusals if code not in ("503 index_unavailable", "507 read_only")}
        report.add("adds, nothing reserved", "201, then 503 index_unavailable", dict(refusals), not said)
        _check(report, server, "checks on a full disk")
        listed = {item["item_id"] for item in items(server)}
        report.add("registered", "all that was acknowledged", f"{len(listed)}", kept <= listed)
        filler.unlink()
        more, refusals = _add_until_refused(server, 20_000, most=3)
        report.add("adds once there is room", "201, no restart", f"{len(more)} of 3, {dict(refusals)}", len(more) == 3)
        return kept | more


def _add_until_refused(
    server: Server, first: int, refused: int = 3, most: int = _MOST_ADDS
) -> tuple[set[str], Counter[str]]:
    kept: set[str] = set()
    refusals: Counter[str] = Counter()
    with httpx.Client(base_url=server.address, timeout=60) as client:
        for seed in range(first, first + most):
            photo = pattern(seed, _NOISE_ROWS)
            answer = client.post("/index/add", files={"image": photo}, data={"item_id": f"SKU-{seed}"})
            if answer.status_code == 201:
                kept.add(f"SKU-{seed}")
            else:
                refusals[f"{answer.status_code} {answer.json()['code']}"] += 1
            if refusals.total() >= refused:
                break
    return kept, refusals


def _check(report: DrillReport, server: Server, name: str) -> None:
    answer = httpx.post(f"{server.address}/check-plagiarism", files={"image": pattern(0, _NOISE_ROWS)}, timeout=30)
    found = f"{answer.status_code} {answer.json().get('verdict')}"
    report.add(name, "200 image_copy", found, found == "200 image_copy")


def _compare(report: DrillReport, server: Server, kept: set[str], name: str) -> None:
    there = [item["item_id"] for item in items(server)]
    stats = httpx.get(f"{server.address}/index/stats", timeout=30).json()
    good = kept <= set(there) and len(there) == len(set(there)) == stats["searchable"]
    found = f"{len(kept - set(there))} lost of {len(kept)}, {len(there) - len(set(there))} doubled"
    report.add(name, "nothing lost, nothing doubled, all searched", f"{found}, {stats['searchable']} searched", good)
