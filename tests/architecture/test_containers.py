"""The recipes of the containers, looked over as a linter would: no engine runs where the tests do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings, settings_table

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
KNOWN = {name for name, _, _ in settings_table()}

DECODER_MB = 80
"""A decoder at rest: 60 MB, measured by tests/benchmarks/decode_memory.py."""


def megabytes(size: str) -> float:
    """Of Docker's `512m` or `3g`."""
    return float(size[:-1]) * {"m": 2**20, "g": 2**30}[size[-1]] / 1e6


def tmpfs_mb(service: dict[str, Any]) -> float:
    """Of those that say their size."""
    sizes = (re.search(r"size=(\d+[mg])", mount) for mount in service.get("tmpfs", []))
    return sum(megabytes(size[1]) for size in sizes if size)


def instructions() -> Iterator[tuple[str, str, str]]:
    """(stage, instruction, rest) of the Dockerfile, continued lines joined, comments left out."""
    text = "\n".join(line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#"))
    stage = ""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            if word == "FROM":
                stage = rest.split(" AS ")[1]
            yield stage, word, rest


def stages() -> dict[str, str]:
    """Stage → what it is built from, in order."""
    return {stage: rest.split(" AS ")[0] for stage, word, rest in instructions() if word == "FROM"}


def line_of(stage: str) -> list[str]:
    """A stage and those it stands on."""
    return [stage, *line_of(stages()[stage])] if stage in stages() else []


def test_every_base_is_pinned_to_a_patch_version() -> None:
    """Or is a stage of the file itself."""
    for base in stages().values():
        assert base in stages() or re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base), base


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_each_target_runs_as_nobody_and_knows_its_health(target: str) -> None:
    """A number, so that an orchestrator can tell that it is not root."""
    found = [(word, rest) for stage, word, rest in instructions() if stage in line_of(target)]
    users = [rest for word, rest in found if word == "USER"]
    assert users and all(re.fullmatch(r"[1-9]\d*", user) for user in users)
    assert any(word == "HEALTHCHECK" and "/readyz" in rest for word, rest in found)
    assert any(word == "ENV" and "LD_PRELOAD=/usr/local/lib/libjemalloc.so.2" in rest for word, rest in found)
    engines = [rest for stage, _, rest in instructions() if stage == f"build-{target}"]
    locked = {"cpu": "serving", "gpu": "gpu"}[target]
    assert any(f"--require-hashes -r requirements/{locked}.txt" in rest for rest in engines)


def test_a_first_start_makes_a_key_and_then_becomes_the_service() -> None:
    """The container listens to others, which nothing does without a key; `exec`, so that SIGTERM arrives."""
    (command,) = [json.loads(rest) for _, word, rest in instructions() if word == "CMD"]
    making, serving = command[-1].split(" && ")
    assert making.startswith("selvedge keys create first --scope admin --if-none --save-to ")
    assert serving == "exec selvedge serve"


def test_the_cpu_target_is_the_default() -> None:
    """The last stage is what `docker build .` builds."""
    assert list(stages())[-1] == "cpu"


def test_what_is_copied_is_there_and_what_is_installed_is_cleaned_up() -> None:
    """No ADD, no caches in layers."""
    for stage, word, rest in instructions():
        assert word != "ADD"
        if word == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            assert all((ROOT / source).exists() for source in sources), rest
        if word == "RUN" and "apt-get install" in rest:
            assert "--no-install-recommends" in rest and "rm -rf /var/lib/apt/lists" in rest
        assert not (word == "USER" and stage.startswith("build"))


def test_settings_named_in_the_recipes_exist() -> None:
    """A misspelt one stops the start."""
    recipes = [ROOT / "Dockerfile", ROOT / "docker-compose.yml", *(ROOT / "deploy").glob("compose.*.yml")]
    texts = [path.read_text() for path in recipes]
    named = set(re.findall(r"SELVEDGE_[A-Z_]+[A-Z]", " ".join(texts)))
    assert named
    assert named <= KNOWN


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_pinned_confined_and_bounded(name: str) -> None:
    """Read-only root, no capabilities, no new privileges, a limit on memory, restarted."""
    service = SERVICES[name]
    # MinIO's releases are called by their moment.
    assert "build" in service or re.search(r":(v?\d+(\.\d+)*(-\w+)?|RELEASE\.[\dTZ-]+)$", service["image"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert "mem_limit" in service
    assert "privileged" not in service


def test_ports_are_published_on_loopback_alone() -> None:
    """Whoever wants more says so."""
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert not any("9100" in port for port in SERVICES["api"]["ports"]), "metrics stay inside"


def test_mounted_files_and_named_volumes_are_there() -> None:
    """And nothing is declared for nobody."""
    used = set()
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
            else:
                used.add(source)
    assert used == set(COMPOSE["volumes"])


def test_who_waits_for_health_waits_for_somebody_who_tells_it() -> None:
    """The api's check is in its image."""
    for service in SERVICES.values():
        for other, condition in service.get("depends_on", {}).items():
            assert condition["condition"] != "service_healthy" or other == "api" or "healthcheck" in SERVICES[other]


def test_watching_and_postgres_come_only_when_asked_for() -> None:
    """A first start has five containers."""
    assert {name for name, service in SERVICES.items() if "profiles" not in service} == {
        "api", "worker", "proxy", "redis", "claims",
    }  # fmt: skip
    optional = {name: service.get("profiles") for name, service in SERVICES.items() if "profiles" in service}
    milvus = {name: ["milvus"] for name in ("milvus", "etcd", "minio")}
    assert optional == {"postgres": ["postgres"], "prometheus": ["watch"], "grafana": ["watch"], **milvus}


def test_milvus_and_its_stores_have_passwords_of_their_own_and_a_network_apart() -> None:
    """Files that an operator makes, without which they do not start; nothing of them is published."""
    stores = {name: SERVICES[name] for name in ("milvus", "etcd", "minio")}
    assert all("ports" not in service for service in stores.values())
    assert COMPOSE["networks"]["vectors"]["internal"] is True
    assert stores["etcd"]["networks"] == stores["minio"]["networks"] == ["vectors"]
    said = json.dumps(stores)
    assert "minioadmin" not in said and ":Milvus" not in said
    assert stores["minio"]["environment"]["MINIO_ROOT_PASSWORD_FILE"] == "/run/secrets/minio_password"
    assert stores["milvus"]["environment"]["COMMON_SECURITY_AUTHORIZATIONENABLED"] == "true"
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for secret in COMPOSE["secrets"].values():
        assert secret["file"] in ignored


def test_decoders_photos_and_service_fit_into_their_containers() -> None:
    """At the defaults of the settings, and of the GPU image: what does not fit is killed in the middle of a photo."""
    gpu = yaml.safe_load((ROOT / "deploy" / "compose.gpu.yml").read_text())["services"]["api"]
    told = " ".join(rest for stage, word, rest in instructions() if (stage, word) == ("gpu", "ENV"))
    many = {name: int(count) for name, count in re.findall(r"SELVEDGE_\w+?__(WORKERS|DECODERS)=(\d+)", told)}
    defaults = Settings()
    few = {"WORKERS": defaults.capacity.workers, "DECODERS": defaults.images.decoders}
    for service, counts, own in ((SERVICES["api"], few, 600), (SERVICES["worker"], few, 600), (gpu, many, 3_000)):
        decoders = counts["DECODERS"] * (defaults.images.decode_memory_mb + DECODER_MB)
        photos = counts["WORKERS"] * 3 * defaults.images.max_pixels / 1e6
        needed = own + decoders + photos + tmpfs_mb(SERVICES["api"])
        assert needed <= megabytes(service["mem_limit"]), (needed, counts)


def test_files_in_memory_fit_into_their_containers() -> None:
    """tmpfs counts against the limit; what the process itself needs comes on top."""
    for name, service in SERVICES.items():
        assert tmpfs_mb(service) + 64 <= megabytes(service["mem_limit"]), name


def test_the_worker_works_on_the_jobs_of_the_api() -> None:
    """The api leaves them to it; both have one volume, one Redis, and files of their own by their port."""
    api, worker = SERVICES["api"], SERVICES["worker"]
    assert api["environment"]["SELVEDGE_JOBS__WORK"] == "false"
    assert "SELVEDGE_JOBS__WORK" not in worker["environment"]
    assert worker["command"] == ["selvedge", "work"]
    assert worker["build"] == api["build"]
    assert worker["volumes"] == api["volumes"]
    assert worker["env_file"][0]["path"] == api["env_file"][0]["path"]
    assert worker["environment"]["SELVEDGE_REDIS_URL"] == api["environment"]["SELVEDGE_REDIS_URL"]
    port = worker["environment"]["SELVEDGE_PORT"]
    assert port != "8000"
    assert f"127.0.0.1:{port}/readyz" in worker["healthcheck"]["test"][-1]
    assert "ports" not in worker


def test_kept_answers_have_a_redis_that_no_cache_fills() -> None:
    """Both processes find them there; whoever waits for the caches' waits for theirs."""
    addresses = {SERVICES[name]["environment"]["SELVEDGE_IDEMPOTENCY__REDIS_URL"] for name in ("api", "worker")}
    assert addresses == {"redis://claims:6379/0"}
    assert addresses.isdisjoint({SERVICES["api"]["environment"]["SELVEDGE_REDIS_URL"]})
    assert {"redis", "claims"} <= set(SERVICES["api"]["depends_on"])
    for name in ("redis", "claims"):
        command = SERVICES[name]["command"]
        most = command[command.index("--maxmemory") + 1].removesuffix("b")
        assert megabytes(most) * 1.2 < megabytes(SERVICES[name]["mem_limit"]), name


def test_the_index_of_a_first_start_is_empty_unless_the_demo_is_asked_for() -> None:
    """An operator's designs do not lie among drawings; README and recipe say how the demo is had."""
    assert SERVICES["api"]["environment"]["SELVEDGE_DEMO"] == "${SELVEDGE_DEMO:-0}"
    assert "SELVEDGE_DEMO" not in SERVICES["worker"]["environment"]
    for name in ("README.md", "docker-compose.yml"):
        assert "SELVEDGE_DEMO=1 docker compose up --build" in (ROOT / name).read_text(), name


def test_the_worker_has_cores_after_everybody_else() -> None:
    """A tenth of what each other container has where all are busy: between containers niceness does not count."""
    assert SERVICES["worker"]["cpu_shares"] <= 1024 / 9
    assert [name for name, service in SERVICES.items() if "cpu_shares" in service or "cpus" in service] == ["worker"]


def test_prometheus_scrapes_the_listeners_of_api_and_worker() -> None:
    """Port and job are those that the alerts speak of."""
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "selvedge"
    wanted = [f"{name}:{SERVICES[name]['environment']['SELVEDGE_OPS_PORT']}" for name in ("api", "worker")]
    assert job["static_configs"][0]["targets"] == wanted
    # Else it would listen to its own container alone.
    assert {SERVICES[name]["environment"]["SELVEDGE_OPS_HOST"] for name in ("api", "worker")} == {"0.0.0.0"}


def test_bodies_find_room_where_they_wait() -> None:
    """The parts of a form lie in /tmp, which is memory of its container."""
    for name, least_bytes in (("api", Settings().uploads.most_held_bytes), ("proxy", 1)):
        (size,) = [re.fullmatch(r"/tmp:size=(\d+)m", entry) for entry in SERVICES[name]["tmpfs"]]
        assert size is not None
        limit = SERVICES[name]["mem_limit"]
        memory = int(limit[:-1]) * {"m": 1, "g": 1024}[limit[-1]]
        assert least_bytes < int(size[1]) * 1_000_000
        assert int(size[1]) < memory, name
