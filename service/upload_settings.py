"""Settings of bodies on their way."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from service.bodies import BodyPace


class UploadSettings(BaseModel):
    """How slowly a body may come, and how much all of them may hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pause_s: float = Field(default=10.0, gt=0, description="Longest pause in an upload, in seconds")
    grace_s: float = Field(default=10.0, ge=0, description="Time before the least rate holds, in seconds")
    bytes_per_s: int = Field(default=4_000, ge=0, description="Least rate of an upload, in bytes a second")
    total_s: float = Field(default=60.0, gt=0, description="Longest time a body may take to come, in seconds")
    bulk_total_s: float = Field(
        default=3_600.0, gt=0, description="Longest time the upload of a job may take to come, in seconds"
    )
    most_held_mb: int = Field(
        default=200, ge=1, description="Most that bodies of all requests may hold at once, in MB; beyond it: 503"
    )

    @property
    def most_held_bytes(self) -> int:
        return self.most_held_mb * 1_000_000

    def pace(self) -> BodyPace:
        return BodyPace(self.pause_s, self.grace_s, self.bytes_per_s, self.total_s)

    def bulk_pace(self) -> BodyPace:
        """The pace of a job's upload."""
        return BodyPace(self.pause_s, self.grace_s, self.bytes_per_s, self.bulk_total_s)
