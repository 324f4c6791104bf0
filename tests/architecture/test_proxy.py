"""The proxy's file, looked over, and by nginx itself where it is installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from http import HTTPStatus
from pathlib import Path

import pytest

from service.bodies import largest_json
from service.routes.documented import ProblemOut
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def test_the_proxy_bounds_time_and_size_and_hides_the_metrics() -> None:
    """It lets through whatever the service takes, and buffers both ways."""
    text = (ROOT / "deploy" / "proxy" / "nginx.conf").read_text()
    for directive in ("client_header_timeout", "client_body_timeout", "proxy_connect_timeout", "proxy_read_timeout"):
        assert re.search(rf"^\s*{directive} \d+s;", text, re.MULTILINE), directive
    for directive in ("proxy_request_buffering on;", "proxy_buffering on;", "location = /metrics { return 404; }"):
        assert directive in text
    size = re.search(r"client_max_body_size (\d+)m;", text)
    assert size is not None
    assert int(size[1]) * 1_000_000 >= largest_json(Settings().images.max_bytes)


@pytest.mark.parametrize(
    ("status", "answered", "code", "waits"),
    [(413, 413, "upload_too_large", False), (429, 429, "too_many_connections", True), (500, 503, "uploads_full", True),
     (502, 502, "service_away", True), (504, 504, "service_too_slow", True)],
)  # fmt: skip
def test_what_the_proxy_refuses_is_a_problem(status: int, answered: int, code: str, waits: bool) -> None:
    """As the service's own, with when to come back; what the service says is passed on as it is."""
    text = (ROOT / "deploy" / "proxy" / "nginx.conf").read_text()
    (name,) = re.findall(rf"^ *error_page {status} (?:=503 )?@(\w+);", text, re.MULTILINE)
    (place,) = re.findall(rf"location @{name} \{{\n(.*?)\n    \}}", text, re.DOTALL)
    returned = re.search(r"return (\d+) '(.*)';", place)
    assert returned is not None
    problem = ProblemOut.model_validate_json(returned[2])
    assert (int(returned[1]), problem.status, problem.code) == (answered, answered, code)
    assert problem.title == HTTPStatus(answered).phrase
    assert set(json.loads(returned[2])) == set(ProblemOut.model_fields)
    assert "default_type application/problem+json;" in place
    assert ("add_header Retry-After" in place) == waits
    assert "proxy_intercept_errors" not in text


def test_the_proxy_lets_jobs_through_without_holding_them() -> None:
    """Its own disk is small; and it lets through whatever the service takes."""
    text = (ROOT / "deploy" / "proxy" / "nginx.conf").read_text()
    (place,) = re.findall(r"location ~ \^/\(index\|check-plagiarism\)/bulk\$ \{([^}]*)\}", text)
    assert "proxy_request_buffering off;" in place
    size = re.search(r"client_max_body_size (\d+)m;", place)
    assert size is not None
    assert int(size[1]) * 1_000_000 >= Settings().jobs.max_bytes


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed: its file is only looked over")
def test_nginx_accepts_the_file(tmp_path: Path) -> None:
    """`nginx -t`, with names that resolve here and folders of the test's own."""
    server = (ROOT / "deploy" / "proxy" / "nginx.conf").read_text()
    assert "server api:8000" in server
    (tmp_path / "server.conf").write_text(server.replace("server api:8000", "server 127.0.0.1:8000"))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    http = f"http {{ access_log off; {paths} include {tmp_path}/server.conf; }}"
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/nginx.pid; error_log stderr; events {{}} {http}")
    ran = subprocess.run([str(NGINX), "-t", "-c", str(whole)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
