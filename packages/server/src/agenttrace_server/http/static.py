"""The built dashboard. Paths that are no file get its page: the address is the app's own.

The schema explorer is a page of its own in the same build, at `/docs`.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from agenttrace_server.http.errors import refuse_websocket
from agenttrace_server.http.paths import EXPLORER_PATH, is_door

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

STATIC_FOLDER: Final = Path(__file__).parent.parent / "static"

# Other spellings of a file or a page: slashes without a name between them, dots, what is no text.
_ODD_PATH: Final = re.compile(r"//|/\.|\\|[\x00-\x1f\x7f]")
_EXPLORER_FILE: Final = "docs.html"
_EXPLORER_OFF: Final = (
    "the schema explorer is off in production; ALLOW_INTROSPECTION=1 turns it on, and "
    "`agenttrace-server schema` prints the schema"
)
_OF_PARTS: Final = (b"range", b"if-range")
_HASHED: Final = "assets/"  # Vite puts a hash of the content into the names in here
_FOREVER: Final = "public, max-age=31536000, immutable"
_MIN_COMPRESSED_BYTES: Final = 1024
_COMPRESSION: Final = 6  # 9 gains less than one per cent
_NOT_BUILT: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>AgentTrace</title></head>
<body>
<h1>The server runs; the dashboard is not built.</h1>
<p>In a checkout of the repository run <code>make build</code>, or install a released wheel of
<code>agenttrace-server</code>, which has it inside. Then load this page again.</p>
<p>Recording works meanwhile: point <code>APIExporter</code> at <code>/api</code> of this server.
What it holds can be read at <code>/graphql</code>.</p>
</body></html>
"""


class Dashboard:
    """Serves the files of the dashboard, compressed for who takes gzip."""

    def __init__(self, folder: Path = STATIC_FOLDER, *, shows_explorer: bool = False) -> None:
        self._folder = folder
        self._shows_explorer = shows_explorer
        self._files = StaticFiles(directory=folder, check_dir=False)
        self._compressed = GZipMiddleware(
            self._answer, minimum_size=_MIN_COMPRESSED_BYTES, compresslevel=_COMPRESSION
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file, the app's page, or 404 for a name that is reserved for a door."""
        if scope["type"] == "websocket":
            await refuse_websocket(receive, send)
            return
        await self._compressed(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_explorer = scope["path"] == EXPLORER_PATH
        if is_explorer and not self._shows_explorer:
            raise HTTPException(404, _EXPLORER_OFF)
        is_other = is_door(scope["path"]) and not is_explorer
        if is_other or scope["path"] == f"/{_EXPLORER_FILE}" or _ODD_PATH.search(scope["path"]):
            raise HTTPException(404, f"there is nothing at {scope['path'][:200]}")
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, "only GET", headers={"Allow": "GET, HEAD"})
        # Nobody needs a part of a script; who asks for a thousand parts would cost more than one.
        headers = [pair for pair in scope["headers"] if pair[0] not in _OF_PARTS]
        scope = {**scope, "headers": headers}
        if is_explorer:
            scope["path"] = f"/{_EXPLORER_FILE}"
        response = await self._find(Request(scope, receive))
        await response(scope, receive, send)

    async def _find(self, request: Request) -> Response:
        if not (self._folder / "index.html").is_file():
            return HTMLResponse(_NOT_BUILT, status_code=503)
        path = self._files.get_path(request.scope)
        try:
            return _cache(await self._files.get_response(path, request.scope), path)
        except HTTPException as error:
            # A file that is gone (an old build's) must not turn into a page with status 200.
            if error.status_code != HTTPStatus.NOT_FOUND or "." in path.rpartition("/")[2].strip(
                "."
            ):
                raise
        return _cache(await self._files.get_response("index.html", request.scope), "index.html")


def _cache(response: Response, path: str) -> Response:
    # One file has two forms on the wire: the same content (a weak tag), not the same bytes.
    if "etag" in response.headers:
        response.headers["ETag"] = f"W/{response.headers['etag']}"
    if response.status_code == HTTPStatus.NOT_MODIFIED:  # to others the middleware adds it
        response.headers["Vary"] = "Accept-Encoding"
    del response.headers["Accept-Ranges"]
    response.headers["Cache-Control"] = _FOREVER if path.startswith(_HASHED) else "no-cache"
    return response
