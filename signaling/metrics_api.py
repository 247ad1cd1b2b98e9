"""GET /metrics, for those who may look: a Prometheus beside us, and whoever else is admitted."""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from signaling.guard import Network, is_within
from signaling.http import peer_of


def add_metrics(
    app: web.Application,
    page: Callable[[], Awaitable[bytes]],
    admit: Callable[[web.Request], Awaitable[None]],
    *,
    allowed: Sequence[Network],
    trusted_proxies: Sequence[Network] = (),
) -> None:
    """Add the route. `allowed` are let in; `admit` is asked of others, and raises to refuse."""

    async def metrics(request: web.Request) -> web.Response:
        # Behind a proxy that we were not told of, its address would stand for everybody's.
        is_hearsay = "X-Forwarded-For" in request.headers and not is_within(
            request.remote or "", trusted_proxies
        )
        if is_hearsay or not is_within(peer_of(request, trusted_proxies), allowed):
            await admit(request)
        return web.Response(body=await page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/metrics", metrics)
