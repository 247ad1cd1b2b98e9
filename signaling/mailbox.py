"""One call's mailbox: events in, one at a time; the core's actions out, in order."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from signaling import call as core
from signaling.call_actions import (
    Action,
    CloseMedia,
    FindEndpoints,
    Finish,
    LegAction,
    MediaAction,
    RecordAction,
    Refuse,
    RememberEnd,
    Reply,
    SendPush,
    ShowEnd,
    StopRecording,
)
from signaling.call_events import Event, Found, Stopped, TimePassed, Unroutable
from signaling.call_model import Endpoint, EndpointKind, State
from signaling.call_setup import start
from signaling.call_state import Call
from signaling.media_link import MediaLink
from signaling.record_link import RecordLink
from signaling.shared.errors import NoSuchCall
from signaling.shared.messages import Party, Result
from signaling.shared.reasons import EndedBy, EndReason
from signaling.shared.timers import call_at
from signaling.timeline import Timeline

log = logging.getLogger(__name__)

_LAST = SendPush | RememberEnd | ShowEnd | StopRecording | CloseMedia | Finish
MAX_WAITING = 512
"""Events a call may have waiting; a call beyond that is broken and ends with `error`."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """Who calls whom, as the callee is shown it.

    `to` is the address that was dialled; `expires_at` is when ringing ends, in Unix seconds.
    """

    call: str
    caller: Party
    to: str
    expires_at: float


class LegPort(Protocol):
    """What tells legs of one kind what their call does: by JSON, by SIP, by a push."""

    def perform(self, invitation: Invitation, endpoint: Endpoint, action: LegAction) -> None:
        """Tell the leg of one endpoint; never waits, and a leg that is gone is no error."""


@dataclass(frozen=True, slots=True)
class Services:
    """What every mailbox works with."""

    ports: Mapping[EndpointKind, LegPort]
    find: Callable[["Mailbox"], Awaitable[Found | Unroutable]]
    finished: Callable[["Mailbox", Finish], Awaitable[None]]


class Mailbox:
    """Runs one call until it is over."""

    def __init__(
        self,
        call: Call,
        invitation: Invitation,
        media: MediaLink,
        recorder: RecordLink,
        services: Services,
    ) -> None:
        self.call = call
        self.invitation = invitation
        self.media = media
        self._recorder = recorder
        self.started_at = time.time()
        self.timeline = Timeline(self.started_at, self._now())
        self.leave: list[Callable[[], None]] = []
        """What is to be undone when the call is over."""
        self._services = services
        self._events: deque[Event] = deque()
        self._actions: deque[Action] = deque()
        self._arrived = asyncio.Event()
        self._requests: dict[int, asyncio.Future[Result]] = {}
        self._last_request = 0
        self._timer: asyncio.TimerHandle | None = None

    def post(self, event: Event) -> None:
        """Have an event handled after those that wait already."""
        if len(self._events) >= MAX_WAITING:
            log.error("call %s: %d events wait, ending it", self.call.id, len(self._events))
            self._events.clear()
            event = Stopped(EndReason.ERROR)
        self._events.append(event)
        self._arrived.set()

    def ask(self, make: Callable[[int], Event]) -> asyncio.Future[Result]:
        """Post the event that `make` builds with a request number; the core's reply comes back.

        The future raises the PeerError that the core refused with.
        """
        self._last_request += 1
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._requests[self._last_request] = future
        self.post(make(self._last_request))
        return future

    async def run(self) -> None:
        """Handle events until the call is over and everyone was told."""
        try:
            start(self.call)
            await self._perform_all(self.call.take_actions())
            self._arm()
            while self.call.state is not State.ENDED:
                await self._arrived.wait()
                await self._drain()
            await self._drain()
        except Exception:  # noqa: BLE001  the edge of a call: the others go on
            log.exception("call %s broke", self.call.id)
            await self._bury()
        finally:
            self._close()

    async def _drain(self) -> None:
        while self._events:
            event = self._events.popleft()
            await self._perform_all(self._advance(event))
        self._arrived.clear()
        self._arm()

    async def _perform_all(self, actions: list[Action]) -> None:
        """Perform in order; what an action leads to comes before the next one."""
        self._actions.extend(actions)
        while self._actions:
            event = await self._perform(self._actions.popleft())
            if event is not None:
                self._actions.extendleft(reversed(self._advance(event)))

    def _advance(self, event: Event) -> list[Action]:
        now = self._now()
        self.timeline.note(event, self.call.legs, now)
        return core.advance(self.call, event, now)

    async def _perform(self, action: Action) -> Event | None:
        self.timeline.note(action, self.call.legs, self._now())
        match action:
            case Reply(request, result):
                future = self._requests.pop(request, None)
                if future is not None and not future.done():
                    future.set_result(result)
            case Refuse(request, error):
                future = self._requests.pop(request, None)
                if future is not None and not future.done():
                    future.set_exception(error)
            case FindEndpoints():
                return await self._services.find(self)
            case Finish():
                await self._services.finished(self, action)
            case _ if isinstance(action, RecordAction):
                return await self._recorder.perform(action)
            case _ if isinstance(action, MediaAction):
                return await self.media.perform(action)
            case _ if isinstance(action, LegAction):
                self._tell(action)
        return None

    def _tell(self, action: LegAction) -> None:
        endpoint = self.call.legs[action.leg].endpoint
        self._services.ports[endpoint.kind].perform(self.invitation, endpoint, action)

    async def _bury(self) -> None:
        """End a call whose rules or parts failed: everyone is told, nothing stays behind."""
        if self.call.state is not State.ENDED:
            self.call.end(EndReason.ERROR, EndedBy.SERVER, self._now())
        self._actions.extend(self.call.take_actions())
        while self._actions:
            action = self._actions.popleft()
            if not isinstance(action, _LAST):
                continue
            try:
                await self._perform(action)
            except Exception:  # noqa: BLE001  one part that fails must not hold up the others
                log.exception("call %s: %s broke", self.call.id, type(action).__name__)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self.call.deadline()
        if deadline is not None:
            self._timer = call_at(deadline, self.post, TimePassed())

    def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for undo in self.leave:
            undo()
        for future in self._requests.values():
            if not future.done():
                future.set_exception(NoSuchCall("the call is over"))
        self._requests.clear()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
