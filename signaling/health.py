"""Whether the server is alive, whether it takes work, and how much it holds."""

from collections.abc import Callable, Mapping

from aiohttp import web

from signaling.http import json_response
from signaling.shared.config import is_loopback
from signaling.shared.errors import TryAgain


def add_health(
    app: web.Application,
    *,
    is_ready: Callable[[], bool],
    counts: Callable[[], Mapping[str, int]],
) -> None:
    """Add /healthz and /ready. `counts` names what must go back to where it was after a call."""

    async def alive(request: web.Request) -> web.Response:
        answer: dict[str, object] = {"status": "ok"}
        # Behind a proxy of this machine everybody comes from loopback.
        is_local = is_loopback(request.remote or "") and "X-Forwarded-For" not in request.headers
        if is_local and "counts" in request.query:
            answer.update(counts())
        return json_response(answer)

    async def ready(_request: web.Request) -> web.Response:
        if not is_ready():
            raise TryAgain("starting or stopping", retry_after=1)
        return json_response({"status": "ready"})

    app.router.add_get("/healthz", alive)
    app.router.add_get("/ready", ready)
