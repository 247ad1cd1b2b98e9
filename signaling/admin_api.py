"""The HTTP API of administrators: the calls of everybody, and why each went as it did."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from signaling.call_report import AnyCall, call_entry, call_report
from signaling.history import History
from signaling.http import bearer_of, json_response
from signaling.live_calls import LiveCalls
from signaling.logins import Principal
from signaling.recordings import Recordings
from signaling.shared.errors import BadMessage, Forbidden, NotFound

Authenticate = Callable[[str], Awaitable[Principal]]

MAX_CALLS = 200
_FEW_CALLS = 50
_MAX_ID = 64


def add_admin_api(
    app: web.Application,
    history: History,
    recordings: Recordings,
    live: LiveCalls,
    authenticate: Authenticate,
) -> None:
    """Add everything under /api/admin/; `authenticate` takes an access token."""

    async def calls(request: web.Request) -> web.Response:
        await admit_admin(request, authenticate)
        limit = _limit(request)
        found: list[AnyCall] = [*live.recent(limit=limit), *await history.recent(limit=limit)]
        return json_response({"calls": [call_entry(each) for each in found[:limit]]})

    async def call(request: web.Request) -> web.Response:
        await admit_admin(request, authenticate)
        wanted = request.match_info["call"].lower()
        # PostgreSQL refuses a zero byte in a text.
        can_be_one = wanted.isprintable() and len(wanted) <= _MAX_ID
        goes_on = live.get(wanted)
        if goes_on is not None:
            return json_response(call_report(goes_on.call, goes_on.hops))
        record = await history.get(wanted) if can_be_one else None
        if record is None:
            raise NotFound("there is no call of this id")
        recorded = sum([each.seconds or 0.0 for each in await recordings.of_call(record.id)])
        report = call_report(record, await history.timeline(record.id))
        return json_response(report | {"recorded_seconds": recorded})

    app.router.add_get("/api/admin/calls", calls)
    app.router.add_get("/api/admin/calls/{call}", call)


async def admit_admin(request: web.Request, authenticate: Authenticate) -> None:
    """Raise NotAuthenticated or Forbidden unless an administrator asks."""
    principal = await authenticate(bearer_of(request))
    if not principal.account.is_admin:
        raise Forbidden("this is for administrators: wsphone user add NAME --admin makes one")


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(_FEW_CALLS))
    # str.isdigit takes digits of any script, which int takes as well, and others.
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 0 < int(text) <= MAX_CALLS):
        raise BadMessage(f"limit is a number from 1 to {MAX_CALLS}")
    return int(text)
