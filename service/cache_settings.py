"""Settings of what lies in Redis, or in this process where there is none."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class CacheSettings(BaseModel):
    """The two caches in Redis."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seen_ttl_s: int = Field(
        default=7 * 86_400, gt=0, description="How long what the models saw of a photo is kept, in seconds"
    )
    verdict_ttl_s: int = Field(default=3_600, gt=0, description="How long a verdict is kept, in seconds")
    timeout_s: float = Field(default=0.25, gt=0, description="Longest wait for Redis, in seconds")
    retry_after_s: float = Field(
        default=2.0, gt=0, description="How long Redis is left alone after a failure, in seconds"
    )
    memory_mb: int = Field(default=128, ge=8, description="Memory of the embedded Redis, in megabytes")


class IdempotencySettings(BaseModel):
    """Answers to requests with an Idempotency-Key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep_s: int = Field(default=86_400, gt=0, description="How long an answer is given again, in seconds")
    redis_url: str | None = Field(
        default=None,
        description="Redis URL of kept answers alone, which no cache pushes out; unset: an embedded one or the caches'",
    )
    memory_mb: int = Field(default=64, ge=8, description="Memory of the embedded Redis of the answers, in megabytes")
    lease_s: int = Field(default=120, gt=0, description="How long a request counts as in flight at most, in seconds")
