"""Settings of bulk work."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class JobSettings(BaseModel):
    """Bulk work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    work: bool = Field(default=True, description="Work on jobs in this process; `false` where `selvedge work` does")
    folder: Path | None = Field(
        default=None, description="Where uploads of jobs lie; unset: in the data dir; replicas may share it"
    )
    max_bytes: int = Field(default=2_000_000_000, gt=0, description="Largest upload of a job, in bytes")
    max_lines: int = Field(default=100_000, gt=0, description="Most lines of a job, and files in its ZIP")
    max_ratio: float = Field(default=100.0, gt=1, description="Most that a ZIP or a file in it may unfold, in times")
    most_live: int = Field(default=20, ge=1, description="Jobs of a tenant that are not done; beyond it: 429")
    at_once: int = Field(
        default=0, ge=0, description="Lines of a job worked on side by side; 0: one less than the workers, at least 1"
    )
    slice_s: float = Field(default=10.0, gt=0, description="Time after which a job lets the next one go on, in seconds")
    lease_s: float = Field(
        default=30.0, gt=0, description="Time after which a silent process has lost its job, in seconds"
    )
    look_every_s: float = Field(
        default=5.0, gt=0, description="How often an idle process looks for jobs that nobody works on, in seconds"
    )
    keep_days: int = Field(default=30, ge=1, description="Days that a job can be read after its end")
