"""Every call of this process: starts them, finds whom they ring, remembers how they ended."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from media.engine import MediaEngine, MediaEvent, Security
from signaling import call_figures
from signaling.call_actions import Finish, LegAction
from signaling.call_events import Appeared, Event, Found, Stopped, Unroutable
from signaling.call_model import Endpoint, EndpointKind, LegState, RecordPolicy, State
from signaling.call_record import info, left_info, record, recorded_info
from signaling.call_state import Call
from signaling.callees import Callee
from signaling.ended_calls import EndedCalls
from signaling.late_ends import LateEnds
from signaling.mailbox import Invitation, LegPort, Mailbox, Services
from signaling.media_link import MediaLink, event_from
from signaling.push_rows import StoredTarget
from signaling.record_link import RecordLink, Shelf
from signaling.route import Nowhere, find_route
from signaling.shared.bus import Bus, account_topic
from signaling.shared.errors import Forbidden, NoSuchCall, TryAgain, WSPhoneError
from signaling.shared.messages import CallInfo, Party
from signaling.shared.model import Account, CallRecord
from signaling.shared.reasons import EndReason
from signaling.timeline import Hop

log = logging.getLogger(__name__)

MAX_CALLS = 2_000
MAX_CALLS_OF_ACCOUNT = 200
"""Calls that one account has under way at most, so that it cannot take all there are."""
MAX_ENDPOINTS = 48
"""Endpoints that one call rings at most."""
STOP_SECONDS = 5.0


class Directory(Protocol):
    """Where addresses are looked up and finished calls are kept."""

    async def find(self, call: str, user: str, caller: str) -> Callee:
        """Who owns the address `user` of our domain, for a call with this id from `caller`."""

    async def record(self, record: CallRecord, timeline: Sequence[Hop]) -> None:
        """Keep a finished call, with what passed in it."""

    async def recorded(self, call: str) -> CallRecord | None:
        """The finished call with this id."""


class Sleepers(LegPort, Protocol):
    """What wakes devices: the port of their legs, which knows where each can be pushed."""

    def endpoints(self, call: str, targets: Sequence[StoredTarget]) -> list[Endpoint]:
        """The devices that a push to one of the targets can wake."""

    def forget(self, call: str) -> None:
        """The call is over; whom it could wake is of no interest any more."""


@dataclass(frozen=True, slots=True)
class Switching:
    """How calls are made here. `own_domains` are the hosts that mean this server, lower-case."""

    own_domains: Collection[str]
    ring_seconds: float
    direct: bool
    emergency_numbers: Collection[str] = ()
    hold_music: str | None = None
    """The file that whoever is held hears."""
    srtp: Security = Security.OPTIONAL
    """How the sound of SIP phones is encrypted."""
    record: RecordPolicy = RecordPolicy.NEVER


class Switchboard:
    """Calls by their ids; sessions and phones reach them through `start`, `find` and `touch`."""

    def __init__(
        self,
        settings: Switching,
        engine: MediaEngine,
        bus: Bus,
        directory: Directory,
        shelf: Shelf,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._bus = bus
        self._directory = directory
        self._shelf = shelf
        self._ports: dict[EndpointKind, LegPort] = {}
        self._sleepers: Sleepers | None = None
        self.late_ends = LateEnds(bus, self._tell)
        self._endpoints: list[Callable[[Account], list[Endpoint]]] = []
        self._calls: dict[str, Mailbox] = {}
        # Live calls by the account that made them.
        self._made_by: Counter[str] = Counter()
        self._of_endpoint: dict[str, set[str]] = {}
        self._ended = EndedCalls()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._on_end: Callable[[CallRecord, Sequence[Hop]], None] = _nobody
        self._services = Services(self._ports, self._find, self._finished)
        engine.listen(self._heard)

    def connect(
        self, kind: EndpointKind, port: LegPort, endpoints: Callable[[Account], list[Endpoint]]
    ) -> None:
        """Add a kind of leg: who tells it things, and how an account's endpoints are listed."""
        self._ports[kind] = port
        self._endpoints.append(endpoints)

    def connect_sleepers(self, sleepers: Sleepers) -> None:
        """Have devices woken that cannot ring by themselves."""
        self._ports[EndpointKind.WAKE] = self._sleepers = sleepers

    def on_end(self, listener: Callable[[CallRecord, Sequence[Hop]], None]) -> None:
        """Have each call that ends told to `listener`, which must not raise."""
        self._on_end = listener

    def endpoints(self, account: Account) -> list[Endpoint]:
        """Where the account would ring now without a push."""
        return [each for endpoints in self._endpoints for each in endpoints(account)]

    def talking(self) -> list[Mailbox]:
        """The calls that two sides talk in."""
        return [each for each in self._calls.values() if each.call.state is State.TALKING]

    def live(self) -> list[Mailbox]:
        """The calls that are not over, in the order in which they began."""
        return list(self._calls.values())

    def is_live(self, call: str) -> bool:
        """Whether there is such a call, and it is not over."""
        return call in self._calls

    def count(self) -> int:
        """Calls that are not over."""
        return len(self._calls)

    def start(
        self, call: str, caller: Endpoint, party: Party, *, to: str, media: int, offer: str
    ) -> Mailbox:
        """Begin a call, or find it begun by the same caller: a repeat is harmless.

        Raises Forbidden for an id of somebody else's, TryAgain when there are too many calls.
        """
        known = self._calls.get(call)
        if known is not None:
            if known.call.caller != caller.id:
                raise Forbidden("this call id belongs to another call")
            return known
        self._ended.refuse(call, caller.account)
        if self._stopping or len(self._calls) >= MAX_CALLS:
            raise TryAgain("this server takes no more calls now", retry_after=5)
        if self._made_by[caller.account] >= MAX_CALLS_OF_ACCOUNT:
            raise TryAgain("this account has too many calls", retry_after=5)
        settings = self._settings
        state = Call.begin(
            call,
            caller,
            media=media,
            offer=offer,
            ring_seconds=settings.ring_seconds,
            direct_allowed=settings.direct,
            music=settings.hold_music is not None,
            insists=settings.srtp is Security.OPTIONAL,
            record=settings.record,
        )
        invitation = Invitation(call, party, to, time.time() + settings.ring_seconds)
        link = MediaLink(self._engine, state, settings.hold_music, srtp=settings.srtp)
        recorder = RecordLink(self._engine, state, self._shelf)
        mailbox = Mailbox(state, invitation, link, recorder, self._services)
        self._calls[call] = mailbox
        self._made_by[caller.account] += 1
        self._join(mailbox, caller.id)
        task = asyncio.create_task(mailbox.run(), name=f"call {call}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return mailbox

    def find(self, call: str, account: str) -> Mailbox:
        """The call, if it lives and the account takes part or is called.

        Raises NoSuchCall, which says how it ended where we know.
        """
        mailbox = self._calls.get(call)
        if mailbox is None:
            self._ended.refuse(call, account)
            raise NoSuchCall("there is no such call")
        accounts = {leg.endpoint.account for leg in mailbox.call.legs.values()}
        if account not in accounts and account != mailbox.call.callee_account:
            raise NoSuchCall("there is no such call")
        return mailbox

    def post(self, call: str, event: Event) -> None:
        """Tell a call something; one that is over hears nothing."""
        mailbox = self._calls.get(call)
        if mailbox is not None:
            mailbox.post(event)

    def rang(self, call: str, endpoint: str) -> bool:
        """Whether the leg said that it rings."""
        mailbox = self._calls.get(call)
        leg = mailbox.call.legs.get(endpoint) if mailbox is not None else None
        return leg is not None and leg.rang

    def touch(self, endpoint: str, event: Event) -> None:
        """Tell every call of an endpoint what became of it."""
        for call in list(self._of_endpoint.get(endpoint, ())):
            mailbox = self._calls.get(call)
            if mailbox is not None:
                mailbox.post(event)

    def appeared(self, endpoint: Endpoint) -> None:
        """An endpoint can be reached from now on: calls that ring its account ring it too."""
        self._bus.publish(account_topic(endpoint.account), endpoint)

    def calls_of_device(self, account: str, device: str) -> list[CallInfo]:
        """The live calls that the device takes part in, as it sees them."""
        return [
            info(mailbox, leg.id)
            for mailbox in self._calls.values()
            for leg in mailbox.call.legs.values()
            if leg.state is LegState.IN
            and (leg.endpoint.account, leg.endpoint.device) == (account, device)
        ]

    async def how_it_ended(
        self, call: str, account: str, device: str | None = None
    ) -> CallInfo | None:
        """How a call that the account took part in ended; None while it lives, or for others.

        For a device it may have ended before it does for those who talk.
        """
        if call in self._ended:
            return self._ended.told(call, account, device)
        mailbox = self._calls.get(call)
        if mailbox is not None:
            return left_info(mailbox, account, device) if device is not None else None
        record = await self._directory.recorded(call)
        if record is None or account not in (record.caller, record.callee):
            return None
        return recorded_info(record, account)

    def forget(self) -> None:
        """Leave ended calls to the history from now on."""
        self._ended.forget()

    async def stop(self) -> None:
        """Refuse new calls, end the live ones, wait until everyone was told."""
        self._stopping = True
        for mailbox in list(self._calls.values()):
            mailbox.post(Stopped(EndReason.SERVER_RESTART))
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            self._calls.clear()
        self.late_ends.clear()

    # --- what mailboxes use

    async def _find(self, mailbox: Mailbox) -> Found | Unroutable:
        settings, invitation = self._settings, mailbox.invitation
        route = find_route(
            invitation.to,
            own_domains=settings.own_domains,
            emergency_numbers=settings.emergency_numbers,
        )
        if isinstance(route, Nowhere):
            log.info("call %s leads nowhere: %s", mailbox.call.id, route.detail)
            return Unroutable(route.reason)
        callee = await self._directory.find(mailbox.call.id, route.user, invitation.caller.address)
        if callee.is_over:
            # A client that repeats itself after we restarted: the call was made, and is over.
            log.info("call %s was made before", mailbox.call.id)
            return Unroutable(EndReason.SERVER_RESTART)
        account = callee.account
        if account is None:
            return Unroutable(EndReason.NOT_FOUND)
        mailbox.call.callee_account = account.id
        if callee.is_blocked:
            # As if nobody were there: whoever is blocked is not told so.
            return Found(())

        def late(endpoint: Endpoint) -> None:
            if mailbox.call.winner is None:
                self._join(mailbox, endpoint.id)
                mailbox.post(Appeared(endpoint))

        # Before the list is made, so that nobody who connects in between is missed.
        mailbox.leave.append(self._bus.subscribe(account_topic(account.id), late))
        found = [*self.endpoints(account), *self._asleep(mailbox, callee.targets)]
        others = [each for each in found if each.id != mailbox.call.caller][:MAX_ENDPOINTS]
        for each in others:
            self._join(mailbox, each.id)
        return Found(tuple(others))

    def _asleep(self, mailbox: Mailbox, targets: Sequence[StoredTarget]) -> list[Endpoint]:
        """Whom a push can wake; the device that calls is awake."""
        if self._sleepers is None:
            return []
        call, caller = mailbox.call.id, mailbox.call.caller_leg().endpoint
        mailbox.leave.append(partial(self._sleepers.forget, call))
        found = self._sleepers.endpoints(call, targets)
        calling = (caller.account, caller.device)
        return [each for each in found if (each.account, each.device) != calling]

    def _tell(self, invitation: Invitation, endpoint: Endpoint, action: LegAction) -> None:
        self._ports[endpoint.kind].perform(invitation, endpoint, action)

    def _join(self, mailbox: Mailbox, endpoint: str) -> None:
        """Have `touch` reach the call from now on: before it rings, as it may leave before that."""
        call = mailbox.call.id
        calls = self._of_endpoint.setdefault(endpoint, set())
        if call in calls:
            return
        calls.add(call)

        def part() -> None:
            calls.discard(call)
            if not calls:
                self._of_endpoint.pop(endpoint, None)

        mailbox.leave.append(part)

    def _heard(self, event: MediaEvent) -> None:
        self.post(*event_from(event))

    async def _finished(self, mailbox: Mailbox, finish: Finish) -> None:
        call = mailbox.call
        if self._calls.pop(call.id, None) is not None:
            caller = call.caller_leg().endpoint.account
            self._made_by[caller] -= 1
            if not self._made_by[caller]:
                del self._made_by[caller]
        log.info(
            "call %s ended: %s by %s after %.1f s, %s, %d legs%s",
            call.id,
            finish.reason.value,
            finish.by.value,
            finish.seconds,
            call.mode.value,
            len(call.legs),
            call_figures.summary(mailbox),
        )
        self._ended.remember(mailbox, finish, asyncio.get_running_loop().time())
        kept = record(mailbox, finish)
        self._on_end(kept, mailbox.timeline.hops)
        try:
            await self._directory.record(kept, mailbox.timeline.hops)
        except WSPhoneError:
            log.exception("call %s: its record could not be kept", call.id)


def _nobody(record: CallRecord, timeline: Sequence[Hop]) -> None:
    """Nobody wants to hear how calls end."""
