"""The state of one call: plain data, and the few moves that every rule is made of."""

from dataclasses import dataclass, field
from typing import Any, Self

import msgspec

from signaling.call_actions import (
    Action,
    CloseMedia,
    Finish,
    Refuse,
    RememberEnd,
    SendPush,
    ShowEnd,
    StopRecording,
)
from signaling.call_model import (
    Clock,
    Endpoint,
    Leg,
    LegState,
    Mode,
    Negotiation,
    Pushed,
    RecordPolicy,
    State,
    Taping,
)
from signaling.shared.errors import PeerError, WrongState
from signaling.shared.push import PushKind
from signaling.shared.reasons import EndedBy, EndReason

NEGOTIATE_SECONDS = 10.0
"""How long a side may take to answer an offer while it talks."""
ANSWER_SECONDS = 10.0
"""An accept without an answer, or an offer without one, ends after this."""
CALLER_LOST_SECONDS = 8.0
"""How long a call rings on for a caller whose socket broke."""
MISSED = frozenset({EndReason.NO_ANSWER, EndReason.CANCELLED, EndReason.UNAVAILABLE})
"""Ends that leave the callee with a missed call."""


@dataclass(slots=True)
class Call:
    """One call. All times are monotonic seconds; `legs` has the caller's first."""

    id: str
    caller: str
    callee_account: str | None
    ring_seconds: float
    direct_allowed: bool
    legs: dict[str, Leg]
    state: State = State.TRYING
    mode: Mode = Mode.DIRECT
    winner: str | None = None
    codec: str | None = None
    early: list[str] = field(default_factory=list)
    """Callee's legs that sound before the answer, as they began to: the last one is heard."""
    answered_at: float | None = None
    negotiation: Negotiation | None = None
    music: bool = False
    """The server has music for whoever is held."""
    insists: bool = False
    """A phone that refuses our offer is made one that leaves less choice."""
    anchor_wanted: bool = False
    """Direct media failed for a side; the call moves to the server once it can."""
    record: RecordPolicy = RecordPolicy.NEVER
    taping: Taping = Taping.OFF
    record_request: int | None = None
    """Of who asked for the recording that is wanted."""
    clocks: dict[Clock, float] = field(default_factory=dict)
    # Actions all, but msgspec, which restores a snapshot, takes no union of dataclasses.
    _actions: list[Any] = field(default_factory=list)

    @classmethod
    def begin(
        cls,
        call: str,
        caller: Endpoint,
        *,
        media: int,
        offer: str,
        ring_seconds: float,
        direct_allowed: bool,
        music: bool = False,
        record: RecordPolicy = RecordPolicy.NEVER,
        insists: bool = False,
    ) -> Self:
        """A call as its caller starts it; the endpoints that it may ring come with Found."""
        leg = Leg(caller, caller=True, state=LegState.IN, media=media, offer=offer)
        return cls(
            id=call,
            caller=caller.id,
            callee_account=None,
            ring_seconds=ring_seconds,
            # What the server does not carry it cannot record.
            direct_allowed=direct_allowed and record is not RecordPolicy.ALWAYS,
            music=music,
            record=record,
            insists=insists,
            legs={caller.id: leg},
        )

    def snapshot(self, now: float) -> dict[str, Any]:
        """Everything another process needs to go on, as JSON values; times count from `now`."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        del plain["_actions"]
        plain["clocks"] = {clock.value: at - now for clock, at in self.clocks.items()}
        if self.answered_at is not None:
            plain["answered_at"] = self.answered_at - now
        return plain

    @classmethod
    def restore(cls, snapshot: dict[str, Any], now: float) -> Self:
        """The call that `snapshot` was taken of, in this process's time."""
        call = msgspec.convert(snapshot, cls)
        call.clocks = {clock: left + now for clock, left in call.clocks.items()}
        if call.answered_at is not None:
            call.answered_at += now
        return call

    # --- reading

    def deadline(self) -> float | None:
        """When TimePassed is due."""
        return min(self.clocks.values(), default=None)

    def leg(self, leg: str) -> Leg | None:
        """The leg if it still takes part."""
        found = self.legs.get(leg)
        return found if found is not None and found.live else None

    def caller_leg(self) -> Leg:
        return self.legs[self.caller]

    def branches(self) -> list[Leg]:
        """The callee's legs that are still in the game."""
        return [leg for leg in self.legs.values() if not leg.caller and leg.live]

    def sleepers(self) -> list[Leg]:
        """The legs of devices that a push can wake, awake by now or not."""
        return [leg for leg in self.branches() if leg.wake]

    def company(self, sleeper: Leg) -> list[Leg]:
        """The other legs of the same device that can hear something now."""
        return [
            leg
            for leg in self.branches()
            if not leg.wake and not leg.detached and same_device(leg, sleeper)
        ]

    def parties(self) -> list[Leg]:
        """The two legs that talk, caller first; empty before an answer."""
        if self.winner is None:
            return []
        return [self.caller_leg(), self.legs[self.winner]]

    def other(self, leg: Leg) -> Leg | None:
        """Whoever `leg` talks with."""
        parties = self.parties()
        if leg not in parties:
            return None
        return parties[1] if leg is parties[0] else parties[0]

    def seconds(self, now: float) -> float:
        """Talk time so far."""
        return 0.0 if self.answered_at is None else max(0.0, now - self.answered_at)

    # --- moving

    def do(self, action: Action) -> None:
        self._actions.append(action)

    def take_actions(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def close_media(self, leg: Leg, *, keep: int | None = None) -> None:
        """Let go of what the engine holds for a leg, but for one generation."""
        for media in leg.engine:
            if media != keep:
                self.do(CloseMedia(leg.id, media))
        leg.engine = [media for media in leg.engine if media == keep]

    def drop(self, leg: Leg, reason: EndReason, by: EndedBy, now: float) -> None:
        """One leg leaves; it is told why, whoever's doing it was."""
        self.do(ShowEnd(leg.id, reason, by, self.seconds(now)))
        self.close_media(leg)
        leg.state = LegState.GONE
        leg.reason = reason

    def part(self, sleeper: Leg, reason: EndReason, by: EndedBy, now: float) -> None:
        """Say what a device that was or could have been woken has to learn of the end.

        One that rang, and is still there, hears it like every leg.
        """
        heard = any(leg.rang for leg in self.company(sleeper))
        if sleeper.push in (Pushed.SENT, Pushed.ACCEPTED):
            self.do(SendPush(sleeper.id, PushKind.ENDED, reason))
            if not heard:
                self.do(RememberEnd(sleeper.id, reason, by, self.seconds(now)))
        if reason in MISSED and not heard:
            self.do(SendPush(sleeper.id, PushKind.MISSED, reason))

    def end(
        self,
        reason: EndReason,
        by: EndedBy,
        now: float,
        *,
        branches: EndReason | None = None,
    ) -> None:
        """The call is over for all; `branches` is what other ringing legs hear, if not `reason`."""
        if self.negotiation is not None and self.negotiation.request is not None:
            self.refuse(self.negotiation.request, WrongState("the call ended meanwhile"))
        self.negotiation = None
        # While the legs of a device still show whether it hears the end by itself.
        for sleeper in self.sleepers():
            self.part(sleeper, branches or reason, by, now)
        for leg in list(self.legs.values()):
            if leg.live:
                told = branches if branches is not None and not leg.caller else reason
                self.drop(leg, told, by, now)
        self.clocks.clear()
        # Nobody waits for a disk to hear of the end.
        self.end_recording(WrongState("the call ended meanwhile"))
        self.state = State.ENDED
        self.do(Finish(reason, by, self.seconds(now)))

    def end_recording(self, error: PeerError) -> None:
        """Record no more; who waits for a recording that has not begun is refused with `error`."""
        if self.taping is Taping.ON:
            self.do(StopRecording())
        request, self.record_request = self.record_request, None
        self.taping = Taping.OFF
        self.refuse(request, error)

    def negotiate(self, negotiation: Negotiation, now: float) -> None:
        """An offer is open from now on, for a while."""
        self.negotiation = negotiation
        self.clocks[Clock.NEGOTIATE] = now + NEGOTIATE_SECONDS

    def settle(self) -> None:
        """No offer is open any more."""
        self.negotiation = None
        self.clocks.pop(Clock.NEGOTIATE, None)

    def refuse(self, request: int | None, error: PeerError) -> None:
        if request is not None:
            self.do(Refuse(request, error))


def same_device(one: Leg, other: Leg) -> bool:
    """Whether two legs are known to be one device's."""
    here, there = one.endpoint, other.endpoint
    return here.device is not None and (here.account, here.device) == (there.account, there.device)
