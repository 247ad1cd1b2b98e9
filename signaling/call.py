"""The call core: one table over every state and event, and the function that applies it."""

from collections.abc import Callable
from typing import Any

from signaling import call_anchor as anchoring
from signaling import call_digits as keys
from signaling import call_early as early
from signaling import call_hold as hold
from signaling import call_recording as recording
from signaling import call_setup as setup
from signaling import call_talk as talk
from signaling import call_wake as waking
from signaling.call_actions import Action, CloseMedia
from signaling.call_events import (
    Accepted,
    Answered,
    Appeared,
    Attached,
    ChangeAgreed,
    ChangeAsked,
    Changed,
    ChangeRefused,
    Detached,
    DigitHeard,
    DtmfAsked,
    EarlyAnswered,
    Event,
    Found,
    HoldAsked,
    HungUp,
    KeyPressed,
    Left,
    MediaAccepted,
    MediaConnected,
    MediaGone,
    MediaLost,
    MediaOpened,
    MediaRefused,
    MediaReoffered,
    MediaReported,
    MediaUpdated,
    OfferMade,
    OfferTaken,
    PeerHeld,
    PushReported,
    Rang,
    RecordAsked,
    RecordingBegan,
    RecordingLost,
    RecordingRefused,
    Rejected,
    Stopped,
    TimePassed,
    TonesRefused,
    TonesSent,
    Trickled,
    Unroutable,
    UpdateRefused,
    WakingFailed,
)
from signaling.call_model import State
from signaling.call_state import Call

Rule = Callable[[Call, Any, float], None]


def ignore(call: Call, event: Event, now: float) -> None:
    """The event came late or twice: a race, not an error."""


def close_late(call: Call, event: MediaOpened, now: float) -> None:
    """Media that opened for nobody any more."""
    call.do(CloseMedia(event.leg, event.media))


# fmt: off
_ROWS: dict[type[Event], tuple[Rule, Rule, Rule, Rule, Rule]] = {
    # event           TRYING                 RINGING                CLAIMED                TALKING                    ENDED
    Found:           (setup.ring_all,        ignore,                ignore,                ignore,                    ignore),
    Unroutable:      (setup.unroutable,      ignore,                ignore,                ignore,                    ignore),
    Appeared:        (ignore,                setup.join_late,       ignore,                ignore,                    ignore),
    PushReported:    (ignore,                waking.push_reported,  ignore,                ignore,                    ignore),
    WakingFailed:    (ignore,                waking.waking_failed,  ignore,                ignore,                    ignore),
    Rang:            (ignore,                setup.rang,            ignore,                ignore,                    ignore),
    Accepted:        (setup.refuse_early,    setup.claim,           setup.claim_again,     setup.claim_again,         setup.refuse_over),
    Answered:        (setup.refuse_early,    setup.answer_ringing,  setup.answer_claimed,  setup.answer_again,        setup.refuse_over),
    EarlyAnswered:   (ignore,                early.answered,        ignore,                ignore,                    ignore),
    Rejected:        (ignore,                setup.reject,          setup.reject_claimed,  talk.hang_up_again,        ignore),
    HungUp:          (setup.hang_up_early,   setup.hang_up_early,   setup.hang_up_early,   talk.hang_up,              ignore),
    Left:            (setup.leave_early,     setup.leave_early,     setup.leave_early,     talk.leave,                ignore),
    Detached:        (talk.detached_early,   talk.detached_early,   talk.detached_early,   talk.detached,             ignore),
    Attached:        (talk.attached_early,   talk.attached_early,   talk.attached_early,   talk.attached,             ignore),
    Trickled:        (talk.trickle_early,    talk.trickle_early,    talk.trickle_early,    talk.trickle,              ignore),
    OfferMade:       (talk.offer_refused,    talk.offer_refused,    talk.offer_refused,    talk.offer_made,           talk.offer_refused),
    OfferTaken:      (talk.offer_not_open,   talk.offer_not_open,   talk.offer_not_open,   talk.offer_taken,          talk.offer_not_open),
    MediaReported:   (ignore,                ignore,                ignore,                talk.reported,             ignore),
    DtmfAsked:       (keys.dtmf_early,       keys.dtmf_early,       keys.dtmf_early,       keys.dtmf,                 keys.dtmf_early),
    TonesSent:       (ignore,                ignore,                ignore,                keys.tones_sent,           ignore),
    TonesRefused:    (ignore,                ignore,                ignore,                keys.tones_refused,        ignore),
    MediaOpened:     (close_late,            setup.branch_opened,   setup.caller_opened,   talk.negotiation_opened,   close_late),
    MediaAccepted:   (ignore,                early.accepted,                  setup.answer_accepted, anchoring.accepted,       ignore),
    MediaRefused:    (ignore,                setup.branch_refused,  setup.connect_refused, talk.negotiation_refused,  ignore),
    MediaConnected:  (ignore,                early.connected,               talk.connected,        talk.connected,            ignore),
    MediaLost:       (ignore,                early.lost,                     talk.lost,             talk.lost,                 ignore),
    MediaGone:       (ignore,                anchoring.gone_ringing, anchoring.gone_claimed, anchoring.gone,           ignore),
    DigitHeard:      (ignore,                ignore,                ignore,                keys.digit_heard,          ignore),
    ChangeAsked:     (ignore,                ignore,                talk.change_early,     talk.change_asked,         ignore),
    Changed:         (ignore,                ignore,                ignore,                talk.changed,              ignore),
    KeyPressed:      (ignore,                ignore,                ignore,                keys.key_pressed,          ignore),
    MediaUpdated:    (ignore,                ignore,                ignore,                talk.media_updated,        ignore),
    UpdateRefused:   (ignore,                ignore,                ignore,                talk.update_refused,       ignore),
    HoldAsked:       (hold.hold_early,       hold.hold_early,       hold.hold_early,       hold.hold_asked,           hold.hold_early),
    PeerHeld:        (ignore,                ignore,                ignore,                hold.peer_held,            ignore),
    MediaReoffered:  (ignore,                ignore,                ignore,                hold.media_reoffered,      ignore),
    ChangeAgreed:    (ignore,                ignore,                ignore,                anchoring.change_agreed,   ignore),
    ChangeRefused:   (ignore,                ignore,                ignore,                anchoring.change_refused,  ignore),
    RecordAsked:     (recording.record_early, recording.record_early, recording.record_early, anchoring.record_asked, recording.record_early),
    RecordingBegan:  (ignore,                ignore,                ignore,                recording.began,           recording.began_late),
    RecordingRefused:(ignore,                ignore,                ignore,                recording.refused,         ignore),
    RecordingLost:   (ignore,                ignore,                ignore,                recording.lost,            ignore),
    TimePassed:      (setup.time_early,      setup.time_early,      setup.time_early,      talk.time_talking,         ignore),
    Stopped:         (setup.stop,            setup.stop,            setup.stop,            setup.stop,                ignore),
}
# fmt: on

TABLE: dict[tuple[State, type[Event]], Rule] = {
    (state, event): rule
    for event, rules in _ROWS.items()
    for state, rule in zip(State, rules, strict=True)
}
"""What each event does in each state; complete, and a test walks it."""


def advance(call: Call, event: Event, now: float) -> list[Action]:
    """Apply one event at monotonic time `now`; returns what is to be done, in order."""
    TABLE[call.state, type(event)](call, event, now)
    return call.take_actions()
