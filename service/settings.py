"""Settings by environment, prefix `SELVEDGE_`, nested with `__`; read once, frozen, passed in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.preprocessing import ImageLimits
from models.runtime.running import Batching, Device
from service.bodies import largest_json
from service.cache_settings import CacheSettings, IdempotencySettings
from service.errors import SettingsError
from service.index_settings import IndexSettings, PhotoSettings
from service.jobs.settings import JobSettings
from service.upload_settings import UploadSettings

PREFIX = "SELVEDGE_"
WEIGHTS_DIR = Path(__file__).parent.parent / "models" / "weights"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageSettings(_Section):
    """What a photo may measure."""

    max_bytes: int = Field(default=20_000_000, gt=0, description="Largest photo accepted, in bytes")
    max_pixels: int = Field(default=40_000_000, gt=0, description="Most pixels a photo may have")
    max_side: int = Field(default=12_000, gt=0, description="Longest side of a photo, in pixels")
    min_side: int = Field(default=32, gt=0, description="Shortest side of a photo, in pixels")
    max_frames: int = Field(default=1_000, gt=0, description="Most frames of an animation, of which the first is seen")
    decoders: int = Field(default=2, ge=0, description="Processes that decode photos; 0 decodes in this one, unbounded")
    decode_s: float = Field(
        default=5.0, gt=0, description="Most processor time that decoding a photo may take, in seconds"
    )
    decode_memory_mb: int = Field(default=750, ge=100, description="Most memory that decoding may take, in megabytes")

    def limits(self) -> ImageLimits:
        return ImageLimits(self.max_pixels, self.max_side, self.min_side)


class CapacitySettings(_Section):
    """How much work is taken on at a time."""

    workers: int = Field(default=2, ge=1, description="Photos looked at and searched side by side")
    queue: int = Field(default=8, ge=0, description="Requests that may wait for a worker; beyond it the answer is 503")
    bulk_queue: int = Field(
        default=4, ge=1, description="Bulk requests (header `Priority: u=6` or `u=7`) inside at a time; they yield"
    )
    most_wait_s: float = Field(
        default=5.0, gt=0, description="Longest wait for a worker, in seconds; beyond it the answer is 503"
    )
    model_threads: int = Field(
        default=0,
        ge=0,
        description="Threads inside one network run; 0: twice the cores divided by the workers, at most the cores",
    )


class ModelSettings(_Section):
    """What runs the networks."""

    device: Device = Field(
        default=Device.AUTO, description="`cuda`, `cpu`, or `auto`: CUDA where the installed engine has it"
    )
    batch: Literal["auto", "always", "never"] = Field(
        default="auto", description="Gather rows of several requests; `auto`: on a GPU only, a CPU gains nothing"
    )
    batch_sizes: tuple[int, ...] = Field(
        default=(1, 2, 4, 8, 16), description="Batch sizes a network sees, ascending; a batch is padded up to the next"
    )
    batch_wait_ms: float = Field(default=2.0, ge=0, description="How long a row waits for company, in milliseconds")
    batch_queue: int = Field(default=64, ge=1, description="Requests that may wait for a batch; beyond it: 503")
    batch_deadline_s: float = Field(default=10.0, gt=0, description="Longest wait for a batch's answer, in seconds")

    @field_validator("batch_sizes")
    @classmethod
    def _ascending(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        Batching(sizes)
        return sizes

    def batching(self) -> Batching | None:
        if self.batch == "never":
            return None
        return Batching(self.batch_sizes, self.batch_wait_ms / 1e3, self.batch_queue, self.batch_deadline_s)


class CanarySettings(_Section):
    """The photo that readiness sends through the whole line."""

    every_s: float = Field(default=30.0, gt=0, description="How often a canary photo goes through the line, in seconds")
    within_s: float = Field(default=10.0, gt=0, description="Longest time the canary may take, in seconds")


class DiskSettings(_Section):
    """When registering stops."""

    least_free_mb: int = Field(
        default=200, ge=0, description="Free space in the data dir below which nothing is registered (507), in MB"
    )


class TracingSettings(_Section):
    """OpenTelemetry traces."""

    endpoint: str | None = Field(
        default=None, description="OTLP over HTTP, http://HOST:4318/v1/traces; unset: nothing is traced"
    )
    service_name: str = Field(default="selvedge", description="`service.name` of the spans")
    share: float = Field(default=0.1, ge=0, le=1, description="Share of requests traced that bring no trace themselves")
    timeout_s: float = Field(default=5.0, gt=0, description="Longest time one export may take, in seconds")


class AccessSettings(_Section):
    """API keys."""

    per_minute: int = Field(default=600, ge=1, description="Requests a minute of a key that has no rate of its own")


class UrlSettings(_Section):
    """Photos fetched from URLs: off until hosts are named."""

    hosts: str = Field(
        default="", description="Comma list of hosts (`host` or `host:port`) to fetch from by https; empty: off"
    )
    connect_s: float = Field(default=3.0, gt=0, description="Longest time to connect, in seconds")
    total_s: float = Field(default=10.0, gt=0, description="Longest time a photo may take to come, in seconds")


class CheckSettings(_Section):
    """Records of checks."""

    keep_days: int = Field(default=30, ge=0, description="Days that an answered check can be read again; 0 keeps none")
    keep_photos: bool = Field(
        default=False, description="Keep the checked photo with its check, as a JPEG without EXIF, and as long"
    )


class LogSettings(_Section):
    """Logs on standard error."""

    level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least level that is written"
    )
    as_json: bool = Field(default=True, description="One JSON object a line; otherwise text for eyes")


class Settings(BaseSettings):
    """All of Selvedge's settings."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", validate_default=True
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=8000, ge=0, le=65_535, description="Port to listen on")
    ops_port: int | None = Field(
        default=None, ge=1, le=65_535, description="Port for metrics and administration alone; unset: among the others"
    )
    ops_host: str = Field(default="127.0.0.1", description="Address that `SELVEDGE_OPS_PORT` is on")
    data_dir: Path = Field(default=Path("var"), description="Where the record, the photos and the snapshots lie")
    database_url: str | None = Field(
        default=None, description="SQLAlchemy URL of the record; unset: SQLite in the data dir"
    )
    redis_url: str | None = Field(default=None, description="Redis URL; unset: the embedded one; `off` for none")
    demo: bool = Field(default=False, description="Load the demo catalogue when the index is empty")
    api_key: SecretStr | None = Field(
        default=None, description="API key that the command line sends with `--url`; the server does not read it"
    )
    weights_dir: Path = Field(default=WEIGHTS_DIR, description="Where the networks and their manifests lie")
    policy_file: Path = Field(default=Path(__file__).with_name("policy.json"), description="Thresholds of the verdicts")
    images: ImageSettings = ImageSettings()
    capacity: CapacitySettings = CapacitySettings()
    uploads: UploadSettings = UploadSettings()
    urls: UrlSettings = UrlSettings()
    access: AccessSettings = AccessSettings()
    idempotency: IdempotencySettings = IdempotencySettings()
    cache: CacheSettings = CacheSettings()
    checks: CheckSettings = CheckSettings()
    index: IndexSettings = IndexSettings()
    photos: PhotoSettings = PhotoSettings()
    jobs: JobSettings = JobSettings()
    log: LogSettings = LogSettings()
    models: ModelSettings = ModelSettings()
    canary: CanarySettings = CanarySettings()
    disk: DiskSettings = DiskSettings()
    tracing: TracingSettings = TracingSettings()

    @model_validator(mode="after")
    def _room_for_the_largest_body(self) -> Settings:
        largest = largest_json(self.images.max_bytes)
        if self.uploads.most_held_bytes < largest:
            raise ValueError(f"uploads.most_held_mb: one body may have {largest} bytes (images.max_bytes)")
        return self


def read_settings(environment: Mapping[str, str] | None = None, **options: Any) -> Settings:
    """Settings from the environment; `options` (from the command line) win where not None.

    Raises SettingsError for a `SELVEDGE_` variable that does not exist, or a wrong value.
    """
    environment = os.environ if environment is None else environment
    known = {name for name, _, _ in settings_table()}
    unknown = sorted(name for name in environment if name.upper().startswith(PREFIX) and name.upper() not in known)
    if unknown:
        raise SettingsError(f"unknown settings {', '.join(unknown)}; `selvedge settings` lists those there are")
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"settings that cannot be used: {wrong}") from error


def settings_table() -> list[tuple[str, str, str]]:
    """Every setting as (variable, default, what it does), for documentation and the command line."""
    return list(_rows(Settings, PREFIX))


def _rows(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in section.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        if isinstance(field.default, BaseModel):
            yield from _rows(type(field.default), f"{variable}__")
        else:
            yield variable, "" if field.default is None else str(field.default), field.description or ""
