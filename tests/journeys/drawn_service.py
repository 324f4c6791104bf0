"""A stand-in for the service that answers from the renderer's truth, so that the page can be shown every verdict."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, UploadFile
from fastapi.responses import JSONResponse, Response

from models.errors import UnsupportedFormat
from models.geometry import Box
from models.preprocessing import ImageLimits, decode
from models.regions import locate_regions
from models.taxonomy import REGIONS, slots_of
from service.demo.catalogue import DemoCopy, demo_copies, demo_photo
from service.demo.renderer import RenderedPhoto
from service.problems import problem
from service.routes.page import page_router

LEARNED = {"collar": 0.24, "chest": 0.32, "waist": 0.18, "left_sleeve": 0.13, "right_sleeve": 0.13}
SMALL_CROP = {"code": "small_crop", "message": "the garment is small in the photo, so details are lost"}
VERDICTS = {
    "partial-copy": "partial_copy",
    "colourway": "design_copy",
    "flipped": "design_copy",
    "same-photo": "image_copy",
    "original": "clear",
}


@dataclass(slots=True)
class DrawnService:
    """Knows the demo photos by their bytes; `weights_seen` are what the page sent, `added` what it registered."""

    photos: dict[bytes, tuple[DemoCopy, RenderedPhoto]] = field(default_factory=dict)
    weights_seen: list[dict[str, float]] = field(default_factory=list)
    added: list[dict[str, str]] = field(default_factory=list)

    def app(self) -> FastAPI:
        for copy in demo_copies():
            photo = demo_photo(copy.name)
            assert photo is not None
            self.photos[photo.jpeg()] = (copy, photo)
        app = FastAPI()
        app.include_router(page_router(demo=True))
        app.post("/check-plagiarism")(self.check)
        app.post("/index/add")(self.add)
        app.get("/index/stats")(self.stats)
        app.get("/index/items/{item_id}/photos/{photo_id}")(self.photo)
        return app

    async def check(
        self, image: Annotated[UploadFile, File()], weights: Annotated[str | None, Form()] = None
    ) -> Response:
        data = await image.read()
        try:
            decoded = decode(data, ImageLimits())
        except UnsupportedFormat as error:
            return problem(415, "unsupported_format", str(error))
        self.weights_seen.append(json.loads(weights or "{}"))
        known = self.photos.get(data)
        verdict = VERDICTS[known[0].name] if known else "no_garment"
        garments = [self._garment(*known, verdict)] if known else []
        return JSONResponse(
            {
                "check_id": "chk_01JDRAWN",
                "verdict": verdict,
                "image": {"width": decoded.width, "height": decoded.height, "sha256": decoded.sha256},
                "garments": garments,
                "warnings": [SMALL_CROP] if known and known[0].name == "flipped" else [],
                "versions": {"models": "m1", "weights": "w1", "policy": "p1", "index": 24},
                "timings_ms": {"decode": 4.2, "detect": 61.0, "landmarks": 30.5, "embed": 44.0, "total": 145.1},
                "cached": False,
            }
        )

    def _garment(self, copy: DemoCopy, photo: RenderedPhoto, verdict: str) -> dict[str, Any]:
        slots = slots_of(photo.design.category)
        points = [[float(x), float(y)] for x, y in photo.landmarks.points_xy]
        regions = locate_regions(photo.landmarks, photo.pixels.shape[1], photo.pixels.shape[0])
        return {
            "box": _numbers(photo.box),
            "category": photo.design.category.value,
            "group": photo.design.category.group.value,
            "confidence": 0.97,
            "landmarks": [
                {"slot": slot.number, "name": slot.name, "x": x, "y": y, "visible": True, "confidence": 0.9}
                for slot, (x, y) in zip(slots, points, strict=True)
            ],
            "regions": {
                region.name.value: {
                    "box": None if region.box is None else _numbers(region.box),
                    "visible": region.visible,
                }
                for region in regions
            },
            "verdict": verdict,
            "matches": [self._match(copy, verdict), self._stranger()] if copy.item_id else [self._stranger()],
        }

    def _match(self, copy: DemoCopy, verdict: str) -> dict[str, Any]:
        weights = LEARNED | self.weights_seen[-1]
        total = sum(weights.values())
        regions: dict[str, dict[str, Any]] = {}
        for region in REGIONS:
            altered = region.value in copy.altered
            regions[region.value] = {
                "cosine": 0.38 if altered else 0.94,
                "weight": weights[region.value] / total,
                "agrees": not altered,
            }
        return {
            "item_id": copy.item_id,
            "photo_id": "ph_1",
            "score": sum(float(entry["cosine"]) * float(entry["weight"]) for entry in regions.values()),
            "probability": 0.93,
            "verdict": verdict,
            "kind": verdict,
            "first": "catalogue" if copy.name == "colourway" else None,
            "mirrored": copy.name == "flipped",
            "same_photo": verdict == "image_copy",
            "regions": regions,
            "modified_regions": list(copy.altered),
            "item": {
                "item_id": copy.item_id,
                "seller_id": "selvedge-demo",
                "title": "<b>A title</b> that must stay text",
                "url": "javascript:alert(1)",
                "published_at": "2026-01-05T00:00:00Z",
                "metadata": {},
            },
        }

    def _stranger(self) -> dict[str, Any]:
        regions: dict[str, dict[str, Any]] = {
            region.value: {"cosine": 0.52, "weight": LEARNED[region.value], "agrees": False} for region in REGIONS
        }
        regions["left_sleeve"] = {"cosine": None, "weight": 0.13, "agrees": None, "reason": "out_of_frame"}
        return {
            "item_id": "demo-plain-polo",
            "photo_id": "ph_missing",
            "score": 0.52,
            "probability": 0.04,
            "verdict": "clear",
            "mirrored": False,
            "regions": regions,
            "modified_regions": ["collar", "chest", "waist", "right_sleeve"],
            "item": {"item_id": "demo-plain-polo", "url": "https://shop.example/polo", "title": "Plain polo"},
        }

    async def add(
        self,
        image: Annotated[UploadFile, File()],
        item_id: Annotated[str, Form()],
        title: Annotated[str | None, Form()] = None,
    ) -> Response:
        again = any(item["item_id"] == item_id for item in self.added)
        self.added.append({"item_id": item_id, "title": title or "", "file": image.filename or ""})
        return JSONResponse({"item_id": item_id, "photo_id": "ph_2", "garments": []}, 200 if again else 201)

    async def stats(self) -> dict[str, int]:
        return {"items": 24}

    def photo(self, item_id: str, photo_id: str) -> Response:
        if photo_id == "ph_missing":
            return problem(404, "item_not_found", "no such photo")
        known = next(photo for copy, photo in self.photos.values() if copy.item_id == item_id)
        return Response(known.jpeg(), media_type="image/jpeg")


def _numbers(box: Box) -> list[float]:
    return [float(value) for value in box.as_array()]
