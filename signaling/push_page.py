"""GET /metrics of a process that only pushes."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from signaling.guard import Guard
from signaling.http import set_manners
from signaling.metrics_api import add_metrics
from signaling.push_figures import PushFigures
from signaling.shared.config import Config
from signaling.shared.errors import Forbidden

log = logging.getLogger(__name__)


@asynccontextmanager
async def figures_shown(config: Config, figures: PushFigures) -> AsyncIterator[str | None]:
    """Serve /metrics of a process that only pushes; its address, or None where it cannot be had.

    There are no accounts here: who is not in `http.metrics_from` is refused.
    """
    host, port = config.push.metrics_host, config.push.metrics_port
    runner = web.AppRunner(_app(config, figures), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    address: str | None = f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        # Another worker of this machine may have it: pushes matter more than their figures.
        log.warning(
            "push.metrics_host, push.metrics_port: TCP %s:%d cannot be had: %s; nobody reads the"
            " figures of this process",
            *(host, port, error.strerror),
        )
        address = None
    try:
        yield address
    finally:
        await runner.cleanup()


def _app(config: Config, figures: PushFigures) -> web.Application:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(figures)

    async def page() -> bytes:
        return generate_latest(registry)

    async def refuse(_request: web.Request) -> None:
        raise Forbidden("the figures are for the addresses in http.metrics_from")

    app = web.Application()
    guard = Guard(
        host=config.push.metrics_host,
        port=config.push.metrics_port,
        allowed_origins=config.http.allowed_origins,
    )
    set_manners(app, guard)
    add_metrics(
        app,
        page,
        refuse,
        allowed=config.http.metrics_from,
        trusted_proxies=config.http.trusted_proxies,
    )
    return app
