"""Calls over HTTP, for what has no socket: a service worker's notification."""

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from aiohttp import web

from signaling.call_events import Rejected
from signaling.call_model import LegState
from signaling.http import read_json
from signaling.logins import Principal
from signaling.shared.errors import BadMessage, WrongState
from signaling.shared.reasons import EndReason
from signaling.switchboard import Switchboard

MAX_ID = 64


class _Rejection(msgspec.Struct):
    reason: Literal["declined", "busy"] = "declined"


def add_call_api(
    app: web.Application,
    switchboard: Switchboard,
    authenticate: Callable[[web.Request], Awaitable[Principal]],
) -> None:
    """Add `POST /api/calls/{call}/reject`; `authenticate` raises NotAuthenticated."""

    async def reject(request: web.Request) -> web.Response:
        principal = await authenticate(request)
        asked = await read_json(request, _Rejection) if request.can_read_body else _Rejection()
        call = request.match_info["call"].lower()
        if len(call) > MAX_ID:
            raise BadMessage("this is not a call's id")
        mailbox = switchboard.find(call, principal.account.id)
        ringing = [
            leg
            for leg in mailbox.call.branches()
            if leg.state is not LegState.IN
            and leg.endpoint.account == principal.account.id
            and principal.device in (None, leg.endpoint.device)
        ]
        if not ringing:
            raise WrongState("the call does not ring on this device")
        for leg in ringing:
            mailbox.post(Rejected(leg.id, EndReason(asked.reason)))
        return web.Response(status=204)

    app.router.add_post("/api/calls/{call}/reject", reject)
