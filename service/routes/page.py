"""The console at `/`: static files under a strict Content-Security-Policy, and the demo photos it offers to try."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel

from service.demo.catalogue import demo_copies, demo_photo

PAGE_DIR = Path(__file__).resolve().parent.parent / "page"
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
DEMO_CACHE_CONTROL = "public, max-age=3600"


class DemoPhoto(BaseModel):
    """A photo the page offers: its name in `/demo/{name}.jpg`, and what it is, in words."""

    name: str
    title: str


class DemoPhotos(BaseModel):
    """Empty where the demo is switched off."""

    photos: list[DemoPhoto]


def page_router(*, demo: bool) -> APIRouter:
    """Routes of the console; with `demo` it offers drawn photos to try."""
    router = APIRouter(include_in_schema=False)
    files = {path.name: path for path in PAGE_DIR.iterdir() if path.suffix in MEDIA_TYPES}
    photos = [DemoPhoto(name=copy.name, title=copy.title) for copy in demo_copies()] if demo else []
    names = {photo.name for photo in photos}

    @functools.cache
    def drawn(name: str) -> bytes:
        photo = demo_photo(name)
        assert photo is not None, "only names of demo copies are drawn"
        return photo.jpeg()

    @router.get("/")
    async def show_page() -> Response:
        return _static(files["index.html"])

    @router.get("/page/{name}")
    async def page_file(name: Annotated[str, PathParameter(max_length=64)]) -> Response:
        if name not in files:
            raise HTTPException(404, f"the page has no file {name!r}")
        return _static(files[name])

    @router.get("/demo")
    async def list_demo_photos() -> DemoPhotos:
        return DemoPhotos(photos=photos)

    @router.get("/demo/{name}.jpg")
    def show_demo_photo(name: Annotated[str, PathParameter(max_length=64)]) -> Response:
        if name not in names:
            raise HTTPException(404, f"no demo photo {name!r}; /demo lists them")
        headers = {"Cache-Control": DEMO_CACHE_CONTROL, "X-Content-Type-Options": "nosniff"}
        return Response(drawn(name), media_type="image/jpeg", headers=headers)

    return router


def _static(path: Path) -> FileResponse:
    return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers=SECURITY_HEADERS)
