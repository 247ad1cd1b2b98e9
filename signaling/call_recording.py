"""The rules of recording: who may have a call recorded, when it begins, and who is told.

Only what the server carries can be recorded: a direct call moves to it first. Sessions are told
by an event, phones by a tone, which the engine makes.
"""

from signaling.call_actions import RecordMedia, Reply, ShowRecording, StopRecording
from signaling.call_events import (
    MediaRefused,
    RecordAsked,
    RecordingBegan,
    RecordingLost,
    RecordingRefused,
)
from signaling.call_model import Mode, RecordPolicy, Taping
from signaling.call_state import Call
from signaling.shared.errors import Forbidden, WrongState
from signaling.shared.messages import Done

RETRY_SECONDS = 10.0


def begin_by_policy(call: Call) -> None:
    """The call is answered."""
    if call.record is RecordPolicy.ALWAYS:
        call.taping = Taping.WANTED


def announced(call: Call) -> bool:
    """Whether a phone is told of a recording by the first description that it gets of us."""
    if call.answered_at is None:
        return call.record is RecordPolicy.ALWAYS
    return call.taping is not Taping.OFF


def record_asked(call: Call, event: RecordAsked, now: float) -> bool:
    """A client wants a recording, or its end; whether the call has to move to the server for it.

    A repeat is harmless.
    """
    leg = call.leg(event.leg)
    if leg is None or call.other(leg) is None:
        record_early(call, event, now)
    elif (why := _forbidden(call, on=event.on)) is not None:
        call.refuse(event.request, Forbidden(why))
    elif event.on is (call.taping is not Taping.OFF):
        call.do(Reply(event.request, Done()))
    elif event.on:
        call.taping, call.record_request = Taping.WANTED, event.request
        follow(call)
        return call.mode is Mode.DIRECT
    else:
        was_on = call.taping is Taping.ON
        call.end_recording(WrongState("the recording was called off"))
        if was_on:
            _tell(call, on=False)
        call.do(Reply(event.request, Done()))
    return False


def record_early(call: Call, event: RecordAsked, now: float) -> None:
    call.refuse(event.request, WrongState("this session does not talk in this call"))


def follow(call: Call) -> None:
    """Record the media that the sides have now; to be said before they are joined.

    So nobody is recorded, nor told so, after a join that failed and ended the call.
    """
    if call.taping is not Taping.OFF and call.mode is Mode.ANCHORED:
        caller, callee = call.parties()
        call.do(RecordMedia(caller.id, caller.media, callee.id, callee.media))


def began(call: Call, event: RecordingBegan, now: float) -> None:
    if call.taping is Taping.OFF:
        call.do(StopRecording())
    if call.taping is not Taping.WANTED:
        return
    call.taping = Taping.ON
    _tell(call, on=True)
    request, call.record_request = call.record_request, None
    if request is not None:
        call.do(Reply(request, Done()))


def began_late(call: Call, event: RecordingBegan, now: float) -> None:
    """The call ended while the engine opened the file."""
    call.do(StopRecording())


def refused(call: Call, event: RecordingRefused, now: float) -> None:
    """The call goes on without."""
    was_on = call.taping is Taping.ON
    call.end_recording(event.error)
    if was_on:
        _tell(call, on=False)


def stays_direct(call: Call, event: MediaRefused, now: float) -> bool:
    """Whether a move to the server was for a recording, and failed before anybody was told."""
    told = any(event.media in leg.engine for leg in call.parties())
    # What the server carried before has a codec, and nothing to go back to.
    if told or call.codec is not None or call.taping is not Taping.WANTED:
        return False
    call.mode = Mode.DIRECT
    why = f"the call cannot be recorded: {event.detail}"
    refused(call, RecordingRefused(WrongState(why, retry_after=RETRY_SECONDS)), now)
    return True


def lost(call: Call, event: RecordingLost, now: float) -> None:
    if call.taping is Taping.ON:
        # Before the disk, which may be what is broken, is asked for anything more.
        _tell(call, on=False)
        call.end_recording(WrongState(event.detail))


def _forbidden(call: Call, *, on: bool) -> str | None:
    if call.record is RecordPolicy.NEVER:
        return (
            "calls are not recorded here: whoever runs this server can allow it by the key"
            ' calls.record, set to "on_request"'
        )
    if call.record is RecordPolicy.ALWAYS and not on:
        return 'every call is recorded here: the key calls.record is "always"'
    return None


def _tell(call: Call, *, on: bool) -> None:
    for leg in call.parties():
        if leg.webrtc:
            call.do(ShowRecording(leg.id, on))
