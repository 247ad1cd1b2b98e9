"""Tells sessions, in the client protocol's events, what their calls do."""

import time
from collections.abc import Callable

from signaling.call_actions import (
    LegAction,
    ProposeChange,
    RefuseChange,
    RememberEnd,
    Ring,
    SendPush,
    ShowAnswer,
    ShowCandidates,
    ShowDigits,
    ShowEarly,
    ShowEnd,
    ShowHeld,
    ShowLateEnd,
    ShowOffer,
    ShowRecording,
    ShowRinging,
    ShowWaking,
)
from signaling.call_model import Endpoint
from signaling.mailbox import Invitation
from signaling.shared.messages import (
    CallAnswered,
    CallEnded,
    CallHeld,
    CallIncoming,
    CallProgress,
    CallRecording,
    CandidatesGiven,
    DtmfReceived,
    Event,
    MediaOffered,
)
from signaling.shared.reasons import SIP_CODE


class SessionLegs:
    """The leg port of client sessions."""

    def __init__(self, send: Callable[[str, Event], None]) -> None:
        self._send = send

    def perform(self, invitation: Invitation, endpoint: Endpoint, action: LegAction) -> None:
        event = translate(invitation, action, time.time())
        if event is not None:
            self._send(endpoint.id, event)


def translate(invitation: Invitation, action: LegAction, now: float) -> Event | None:
    """The protocol's event for an action; `now` is Unix time."""
    call = invitation.call
    match action:
        case Ring(media=media, offer=offer):
            left = max(0.0, invitation.expires_at - now)
            return CallIncoming(
                call=call,
                from_=invitation.caller,
                to=invitation.to,
                media=media,
                offer=offer,
                expires_at=round(invitation.expires_at, 3),
                ring_seconds=round(left, 3),
            )
        case ShowRinging():
            return CallProgress(call=call, state="ringing")
        case ShowWaking():
            return CallProgress(call=call, state="waking")
        case ShowEarly() | ShowAnswer():
            return _answered(call, action)
        case ShowOffer(media=media, offer=offer):
            return MediaOffered(call=call, media=media, offer=offer)
        case ShowCandidates(media=media, candidates=candidates, end=end):
            return CandidatesGiven(call=call, media=media, candidates=list(candidates), end=end)
        case ShowDigits() | ShowHeld() | ShowRecording():
            return _from_other_side(call, action)
        case ProposeChange() | RefuseChange() | SendPush() | RememberEnd():
            return None  # Phones have changes, and only who sleeps is pushed.
        case (
            ShowEnd(reason=reason, by=by, seconds=seconds)
            | ShowLateEnd(reason=reason, by=by, seconds=seconds)
        ):
            return CallEnded(
                call=call,
                reason=reason.value,
                code=SIP_CODE[reason],
                by=by.value,
                seconds=round(seconds, 3),
            )


def _from_other_side(call: str, action: ShowDigits | ShowHeld | ShowRecording) -> Event:
    """What whoever they talk with did; a recording may be the server's doing."""
    match action:
        case ShowDigits(digits=digits):
            return DtmfReceived(call=call, digits=digits)
        case ShowHeld(held=held, by=by):
            return CallHeld(call=call, held=held, by=by.value)
        case ShowRecording(on=on):
            return CallRecording(call=call, on=on)


def _answered(call: str, action: ShowEarly | ShowAnswer) -> Event:
    """A PeerConnection takes one answer: a repeated one is left out."""
    media = action.media
    answer = None if action.repeated else action.answer
    if isinstance(action, ShowAnswer):
        return CallAnswered(call=call, media=media, answer=answer)
    known = media if answer is not None else None
    return CallProgress(call=call, state="early", media=known, answer=answer)
