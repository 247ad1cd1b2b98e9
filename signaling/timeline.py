"""A call's timeline: what passed its mailbox, as hops that tell why it went as it did."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from signaling.call_actions import (
    Action,
    FindEndpoints,
    Finish,
    Ring,
    SendPush,
    ShowAnswer,
    ShowEarly,
    ShowEnd,
    ShowOffer,
    ShowRinging,
    ShowWaking,
    StopRecording,
)
from signaling.call_events import (
    Accepted,
    Answered,
    Appeared,
    Attached,
    ChangeAsked,
    ChangeRefused,
    Detached,
    Event,
    Found,
    HoldAsked,
    HungUp,
    Left,
    MediaAccepted,
    MediaConnected,
    MediaGone,
    MediaLost,
    MediaOpened,
    MediaRefused,
    MediaReported,
    OfferMade,
    PeerHeld,
    PushReported,
    Rang,
    RecordAsked,
    RecordingBegan,
    RecordingLost,
    RecordingRefused,
    Rejected,
    Stopped,
    Unroutable,
    WakingFailed,
)
from signaling.call_model import Endpoint, Leg
from signaling.shared.push import Provider, PushKind, PushReport, Step
from signaling.shared.reasons import EndedBy

MAX_HOPS = 256
"""Hops that a call has at most; what follows the last but two is left out, its end is not."""
MAX_WORD = 64


class What(StrEnum):
    """What a hop tells; where the leg of a hop matters, it is who did it or whom it was done to."""

    CALLED = "called"
    UNROUTABLE = "unroutable"
    FOUND = "found"
    APPEARED = "appeared"
    """An endpoint of the callee came while the call rang."""
    INVITED = "invited"
    RANG = "rang"
    ACCEPTED = "accepted"
    ANSWERED = "answered"
    REFUSED = "refused"
    HUNG_UP = "hung_up"
    LEFT = "left"
    """The endpoint is gone without a word."""
    DETACHED = "detached"
    ATTACHED = "attached"
    MEDIA_OPENED = "media_opened"
    MEDIA_AGREED = "media_agreed"
    MEDIA_REFUSED = "media_refused"
    MEDIA_CONNECTED = "media_connected"
    MEDIA_SILENT = "media_silent"
    MEDIA_FAILED = "media_failed"
    MEDIA_GONE = "media_gone"
    """The process that carried its media is dead."""
    MEDIA_MOVES = "media_moves"
    """A new media generation is offered, by the leg or to it."""
    CHANGED = "changed"
    """A phone asks for another direction or another address of its media."""
    HELD = "held"
    UNHELD = "unheld"
    CHANGE_REFUSED = "change_refused"
    """A phone does not want to be told by its session that it is held."""
    RECORD_ASKED = "record_asked"
    RECORD_OFF_ASKED = "record_off_asked"
    RECORDING_BEGAN = "recording_began"
    RECORDING_REFUSED = "recording_refused"
    RECORDING_FAILED = "recording_failed"
    """It ended by itself, and the call went on."""
    RECORDING_ENDED = "recording_ended"
    PUSH_ASKED = "push_asked"
    """The queue was given a push; who takes it says what becomes of it."""
    PUSH_SENDING = "push_sending"
    PUSH_ACCEPTED = "push_accepted"
    PUSH_RETRYING = "push_retrying"
    PUSH_FAILED = "push_failed"
    PUSH_DROPPED = "push_dropped"
    PUSH_GIVEN_UP = "push_given_up"
    """No push reached the device, and none is tried any more."""
    TOLD_WAKING = "told_waking"
    TOLD_RINGING = "told_ringing"
    TOLD_EARLY = "told_early"
    """The caller is let hear a phone that nobody has answered yet."""
    TOLD_ANSWER = "told_answer"
    TOLD_END = "told_end"
    STOPPED = "stopped"
    CUT = "cut"
    """More happened than is kept."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a call; `at` is in Unix seconds. Holds ids and closed words, no addresses.

    `leg` is the endpoint's id and `kind` what it is; None where the call as a whole is meant.
    `reason` is an EndReason's word, or of a push the provider's.
    """

    at: float
    what: What
    side: EndedBy
    leg: str | None = None
    kind: str | None = None
    account: str | None = None
    device: str | None = None
    reason: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What an event or action comes to in the timeline."""

    what: What
    reason: str | None = None
    detail: str = ""


def _says(what: What) -> Callable[[Any], Note]:
    return lambda _: Note(what)


def _why(what: What) -> Callable[[Any], Note]:
    """For what has an EndReason."""
    return lambda passed: Note(what, passed.reason.value)


def _moves(passed: OfferMade | ShowOffer) -> Note:
    return Note(What.MEDIA_MOVES, detail=f"media {passed.media}")


def _refused(event: Rejected) -> Note:
    code = "" if event.code is None else f"SIP {event.code}"
    return Note(What.REFUSED, event.reason.value, code)


def _reported(event: MediaReported) -> Note:
    what = What.MEDIA_CONNECTED if event.connected else What.MEDIA_FAILED
    return Note(what, detail=f"media {event.media}")


def _lost(event: MediaLost) -> Note:
    what = What.MEDIA_SILENT if event.silent else What.MEDIA_FAILED
    return Note(what, detail=f"media {event.media}")


def _held(event: HoldAsked | PeerHeld) -> Note:
    return Note(What.HELD if event.held else What.UNHELD)


def _record_asked(event: RecordAsked) -> Note:
    return Note(What.RECORD_ASKED if event.on else What.RECORD_OFF_ASKED)


def _kind(kind: PushKind) -> str:
    """What a push is for, where it is not for ringing."""
    return "" if kind is PushKind.CALL else kind.value


NOTES: dict[type[Event] | type[Action], Callable[[Any], Note | None]] = {
    FindEndpoints: _says(What.CALLED),
    Unroutable: _why(What.UNROUTABLE),
    Found: lambda event: Note(What.FOUND, detail=str(len(event.endpoints))),
    Appeared: _says(What.APPEARED),
    Ring: _says(What.INVITED),
    Rang: _says(What.RANG),
    Accepted: _says(What.ACCEPTED),
    Answered: _says(What.ANSWERED),
    Rejected: _refused,
    HungUp: _says(What.HUNG_UP),
    Left: _says(What.LEFT),
    Detached: _says(What.DETACHED),
    Attached: _says(What.ATTACHED),
    MediaOpened: lambda event: Note(What.MEDIA_OPENED, detail=f"media {event.media}"),
    MediaAccepted: lambda event: Note(What.MEDIA_AGREED, detail=word(event.codec)),
    MediaRefused: _why(What.MEDIA_REFUSED),
    MediaReported: _reported,
    MediaConnected: lambda event: Note(What.MEDIA_CONNECTED, detail=f"media {event.media}"),
    MediaLost: _lost,
    MediaGone: lambda event: Note(What.MEDIA_GONE, detail=f"media {event.media}"),
    OfferMade: _moves,
    ShowOffer: _moves,
    ChangeAsked: _says(What.CHANGED),
    HoldAsked: _held,
    PeerHeld: _held,
    ChangeRefused: lambda event: None if event.again else Note(What.CHANGE_REFUSED),
    RecordAsked: _record_asked,
    RecordingBegan: _says(What.RECORDING_BEGAN),
    RecordingRefused: lambda event: Note(What.RECORDING_REFUSED, detail=word(str(event.error))),
    RecordingLost: lambda event: Note(What.RECORDING_FAILED, detail=word(event.detail)),
    StopRecording: _says(What.RECORDING_ENDED),
    SendPush: lambda action: Note(What.PUSH_ASKED, detail=_kind(action.kind)),
    PushReported: lambda event: push_note(event.provider, event.step, event.reason),
    WakingFailed: lambda event: Note(What.PUSH_GIVEN_UP, word(event.reason)),
    ShowWaking: _says(What.TOLD_WAKING),
    ShowRinging: _says(What.TOLD_RINGING),
    ShowEarly: _says(What.TOLD_EARLY),
    ShowAnswer: _says(What.TOLD_ANSWER),
    ShowEnd: _why(What.TOLD_END),
    Stopped: _why(What.STOPPED),
    Finish: _why(What.ENDED),
}
"""Which events and actions make a hop, and which one; what is not named here makes none."""

_PUSHED = {
    Step.SENDING: What.PUSH_SENDING,
    Step.ACCEPTED: What.PUSH_ACCEPTED,
    Step.RETRYING: What.PUSH_RETRYING,
    Step.FAILED: What.PUSH_FAILED,
    Step.DROPPED: What.PUSH_DROPPED,
}


class Timeline:
    """Collects the hops of one call. `started_at` is Unix time, `now` the same moment's monotonic.

    A clock that is set during the call thus moves no hop.
    """

    def __init__(self, started_at: float, now: float) -> None:
        self.hops: list[Hop] = []
        self._offset = started_at - now
        self._last: dict[str | None, Note] = {}

    def note(self, passed: Event | Action, legs: Mapping[str, Leg], now: float) -> None:
        """Keep what passed, if it tells something; `legs` has the caller's first."""
        make = NOTES.get(type(passed))
        note = make(passed) if make is not None else None
        if note is None:
            return
        endpoint = _endpoint(passed, legs)
        leg = None if endpoint is None else endpoint.id
        # Phones repeat themselves: a second 180 tells nothing.
        if leg is not None and self._last.get(leg) == note:
            return
        self._last[leg] = note
        self._add(_hop(note, _side(passed, leg, legs), endpoint, now + self._offset))

    def _add(self, hop: Hop) -> None:
        if hop.what is What.ENDED or len(self.hops) < MAX_HOPS - 2:
            self.hops.append(hop)
        elif len(self.hops) == MAX_HOPS - 2:
            self.hops.append(Hop(hop.at, What.CUT, EndedBy.SERVER))


def push_note(
    provider: Provider, step: Step, reason: str | None = None, kind: PushKind = PushKind.CALL
) -> Note:
    """What a step of a push comes to."""
    detail = f"{provider.value} {_kind(kind)}".strip()
    return Note(_PUSHED[step], None if reason is None else word(reason), detail)


def hop_of_report(report: PushReport) -> Hop:
    """A push that is told of when its call has no mailbox any more."""
    note = push_note(report.provider, report.step, report.reason, report.kind)
    return Hop(
        report.at,
        note.what,
        EndedBy.CALLEE,
        account=report.account,
        device=word(report.device),
        reason=note.reason,
        detail=note.detail,
    )


def word(text: str) -> str:
    """What a peer named something, cut to what may stand in a line."""
    return "".join(letter for letter in text[:MAX_WORD] if letter.isprintable())


def _endpoint(passed: Event | Action, legs: Mapping[str, Leg]) -> Endpoint | None:
    if isinstance(passed, Appeared):
        return passed.endpoint
    if isinstance(passed, FindEndpoints):
        return next(iter(legs.values())).endpoint
    leg = legs.get(getattr(passed, "leg", ""))
    return None if leg is None else leg.endpoint


def _side(passed: Event | Action, leg: str | None, legs: Mapping[str, Leg]) -> EndedBy:
    if isinstance(passed, Finish):
        return passed.by
    if leg is None:
        return EndedBy.SERVER
    known = legs.get(leg)
    return EndedBy.CALLEE if known is None else known.side


def _hop(note: Note, side: EndedBy, endpoint: Endpoint | None, at: float) -> Hop:
    if endpoint is None:
        return Hop(at, note.what, side, reason=note.reason, detail=note.detail)
    return Hop(
        at,
        note.what,
        side,
        leg=endpoint.id,
        kind=endpoint.kind.value,
        account=endpoint.account,
        device=endpoint.device,
        reason=note.reason,
        detail=note.detail,
    )
