"""The states of a leg and what leads from one to the next."""

from enum import Enum


class State(Enum):
    """Where a leg stands.

    calling out     CALLING > PROCEEDING > UP; given up: ABANDONED > CANCELLING
    called          INCOMING > ANSWERED > UP; given up before the ACK: CLOSING
    either          UP > ENDING > OVER
    """

    CALLING = "calling"
    ABANDONED = "abandoned"
    """Given up while nothing had come back: the CANCEL waits for a sign of life (9.1)."""
    PROCEEDING = "proceeding"
    CANCELLING = "cancelling"
    INCOMING = "incoming"
    ANSWERED = "answered"
    CLOSING = "closing"
    """Given up while the ACK is awaited: the BYE has to wait for it (15)."""
    UP = "up"
    ENDING = "ending"
    OVER = "over"


class On(Enum):
    """What happens to a leg."""

    PROVISIONAL = "1xx received"
    SUCCESS = "first 2xx received"
    FAILURE = "3xx-6xx received"
    TIMEOUT = "nothing received"
    RING = "we ring"
    ANSWER = "we answer"
    REJECT = "we reject"
    CANCEL = "CANCEL received"
    ACK = "ACK received"
    NO_ACK = "no ACK received"
    LOST = "our change found no session"
    HANG_UP = "we hang up"
    BYE = "BYE received"
    BYE_DONE = "our BYE was answered or given up"


class Do(Enum):
    """What is to be done about it."""

    ACK = "acknowledge the 2xx"
    BYE = "send BYE"
    CANCEL = "send CANCEL"
    REPLY = "answer the INVITE"
    REFUSE = "answer the INVITE with 480"
    TERMINATE = "answer the INVITE with 487"
    AWAIT_ACK = "repeat the answer until the ACK"
    TELL_RINGING = "ringing"
    TELL_ANSWERED = "answered"
    TELL_REJECTED = "rejected"
    TELL_CANCELLED = "cancelled"
    TELL_CONFIRMED = "confirmed"
    TELL_ENDED = "ended by BYE"
    TELL_DEAD = "ended for want of an ACK"
    TELL_LOST = "ended because the peer knows of no session"


Step = tuple[State, tuple[Do, ...]]

# A pair that is not here is a race that was lost elsewhere, and changes nothing.
TABLE: dict[State, dict[On, Step]] = {
    State.CALLING: {
        On.PROVISIONAL: (State.PROCEEDING, (Do.TELL_RINGING,)),
        On.SUCCESS: (State.UP, (Do.ACK, Do.TELL_ANSWERED)),
        On.FAILURE: (State.OVER, (Do.TELL_REJECTED,)),
        On.TIMEOUT: (State.OVER, (Do.TELL_REJECTED,)),
        On.HANG_UP: (State.ABANDONED, ()),
    },
    State.ABANDONED: {
        On.PROVISIONAL: (State.CANCELLING, (Do.CANCEL,)),
        On.SUCCESS: (State.ENDING, (Do.ACK, Do.BYE)),
        On.FAILURE: (State.OVER, ()),
        On.TIMEOUT: (State.OVER, ()),
    },
    State.PROCEEDING: {
        On.PROVISIONAL: (State.PROCEEDING, (Do.TELL_RINGING,)),
        On.SUCCESS: (State.UP, (Do.ACK, Do.TELL_ANSWERED)),
        On.FAILURE: (State.OVER, (Do.TELL_REJECTED,)),
        On.HANG_UP: (State.CANCELLING, (Do.CANCEL,)),
    },
    State.CANCELLING: {
        # The answer was on its way before the CANCEL arrived.
        On.SUCCESS: (State.ENDING, (Do.ACK, Do.BYE)),
        On.FAILURE: (State.OVER, ()),
        On.TIMEOUT: (State.OVER, ()),
    },
    State.INCOMING: {
        On.RING: (State.INCOMING, (Do.REPLY,)),
        On.ANSWER: (State.ANSWERED, (Do.REPLY, Do.AWAIT_ACK)),
        On.REJECT: (State.OVER, (Do.REPLY,)),
        On.HANG_UP: (State.OVER, (Do.REFUSE,)),
        On.CANCEL: (State.OVER, (Do.TERMINATE, Do.TELL_CANCELLED)),
        # A caller may end an early dialog by BYE too (15).
        On.BYE: (State.OVER, (Do.TERMINATE, Do.TELL_CANCELLED)),
    },
    State.ANSWERED: {
        On.ACK: (State.UP, (Do.TELL_CONFIRMED,)),
        On.NO_ACK: (State.ENDING, (Do.BYE, Do.TELL_DEAD)),
        On.HANG_UP: (State.CLOSING, ()),
        On.BYE: (State.OVER, (Do.TELL_ENDED,)),
    },
    State.CLOSING: {
        On.ACK: (State.ENDING, (Do.BYE,)),
        On.NO_ACK: (State.ENDING, (Do.BYE,)),
        On.BYE: (State.OVER, ()),
    },
    State.UP: {
        # Of a re-INVITE: the session is then in doubt, and has to end (14.2).
        On.NO_ACK: (State.ENDING, (Do.BYE, Do.TELL_DEAD)),
        # Neither did our re-INVITE find the session (14.1).
        On.LOST: (State.ENDING, (Do.BYE, Do.TELL_LOST)),
        On.HANG_UP: (State.ENDING, (Do.BYE,)),
        On.BYE: (State.OVER, (Do.TELL_ENDED,)),
    },
    State.ENDING: {On.BYE_DONE: (State.OVER, ())},
    State.OVER: {},
}
