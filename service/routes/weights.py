"""The learned region weights."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from models.taxonomy import RegionName, WeightGroup
from service.routes.documented import problems, service_of

router = APIRouter(tags=["weights"])


class WeightsOut(BaseModel):
    """The weights of a group, summing to 1."""

    group: WeightGroup
    version: str
    weights: dict[RegionName, float]


@router.get("/weights/{group}", responses=problems(422, 503))
async def read_weights(request: Request, group: WeightGroup) -> WeightsOut:
    """How much each region counts for this group when a check says nothing else."""
    table = service_of(request).rules.weights
    weights = {name: round(value, 6) for name, value in table.of(group).as_dict().items()}
    return WeightsOut(group=group, version=table.version, weights=weights)
