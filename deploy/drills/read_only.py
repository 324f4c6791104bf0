"""As the compose file hardens it: nothing but the data dir and a small /tmp can be written, no capability is left."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from deploy.drills.photos import Photo
from deploy.drills.report import DrillReport
from deploy.server_process import Server, serving

TMP_SIZE = "256m"
JOB_WITHIN_S = 120.0
_HARDEN = """
set -e
mount --make-rprivate /
mount -t tmpfs -o size="$3" tmpfs "$2"
mount --bind "$1" "$1"
for place in $(awk '$6 ~ /^rw/ && $5 !~ "^/(proc|dev|sys)(/|$)" {print $5}' /proc/self/mountinfo); do
  case "$place" in "$1"|"$2") ;; *) mount -o remount,bind,ro "$place" ;; esac
done
export TMPDIR="$2"
shift 3
exec setpriv --inh-caps=-all --bounding-set=-all --no-new-privs "$@"
"""
"""In a mount namespace of its own; whoever runs this keeps a disk that can be written."""


def can_harden() -> bool:
    """Mounts need an administrator on Linux, with util-linux."""
    return os.geteuid() == 0 and all(shutil.which(name) for name in ("unshare", "setpriv", "mount", "awk"))


def drill(folder: Path, items: int, photo: Photo, *, fake_models: bool) -> DrillReport:
    """Adds, checks, deletes and starts anew, all of it where little can be written. Raises PermissionError."""
    if not can_harden():
        raise PermissionError("mounting read-only needs root on Linux, with unshare, setpriv, mount and awk")
    report = DrillReport(f"a read-only root without capabilities, {items} items")
    data_dir, tmp = folder / "data", folder / "tmp"
    data_dir.mkdir()
    tmp.mkdir()
    within = ["unshare", "--mount", "--", "sh", "-c", _HARDEN, "harden", str(data_dir), str(tmp), TMP_SIZE]
    settings = {"demo": "0"}
    with serving(data_dir, settings, fake_models=fake_models, within=within) as server, _client(server) as client:
        _look_at_process(report, server, data_dir, tmp)
        _use(report, client, items, photo)
    with serving(data_dir, settings, fake_models=fake_models, within=within) as server, _client(server) as client:
        found = int(client.get("/index/stats").json()["items"])
        report.add("started anew", f"{items - 1} items", f"{found} items", found == items - 1)
        left = sorted(path.name for path in folder.iterdir())
        report.add("written beside data dir and /tmp", "nothing", left, left == ["data", "tmp"])
    return report


def _client(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.address, timeout=120)


def _look_at_process(report: DrillReport, server: Server, data_dir: Path, tmp: Path) -> None:
    """What the kernel says of it."""
    process = Path(f"/proc/{server.process.pid}")
    said = (process / "status").read_text()
    held = dict(re.findall(r"^(CapEff|CapPrm|NoNewPrivs):\s*(\w+)", said, re.M))
    bare = int(held["CapEff"], 16) == int(held["CapPrm"], 16) == 0 and held["NoNewPrivs"] == "1"
    report.add("capabilities", "none, and none to be had", held, bare)
    mounts = [line.split()[4:6] for line in (process / "mountinfo").read_text().splitlines()]
    kernels = re.compile(r"/(proc|dev|sys)(/|$)")
    written = {place for place, how in mounts if how.startswith("rw") and not kernels.match(place)}
    report.add("can be written", "data dir and /tmp", f"{len(written)} mounts", written == {str(data_dir), str(tmp)})


def _use(report: DrillReport, client: httpx.Client, items: int, photo: Photo) -> None:
    """What a shop does all day."""
    statuses = [
        client.post("/index/add", files={"image": photo(seed)}, data={"item_id": f"SKU-{seed}"}).status_code
        for seed in range(items)
    ]
    report.add("adds", f"{items} of 201", f"{statuses.count(201)} of 201", statuses.count(201) == items)
    named = 0
    for seed in range(items):
        answer = client.post("/check-plagiarism", files={"image": photo(seed)}).json()
        named += any(match["item_id"] == f"SKU-{seed}" for one in answer["garments"] for match in one["matches"])
    report.add("checks that name what was added", f"{items}", named, named == items)
    created = _run_job(client, [photo(items), photo(items + 1)])
    report.add("a job adds two more", "2", created, created == 2)
    statuses = [client.delete(f"/index/items/JOB-{number}").status_code for number in range(2)]
    statuses.append(client.delete("/index/items/SKU-0").status_code)
    report.add("deletes", "3 of 204", statuses, statuses == [204] * 3)


def _run_job(client: httpx.Client, photos: Sequence[bytes]) -> int:
    """How many photos a bulk job registered."""
    lines = [
        json.dumps({"item_id": f"JOB-{number}", "image_base64": base64.b64encode(data).decode()})
        for number, data in enumerate(photos)
    ]
    headers = {"Content-Type": "application/x-ndjson"}
    job = client.post("/index/bulk", content="\n".join(lines), headers=headers).raise_for_status().json()
    until = time.monotonic() + JOB_WITHIN_S
    while job["status"] in ("queued", "running") and time.monotonic() < until:
        time.sleep(0.1)
        job = client.get(f"/jobs/{job['job_id']}").json()
    return int(job["created"])
