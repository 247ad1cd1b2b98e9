"""The files of the softphone page, as the `web` folder holds them at the start."""

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web

# Only these are served. The table is ours, as that of the system differs from one to the next.
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_TEXTS = ("text/", "image/svg", "application/manifest")


def add_pages(app: web.Application, folder: Traversable | None = None) -> None:
    """Serve each file under its name, and index.html also as `/`.

    Every file is a route of its own, so a path that we did not list leads nowhere.
    """
    for path, file in _walk(folder or files("web"), "/"):
        content_type = _TYPES.get(path[path.rfind(".") :])
        if content_type is not None:
            _add_page(app, path, file.read_bytes(), content_type)


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry


def _add_page(app: web.Application, path: str, body: bytes, content_type: str) -> None:
    tag = hashlib.sha256(body).hexdigest()[:32]
    charset = "utf-8" if content_type.startswith(_TEXTS) else None

    async def get(request: web.Request) -> web.Response:
        known = request.if_none_match or ()
        if any(entry.value in (tag, "*") for entry in known):
            response = web.Response(status=304)
        else:
            response = web.Response(body=body, content_type=content_type, charset=charset)
        response.etag = tag
        # Kept by the browser, and asked for each time whether it is still the same.
        response.headers["Cache-Control"] = "no-cache"
        return response

    app.router.add_get(path, get)
    if path == "/index.html":
        app.router.add_get("/", get)
