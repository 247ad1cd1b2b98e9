"""Recordings over HTTP: for those who took part in the call, and for administrators."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice

from aiohttp import web

from signaling.logins import Principal
from signaling.recordings import Recording, Recordings
from signaling.shared.errors import BadMessage, Forbidden, NotFound, OperatorError

log = logging.getLogger(__name__)

_MAX_ID = 64
_PIECES = 16
"""So many pieces are read at a time: some 64 KiB."""

Authenticate = Callable[[web.Request], Awaitable[Principal]]


def add_recording_api(
    app: web.Application, recordings: Recordings, authenticate: Authenticate
) -> None:
    """Add `/api/calls/{call}/recording`; `authenticate` raises NotAuthenticated."""

    async def give(request: web.Request) -> web.StreamResponse:
        principal = await authenticate(request)
        found = await _of_call(recordings, request, principal)
        sound = await recordings.open(found)
        start, end = _range(request, sound.size)
        partial = (start, end) != (0, sound.size)
        response = web.StreamResponse(status=206 if partial else 200)
        response.content_type = "audio/ogg"
        response.content_length = end - start
        response.headers["Accept-Ranges"] = "bytes"
        response.headers["Content-Disposition"] = f'attachment; filename="{found[0].call}.ogg"'
        if partial:
            response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{sound.size}"
        await response.prepare(request)
        try:
            pieces = sound.read(start, end)
            while data := await asyncio.to_thread(_some, pieces):
                await response.write(data)
            await response.write_eof()
        except ConnectionResetError:
            log.debug("call %s: whoever asked for its recording went away", found[0].call)
        except OperatorError:
            # The answer has begun: only its being cut can say that it is not whole.
            log.exception("call %s: its recording cannot be read", found[0].call)
            if request.transport is not None:
                request.transport.abort()
        return response

    async def erase(request: web.Request) -> web.Response:
        principal = await authenticate(request)
        if not principal.account.is_admin:
            raise Forbidden("only administrators erase recordings")
        found = await _of_call(recordings, request, principal)
        await recordings.erase(found[0].call)
        return web.Response(status=204)

    app.router.add_get("/api/calls/{call}/recording", give)
    app.router.add_delete("/api/calls/{call}/recording", erase)


async def _of_call(
    recordings: Recordings, request: web.Request, principal: Principal
) -> list[Recording]:
    """Raises NotFound also for those whom the call is no business of: they learn nothing."""
    call, account = request.match_info["call"].lower(), principal.account
    # PostgreSQL refuses a zero byte in a text.
    can_be_one = call.isprintable() and len(call) <= _MAX_ID
    found = await recordings.of_call(call) if can_be_one else []
    if not account.is_admin:
        found = [each for each in found if each.holds(account.id)]
    if not found:
        raise NotFound("no recording of this call is kept")
    return found


def _range(request: web.Request, size: int) -> tuple[int, int]:
    """The part that is asked for (RFC 9110, section 14.2); all of it without a Range."""
    try:
        asked = request.http_range
    except ValueError as error:
        raise BadMessage("Range is not one range of bytes") from error
    start, end, _ = slice(asked.start, asked.stop).indices(size)
    if start >= end:
        raise web.HTTPRequestRangeNotSatisfiable
    return start, end


def _some(pieces: Iterator[bytes]) -> bytes:
    return b"".join(islice(pieces, _PIECES))
