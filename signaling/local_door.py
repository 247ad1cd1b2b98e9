"""A socket in the data directory, by which commands ask the running server what it alone knows."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec
from aiohttp import web

from signaling.http import json_response
from signaling.live_calls import LiveCalls
from signaling.shared.errors import OperatorError

log = logging.getLogger(__name__)

NAME = "control.sock"
ANSWER_SECONDS = 5.0
_Answer = TypeVar("_Answer")


@asynccontextmanager
async def open_door(directory: Path, live: LiveCalls) -> AsyncIterator[None]:
    """Answer commands for the length of the block.

    Who may open the socket may read the database beside it as well: nobody is asked for a token.
    """
    path = directory / NAME
    runner = web.AppRunner(_app(live), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    assert runner.server is not None
    try:
        door = _bound(path)
    except OSError as error:
        # Such as a path that is too long for a socket: no reason to serve nobody.
        log.warning("%s: %s: commands do not see the calls that go on", path, error)
        yield
        return
    server = await asyncio.get_running_loop().create_unix_server(runner.server, sock=door)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)
        await runner.cleanup()


async def ask(directory: Path, about: str, kind: type[_Answer], **which: str) -> _Answer | None:
    """What the server says; None when none runs, or when it does not know. Raises OperatorError.

    `about` is `/calls`, also of one `account`, or `/call` with its `id`.
    """
    path = directory / NAME
    try:
        async with (
            aiohttp.ClientSession(
                "http://localhost",
                connector=aiohttp.UnixConnector(str(path)),
                timeout=aiohttp.ClientTimeout(ANSWER_SECONDS),
            ) as http,
            http.get(about, params=which) as response,
        ):
            if response.status != web.HTTPOk.status_code:
                return None
            body = await response.read()
    except aiohttp.ClientConnectionError:
        return None
    except TimeoutError as error:
        raise OperatorError(f"{path}: the running server does not answer") from error
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise OperatorError(f"{path}: the running server is of another version") from error


def _app(live: LiveCalls) -> web.Application:
    async def calls(request: web.Request) -> web.Response:
        return json_response(live.recent(request.query.get("account")))

    async def call(request: web.Request) -> web.Response:
        report = live.get(request.query.get("id", ""))
        if report is None:
            raise web.HTTPNotFound
        return json_response(report)

    app = web.Application()
    app.router.add_get("/calls", calls)
    app.router.add_get("/call", call)
    return app


def _bound(path: Path) -> socket.socket:
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # One that was killed leaves its socket behind.
        path.unlink(missing_ok=True)
        # Before it has a name, so that there is no moment at which others could open it.
        os.fchmod(door.fileno(), 0o600)
        door.bind(str(path))
    except OSError:
        door.close()
        raise
    return door
