"""Who may do what, over real HTTP: keys, scopes, tenants, rates, and a first start without keys."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from index.types import DEFAULT_TENANT
from models.taxonomy import RegionName
from service.access.keys import Scope, mint
from service.access.keys_store import open_key_store
from service.access.permits import ANYBODY, OPERATORS_ALONE, PERMITS, Permits
from service.app import create_app
from service.cli.commands import run
from service.cli.serving import refuse_strangers_without_keys
from service.errors import SettingsError
from service.routes.page import page_router
from service.settings import Settings
from tests.journeys.conftest import settings_for
from tests.photos import photo
from tests.serving import served_on_a_socket


def make_key(settings: Settings, *scopes: Scope, tenant: str = "acme", **options: Any) -> dict[str, str]:
    """The header of a new key."""
    minted = mint("test", tenant, frozenset(scopes), **options)
    store = open_key_store(settings)
    store.add(minted.key)
    store.close()
    return {"Authorization": f"Bearer {minted.token}"}


@contextmanager
def served_with_keys(folder: Path, **options: Any) -> Iterator[tuple[httpx.Client, Settings]]:
    """A client without a key of a service that has one."""
    settings = settings_for(folder, **options)
    make_key(settings, Scope.ADMIN, tenant="default")
    with served_on_a_socket(settings) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client, settings


def asked(template: str) -> str:
    return template.replace(":path", "").replace("{group}", "t_shirt").replace("{", "").replace("}", "")


def photos(path: str) -> dict[str, Any]:
    names = ("image_a", "image_b") if path == "/compare" else ("image",)
    return {name: ("a.png", photo(1), "image/png") for name in names}


def send(client: httpx.Client, method: str, template: str, headers: dict[str, str]) -> httpx.Response:
    """A well-formed request to a route."""
    path = asked(template)
    if path == "/weights/learn":
        pairs = json.dumps([{"image_a": "image_a", "image_b": "image_b", "verdict": "similar"}])
        return client.post(path, files=photos("/compare"), data={"pairs": pairs}, headers=headers)
    if method == "PUT":
        return client.put(path, json={"weights": dict.fromkeys(RegionName, 1)}, headers=headers)
    if path.endswith("/bulk"):
        line = json.dumps({"item_id": "SKU-1", "image_base64": base64.b64encode(photo(1)).decode()})
        return client.post(path, content=line, headers=headers | {"Content-Type": "application/x-ndjson"})
    if method == "POST":
        data = {"item_id": "SKU-1"} if path == "/index/add" else {}
        return client.post(path, files=photos(path), data=data, headers=headers)
    if method == "PATCH":
        return client.patch(path, json={"title": "x"}, headers=headers)
    return client.request(method, path, headers=headers)


GUARDED = [(method, path) for (method, path), scopes in PERMITS.items() if scopes != ANYBODY]


def test_every_route_is_listed_with_its_scopes() -> None:
    """What is not listed is the administrator's, and that is meant for nothing that exists."""
    paths = create_app(Settings()).openapi()["paths"]
    known = {(method, path.replace(":path", "")) for method, path in PERMITS}
    served = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    page = {("GET", route.path) for route in page_router(demo=True).routes if isinstance(route, APIRoute)}
    assert served | page <= known
    permits = Permits()
    assert permits.scopes_for("GET", "/something/new") == {Scope.ADMIN}
    assert permits.scopes_for("PUT", "/check-plagiarism") == frozenset(Scope)
    assert permits.is_operators("GET", "/something/new")


def test_without_a_key_no_guarded_route_answers(tmp_path: Path) -> None:
    """401 as a problem, with a challenge; a wrong key is told apart from none; open routes stay open."""
    with served_with_keys(tmp_path) as (client, _):
        for method, path in GUARDED:
            for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer slv_wrong"}):
                answer = send(client, method, path, headers)
                assert (answer.status_code, answer.json()["code"]) == (401, "invalid_key"), (method, path)
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.headers["www-authenticate"].startswith("Bearer ")
                assert ("invalid_token" in answer.headers["www-authenticate"]) is ("slv_" in str(headers))
        for method, path in set(PERMITS) - set(GUARDED) - {("GET", "/demo/{name}.jpg"), ("GET", "/page/{name}")}:
            assert send(client, method, path, {}).status_code == 200, path
        assert client.get("/page/page.js").status_code == 200
        assert client.get("/readyz").json()["access"] == "by API key"


def test_a_key_opens_what_it_is_for_and_nothing_else(tmp_path: Path) -> None:
    """Every scope on every route, for the operator's tenant, which no route is closed to."""
    with served_with_keys(tmp_path) as (client, settings):
        for scope in Scope:
            headers = make_key(settings, scope, tenant=DEFAULT_TENANT)
            for method, path in GUARDED:
                answer = send(client, method, path, headers)
                allowed = scope is Scope.ADMIN or scope in PERMITS[method, path]
                assert (answer.status_code != 403) is allowed, (scope, method, path, answer.text)
                assert answer.status_code != 401
                if not allowed:
                    assert answer.json()["code"] == "not_permitted"
                    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_a_method_that_a_path_has_not_is_told_all_that_it_has(tmp_path: Path) -> None:
    """Also where the router would take the path for another's, or know a part; whoever has no key is told none."""
    with served_with_keys(tmp_path) as (client, settings):
        headers = make_key(settings, Scope.CHECK)
        for method, path, allow in (
            ("PUT", "/index/items/SKU-1", "DELETE, GET, PATCH"),
            ("HEAD", "/index/items/SKU-1", "DELETE, GET, PATCH"),
            ("OPTIONS", "/weights/t_shirt", "GET, PUT"),
            ("GET", "/weights/learn", "POST"),
            ("PUT", "/weights/learn", "POST"),
            ("POST", "/livez", "GET"),
        ):
            answer = client.request(method, path, headers=headers)
            assert (answer.status_code, answer.headers["allow"]) == (405, allow), (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            assert client.request(method, path).status_code == 401


def test_expired_keys_are_refused_and_rotated_ones_overlap(tmp_path: Path) -> None:
    """The old key works beside the new one, until its time."""
    with served_with_keys(tmp_path) as (client, settings):
        store = open_key_store(settings)
        old = mint("shop", "acme", frozenset({Scope.CHECK}))
        store.add(old.key)
        new = store.rotate(old.key.key_id, datetime.now(UTC) + timedelta(hours=1))
        gone = mint("gone", "acme", frozenset({Scope.CHECK}), expires_at=datetime.now(UTC))
        store.add(gone.key)
        store.close()
        statuses = [
            client.get("/weights/t_shirt", headers={"Authorization": f"Bearer {token}"}).status_code
            for token in (old.token, new.token, gone.token)
        ]
        assert statuses == [200, 200, 401]


def test_a_foreign_tenant_sees_no_check_and_erases_none(tmp_path: Path) -> None:
    """404, as if it were not there; nor does the cache tell what others have asked."""
    with served_with_keys(tmp_path, redis_url=None) as (client, settings):
        ours, theirs = make_key(settings, *Scope, tenant="acme"), make_key(settings, *Scope, tenant="rival")
        first = client.post("/check-plagiarism", files=photos("/"), headers=ours).json()
        assert client.post("/check-plagiarism", files=photos("/"), headers=ours).json()["cached"] is True
        assert client.post("/check-plagiarism", files=photos("/"), headers=theirs).json()["cached"] is False
        check = f"/checks/{first['check_id']}"
        for method in ("GET", "DELETE"):
            refused = client.request(method, check, headers=theirs)
            assert (refused.status_code, refused.json()["code"]) == (404, "check_not_found")
        assert client.get(check, headers=ours).json()["check_id"] == first["check_id"]


def test_a_foreign_tenant_sees_nothing_of_a_catalogue(tmp_path: Path) -> None:
    """404, or an answer without it, on every route; the same item id may be another's too."""
    with served_with_keys(tmp_path) as (client, settings):
        ours, theirs = make_key(settings, *Scope, tenant="acme"), make_key(settings, *Scope, tenant="rival")
        added = client.post("/index/add", files=photos("/"), data={"item_id": "SKU-1"}, headers=ours).json()
        item = "/index/items/SKU-1"
        picture = f"{item}/photos/{added['photo_id']}"
        for method, path in (("GET", item), ("GET", picture), ("DELETE", item)):
            assert client.request(method, path, headers=theirs).status_code == 404, (method, path)
        assert client.patch(item, json={"title": "stolen"}, headers=theirs).status_code == 404
        assert client.get("/index/items", headers=theirs).json()["items"] == []
        stats = client.get("/index/stats", headers=theirs).json()
        assert [stats[count] for count in ("items", "photos", "garments", "searchable")] == [0, 0, 0, 0]
        checked = client.post("/check-plagiarism", files=photos("/"), headers=theirs).json()
        assert (checked["verdict"], [garment["matches"] for garment in checked["garments"]]) == ("clear", [[]])
        found = client.post("/search", files=photos("/"), headers=theirs).json()
        assert [garment["hits"] for garment in found["garments"]] == [[]]
        again = client.post("/index/add", files=photos("/"), data={"item_id": "SKU-1"}, headers=theirs)
        assert (again.status_code, again.json()["created"]) == (201, True)
        assert client.patch(item, json={"title": "theirs"}, headers=theirs).status_code == 200
        assert client.get(item, headers=ours).json()["title"] is None
        # Both have the very same photo: what one forgets stays the other's.
        assert client.delete(item, headers=theirs).status_code == 204
        assert client.get(picture, headers=ours).content == photo(1)
        checked = client.post("/check-plagiarism", files=photos("/"), headers=ours).json()
        assert checked["garments"][0]["matches"][0]["item_id"] == "SKU-1"


@dataclass(frozen=True, slots=True)
class Planted:
    """What one tenant and the operator have said: their headers, ids by the name that paths have for them, secrets."""

    ours: dict[str, str]
    ids: dict[str, str]
    secrets: tuple[str, ...]

    def path(self, template: str) -> str:
        for name, value in self.ids.items():
            template = template.replace(name, value)
        return template


def plant(client: httpx.Client, settings: Settings) -> Planted:
    """An item, a check, a comparison, a search and a job of one tenant; weights set by the operator, with a reason."""
    ours = make_key(settings, *Scope, tenant="acme")
    operator = make_key(settings, Scope.ADMIN, tenant=DEFAULT_TENANT)
    key_id = operator["Authorization"].split("_")[1]
    weights = {"weights": dict.fromkeys(RegionName, 1), "reason": "reason-of-the-operator"}
    assert client.put("/weights/t_shirt", json=weights, headers=operator).json()["key_id"] == key_id
    item = {"item_id": "SKU-of-acme", "seller_id": "seller-of-acme", "title": "title-of-acme"}
    item |= {"url": "https://acme.example/dress", "metadata": '{"buyer": "buyer-of-acme"}'}
    added = client.post("/index/add", files=photos("/"), data=item, headers=ours).json()
    checked = client.post("/check-plagiarism", files=photos("/"), headers=ours).json()
    assert checked["verdict"] == "image_copy"
    for path in ("/search", "/compare"):
        assert client.post(path, files=photos(path), headers=ours).status_code == 200
    job = send(client, "POST", "/check-plagiarism/bulk", ours).json()
    ids = {"{item_id:path}": "SKU-of-acme", "{photo_id}": added["photo_id"], "{check_id}": checked["check_id"]}
    secrets = ("reason-of-the-operator", key_id, "seller-of-acme", "title-of-acme", "buyer-of-acme", "acme.example")
    return Planted(ours, ids | {"{job_id}": job["job_id"]}, secrets)


def documented_answers() -> dict[tuple[str, str], str]:
    """(method, path) → what docs/security.md says that another tenant's key is answered."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "security.md").read_text()
    _, _, table = text.partition("| route | answer to another tenant |\n|---|---|\n")
    rows = [line.strip("| ").split(" | ") for line in table.partition("\n\n")[0].splitlines()]
    routes = [(*route.strip("`").split(" "), answer.split(",")[0]) for route, answer in rows]
    return {(method, path): answer for method, path, answer in routes}


def test_no_route_tells_a_foreign_tenant_anything(tmp_path: Path) -> None:
    """Every guarded route, with every scope of another tenant and our own ids: nothing that we said comes back, nor
    what the operator said of weights, and each answers as docs/security.md has it."""
    with served_with_keys(tmp_path, redis_url=None) as (client, settings):
        planted = plant(client, settings)
        job_id, told = planted.ids["{job_id}"], {}
        for number, (method, template) in enumerate(GUARDED):
            # A tenant each: what one was told before must not hide what it is told now.
            theirs = make_key(settings, *Scope, tenant=f"rival-{number}")
            path = planted.path(template)
            answer = send(client, method, path, theirs)
            status = answer.status_code
            told[method, template.replace(":path", "")] = "2xx" if status in (200, 201, 202) else str(status)
            expected = {404} if path != template else {200, 201, 202}
            expected = {403} if (method, template) in OPERATORS_ALONE else expected
            assert status in expected, (method, path, answer.text)
            named = () if "{job_id}" in template else (job_id,)
            for secret in (*named, *planted.secrets):
                assert secret not in answer.text, (method, path)
            if method == "POST" and status in (200, 201):
                # What we uploaded is seen anew: how long an answer takes must not tell either.
                assert answer.json()["timings_ms"]["decode"] > 0, path
        assert told == documented_answers()
        assert client.get("/index/items/SKU-of-acme", headers=planted.ours).json()["title"] == "title-of-acme"
        for path in ("/checks/{check_id}", "/jobs/{job_id}"):
            assert client.get(planted.path(path), headers=planted.ours).status_code == 200


def test_what_is_of_all_tenants_is_the_operators(tmp_path: Path) -> None:
    """Weights, what moderators teach, who changed them and why, metrics: 403 for another tenant's key, whatever its
    scopes, and nothing changes; which weights are in force is for all to read."""
    with served_with_keys(tmp_path) as (client, settings):
        theirs = make_key(settings, *Scope, tenant="acme")
        operator = make_key(settings, *Scope, tenant=DEFAULT_TENANT)
        before = client.get("/weights/t_shirt", headers=theirs).json()
        for body in ({"weights": dict.fromkeys(RegionName, 1)}, {"version": before["version"]}):
            refused = client.put("/weights/t_shirt", json=body, headers=theirs)
            assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
            assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
        for method, path in OPERATORS_ALONE:
            assert send(client, method, path, theirs).status_code == 403, (method, path)
            if method != "PUT":
                assert send(client, method, path, operator).status_code == 200, (method, path)
        assert client.get("/weights/t_shirt", headers=theirs).json() == before
        assert set(OPERATORS_ALONE) == {
            ("GET", "/metrics"), ("PUT", "/weights/{group}"), ("GET", "/weights/{group}/versions"),
            ("POST", "/weights/learn"),
        }  # fmt: skip
        assert client.put("/weights/t_shirt", json=body, headers=operator).status_code == 200


@pytest.mark.parametrize("redis_url", ["off", None])
def test_a_key_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path, redis_url: str | None) -> None:
    """In Redis, or here where there is none; other keys go on."""
    with served_with_keys(tmp_path, redis_url=redis_url) as (client, settings):
        busy, other = make_key(settings, Scope.CHECK, per_minute=3), make_key(settings, Scope.CHECK)
        answers = [client.get("/weights/t_shirt", headers=busy) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0", "0"]
        assert {answer.headers["ratelimit-limit"] for answer in answers} == {"3"}
        assert answers[3].json()["code"] == "rate_exceeded"
        assert 1 <= int(answers[3].headers["retry-after"]) <= 60
        assert client.get("/weights/t_shirt", headers=other).headers["ratelimit-limit"] == "600"


def test_without_any_key_only_this_machine_and_its_own_page_are_served(tmp_path: Path) -> None:
    """Neither callers behind a proxy here, nor pages of other sites, nor foreign names that lead here."""
    with served_on_a_socket(settings_for(tmp_path)) as address, httpx.Client(base_url=address) as client:
        assert "loopback only" in client.get("/readyz").json()["access"]
        assert client.get("/weights/t_shirt").status_code == 200
        host = address.removeprefix("http://")
        assert client.get("/weights/t_shirt", headers={"Origin": address}).status_code == 200
        foreign = (
            {"X-Forwarded-For": "203.0.113.9"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "http://evil.example:80", "Host": "evil.example:80"},
            {"Host": "evil.example:80"},
            {"Host": "[not an address"},
            {"Origin": f"http://{host}.evil.example"},
        )
        for headers in foreign:
            answer = client.get("/weights/t_shirt", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted"), headers
        assert client.get("/", headers=foreign[1]).status_code == 200


def test_the_first_key_ends_the_keyless_time_of_a_running_service(tmp_path: Path) -> None:
    """Within seconds, and a revoked last key does not bring it back."""
    import time

    settings = settings_for(tmp_path)
    with served_on_a_socket(settings) as address, httpx.Client(base_url=address) as client:
        assert client.get("/weights/t_shirt").status_code == 200
        headers = make_key(settings, Scope.CHECK)
        deadline = time.monotonic() + 30
        while client.get("/weights/t_shirt").status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert client.get("/weights/t_shirt", headers=headers).status_code == 200
        store = open_key_store(settings)
        store.revoke(store.list()[0].key_id)
        store.close()
        while client.get("/weights/t_shirt", headers=headers).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert client.get("/weights/t_shirt").status_code == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "selvedge.example"])
def test_a_service_without_keys_does_not_listen_to_others(tmp_path: Path, host: str) -> None:
    """It says what to do; with a key, or on loopback, it starts."""
    settings = settings_for(tmp_path, host=host)
    with pytest.raises(SettingsError, match="selvedge keys create"):
        refuse_strangers_without_keys(settings)
    for own in ("127.0.0.1", "::1", "localhost"):
        refuse_strangers_without_keys(settings_for(tmp_path, host=own))
    make_key(settings, Scope.ADMIN)
    refuse_strangers_without_keys(settings)


def test_keys_are_managed_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Made, listed, rotated, revoked; the key itself is alone on standard output."""

    def selvedge(*arguments: str) -> tuple[object, str, str]:
        """(exit code, standard output, standard error)."""
        with pytest.raises(SystemExit) as ended:
            run(["keys", *arguments, "--data-dir", str(tmp_path)])
        return (ended.value.code, *capsys.readouterr())

    code, made, told = selvedge("create", "shop", "--scope", "check", "--scope", "index", "--tenant", "acme")
    token = made.strip()
    key_id = token.split("_")[1]
    assert (code, token.startswith("slv_"), token in told) == (0, True, False)
    _, listed, _ = selvedge("list")
    assert key_id in listed and token not in listed
    saved = tmp_path / "new.key"
    code, rotated, _ = selvedge("rotate", key_id, "--overlap", "30m", "--save-to", str(saved))
    assert (code, rotated) == (0, "")
    assert saved.stat().st_mode & 0o777 == 0o600
    assert saved.read_text().strip() != token
    assert selvedge("revoke", key_id)[0] == 0
    assert "revoked" in selvedge("list")[1]
    assert selvedge("create", "first", "--scope", "admin", "--if-none")[:2] == (0, "")
    for wrong in (["revoke", "nokey"], ["create", "x", "--scope", "everything"], ["rotate", key_id]):
        assert selvedge(*wrong)[0] == 2, wrong
