"""The page of a gate, `/gate/`: static files for a phone, which go on working without network.

The files hold no secret; a phone gets its key by a pairing code. The page may use the camera and
start a service worker, which no other page may.
"""

import functools
import json
from hashlib import sha256

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from ticketing.platform.paths import TEMPLATES

FOLDER = TEMPLATES / "gate"
VENDOR = FOLDER / "vendor"  # of other people; see deploy/browser_assets.py
PAGE, WORKER = "gate.html", "sw.js"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " script-src 'self' 'wasm-unsafe-eval';"
        " worker-src 'self'; style-src 'self'; img-src 'self'; manifest-src 'self';"
        " connect-src 'self'; media-src 'self' blob:"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}

router = APIRouter(prefix="/gate", include_in_schema=False)


@router.get("")
def redirect() -> Response:
    """Lead to the folder, which is the scope of the service worker."""
    return RedirectResponse("/gate/", status_code=308)


@router.get("/")
def show() -> Response:
    """Return the page."""
    return _respond(PAGE)


@router.get("/{name}")
def show_file(name: str) -> Response:
    """Return a file of the page."""
    return _respond(name) if name in _files() else Response(status_code=404)


def _respond(name: str) -> Response:
    media_type = MEDIA_TYPES[f".{name.rpartition('.')[2]}"]
    return Response(_files()[name], media_type=media_type, headers=HEADERS)


@functools.cache
def _files() -> dict[str, bytes]:
    """Return the files by name; the service worker caches all but itself, by their digest."""
    files = {
        path.name: path.read_bytes()
        for path in [*sorted(FOLDER.iterdir()), *sorted(VENDOR.glob("*"))]
        if path.suffix in MEDIA_TYPES
    }
    digest = sha256(b"".join(files.values())).hexdigest()[:16]
    cached = ["./", *(name for name in files if name not in {PAGE, WORKER})]
    head = f"const VERSION = {json.dumps(digest)}, FILES = {json.dumps(cached)};\n"
    return files | {WORKER: head.encode() + files[WORKER]}
