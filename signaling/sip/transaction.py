"""The four transactions of SIP and their timers (RFC 3261 17, RFC 6026)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from signaling.sip.flow import Flow
from signaling.sip.message import Request
from signaling.sip.via import MAGIC_COOKIE

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Timers:
    """RFC 3261's T1, T2 and T4 in seconds, from which all timers A to M follow."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    reminder: float = 60.0
    """How often a provisional answer is repeated to keep proxies waiting (13.3.1.1)."""

    @property
    def patience(self) -> float:
        """64*T1: timers B, D, F, H, J, L and M."""
        return 64 * self.t1


class Kind(Enum):
    """Which of the four machines."""

    INVITE_CLIENT = "invite client"
    CLIENT = "client"
    INVITE_SERVER = "invite server"
    SERVER = "server"


class State(Enum):
    """Where a transaction stands.

    INVITE client   CALLING > PROCEEDING (> ABANDONED) > ACCEPTED or COMPLETED > TERMINATED
    client          TRYING > PROCEEDING > COMPLETED > TERMINATED
    INVITE server   PROCEEDING > ACCEPTED, or COMPLETED > CONFIRMED, > TERMINATED
    server          TRYING > PROCEEDING > COMPLETED > TERMINATED
    """

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ABANDONED = "abandoned"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class On(Enum):
    """What happens to a transaction: a response (received by a client, sent by a server) …"""

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "3xx-6xx"
    REQUEST = "request repeated"
    ACK = "ack"
    REPEAT = "time to repeat"
    EXPIRE = "time is up"
    ABANDON = "cancelled by us"
    BROKEN = "the connection is gone"

    @classmethod
    def code(cls, code: int) -> "On":
        """The event that a response of that code is."""
        return cls.PROVISIONAL if code < 200 else cls.SUCCESS if code < 300 else cls.FAILURE


class Do(Enum):
    """What the transaction wants done about it."""

    SEND = "send the request or the last response"
    ACK = "send the ACK to a failure"
    PASS = "give it to whoever uses the transaction"
    FAIL = "tell that nothing came in time"


Step = tuple[State, tuple[Do, ...]]

_END: Step = (State.TERMINATED, ())
_LOST: Step = (State.TERMINATED, (Do.FAIL,))

TABLE: dict[Kind, dict[State, dict[On, Step]]] = {
    Kind.INVITE_CLIENT: {
        State.CALLING: {
            On.REPEAT: (State.CALLING, (Do.SEND,)),
            On.EXPIRE: _LOST,
            On.BROKEN: _LOST,
            On.PROVISIONAL: (State.PROCEEDING, (Do.PASS,)),
            On.SUCCESS: (State.ACCEPTED, (Do.PASS,)),
            On.FAILURE: (State.COMPLETED, (Do.ACK, Do.PASS)),
        },
        State.PROCEEDING: {
            On.PROVISIONAL: (State.PROCEEDING, (Do.PASS,)),
            On.SUCCESS: (State.ACCEPTED, (Do.PASS,)),
            On.FAILURE: (State.COMPLETED, (Do.ACK, Do.PASS)),
            On.ABANDON: (State.ABANDONED, ()),
            On.BROKEN: _LOST,
        },
        State.ABANDONED: {
            On.PROVISIONAL: (State.ABANDONED, (Do.PASS,)),
            On.SUCCESS: (State.ACCEPTED, (Do.PASS,)),
            On.FAILURE: (State.COMPLETED, (Do.ACK, Do.PASS)),
            On.EXPIRE: _LOST,
            On.BROKEN: _LOST,
        },
        # Every 2xx is passed on: the user of the transaction ACKs each, forked ones too.
        State.ACCEPTED: {On.SUCCESS: (State.ACCEPTED, (Do.PASS,)), On.EXPIRE: _END},
        State.COMPLETED: {On.FAILURE: (State.COMPLETED, (Do.ACK,)), On.EXPIRE: _END},
    },
    Kind.CLIENT: {
        State.TRYING: {
            On.REPEAT: (State.TRYING, (Do.SEND,)),
            On.EXPIRE: _LOST,
            On.BROKEN: _LOST,
            On.PROVISIONAL: (State.PROCEEDING, (Do.PASS,)),
            On.SUCCESS: (State.COMPLETED, (Do.PASS,)),
            On.FAILURE: (State.COMPLETED, (Do.PASS,)),
        },
        State.PROCEEDING: {
            On.REPEAT: (State.PROCEEDING, (Do.SEND,)),
            On.EXPIRE: _LOST,
            On.BROKEN: _LOST,
            On.PROVISIONAL: (State.PROCEEDING, (Do.PASS,)),
            On.SUCCESS: (State.COMPLETED, (Do.PASS,)),
            On.FAILURE: (State.COMPLETED, (Do.PASS,)),
        },
        State.COMPLETED: {On.EXPIRE: _END},
    },
    Kind.INVITE_SERVER: {
        State.PROCEEDING: {
            On.REQUEST: (State.PROCEEDING, (Do.SEND,)),
            On.REPEAT: (State.PROCEEDING, (Do.SEND,)),
            On.PROVISIONAL: (State.PROCEEDING, (Do.SEND,)),
            On.SUCCESS: (State.ACCEPTED, (Do.SEND,)),
            On.FAILURE: (State.COMPLETED, (Do.SEND,)),
        },
        # The user of the transaction repeats the 2xx until the ACK, which comes to it alone.
        State.ACCEPTED: {On.REPEAT: (State.ACCEPTED, (Do.SEND,)), On.EXPIRE: _END},
        State.COMPLETED: {
            On.REQUEST: (State.COMPLETED, (Do.SEND,)),
            On.REPEAT: (State.COMPLETED, (Do.SEND,)),
            On.ACK: (State.CONFIRMED, ()),
            On.EXPIRE: _END,
        },
        State.CONFIRMED: {On.EXPIRE: _END},
    },
    Kind.SERVER: {
        State.TRYING: {
            On.PROVISIONAL: (State.PROCEEDING, (Do.SEND,)),
            On.SUCCESS: (State.COMPLETED, (Do.SEND,)),
            On.FAILURE: (State.COMPLETED, (Do.SEND,)),
            On.EXPIRE: _END,
        },
        State.PROCEEDING: {
            On.REQUEST: (State.PROCEEDING, (Do.SEND,)),
            On.PROVISIONAL: (State.PROCEEDING, (Do.SEND,)),
            On.SUCCESS: (State.COMPLETED, (Do.SEND,)),
            On.FAILURE: (State.COMPLETED, (Do.SEND,)),
            On.EXPIRE: _END,
        },
        State.COMPLETED: {On.REQUEST: (State.COMPLETED, (Do.SEND,)), On.EXPIRE: _END},
    },
}


@dataclass(frozen=True, slots=True)
class Wait:
    """The timers of a state: `repeat` first and then doubled up to `cap`, `end` once."""

    end: float | None = None
    repeat: float | None = None
    cap: float = math.inf
    lingers: bool = False
    """The state only absorbs what an unreliable transport repeats."""
    keeps_end: bool = False
    """`end` goes on from the state before."""


WAITS: dict[tuple[Kind, State], Callable[[Timers], Wait]] = {
    # Timers A and B; then nothing ends a call that rings but its user.
    (Kind.INVITE_CLIENT, State.CALLING): lambda t: Wait(t.patience, t.t1),
    (Kind.INVITE_CLIENT, State.PROCEEDING): lambda _: Wait(),
    # RFC 3261 9.1: no final answer 64*T1 after the CANCEL counts as cancelled.
    (Kind.INVITE_CLIENT, State.ABANDONED): lambda t: Wait(t.patience),
    (Kind.INVITE_CLIENT, State.ACCEPTED): lambda t: Wait(t.patience),  # M
    (Kind.INVITE_CLIENT, State.COMPLETED): lambda t: Wait(t.patience, lingers=True),  # D
    (Kind.CLIENT, State.TRYING): lambda t: Wait(t.patience, t.t1, t.t2),  # F, E
    (Kind.CLIENT, State.PROCEEDING): lambda t: Wait(None, t.t2, t.t2, keeps_end=True),
    (Kind.CLIENT, State.COMPLETED): lambda t: Wait(t.t4, lingers=True),  # K
    (Kind.INVITE_SERVER, State.PROCEEDING): lambda t: Wait(None, t.reminder, t.reminder),
    (Kind.INVITE_SERVER, State.ACCEPTED): lambda t: Wait(t.patience),  # L
    (Kind.INVITE_SERVER, State.COMPLETED): lambda t: Wait(t.patience, t.t1, t.t2),  # H, G
    (Kind.INVITE_SERVER, State.CONFIRMED): lambda t: Wait(t.t4, lingers=True),  # I
    # RFC 4320: by now the client has given up, so an answer would go nowhere.
    (Kind.SERVER, State.TRYING): lambda t: Wait(t.patience),
    (Kind.SERVER, State.PROCEEDING): lambda _: Wait(keeps_end=True),
    (Kind.SERVER, State.COMPLETED): lambda t: Wait(t.patience, lingers=True),  # J
}

_FIRST = {
    Kind.INVITE_CLIENT: State.CALLING,
    Kind.CLIENT: State.TRYING,
    Kind.INVITE_SERVER: State.PROCEEDING,
    Kind.SERVER: State.TRYING,
}


class Transaction:
    """One transaction: a state, its timers and the message it repeats."""

    __slots__ = (
        "_cap",
        "_end_at",
        "_interval",
        "_repeat_at",
        "_timers",
        "flow",
        "key",
        "kind",
        "request",
        "sent",
        "state",
        "tag",
    )

    def __init__(
        self, kind: Kind, key: Key, request: Request, flow: Flow, timers: Timers, now: float
    ) -> None:
        self.kind = kind
        self.key = key
        self.request = request
        self.flow = flow
        # What a repeat sends: a client's request, a server's last response.
        self.sent = b""
        # A server's tag in the To of its responses.
        self.tag = ""
        self._timers = timers
        self._end_at: float | None = None
        self._repeat_at: float | None = None
        self._interval = 0.0
        self._cap = math.inf
        self._enter(_FIRST[kind], now)

    def accepts(self, event: On) -> bool:
        """Whether the event means anything to the present state."""
        return event in TABLE[self.kind].get(self.state, {})

    def feed(self, event: On, now: float) -> tuple[Do, ...]:
        """Let something happen; what is not in the table came late or twice and does nothing."""
        state, actions = TABLE[self.kind].get(self.state, {}).get(event, (self.state, ()))
        if state is not self.state:
            self._enter(state, now)
        return actions

    @property
    def deadline(self) -> float | None:
        """When `handle_timer` has something to do."""
        if self._repeat_at is None or self._end_at is None:
            return self._end_at if self._repeat_at is None else self._repeat_at
        return min(self._repeat_at, self._end_at)

    def handle_timer(self, now: float) -> tuple[Do, ...]:
        """Let the time be `now`."""
        if self._end_at is not None and self._end_at <= now:
            return self.feed(On.EXPIRE, now)
        if self._repeat_at is None or self._repeat_at > now:
            return ()
        self._interval = min(2 * self._interval, self._cap)
        self._repeat_at = now + self._interval
        return self.feed(On.REPEAT, now)

    def _enter(self, state: State, now: float) -> None:
        self.state = state
        wait = Wait() if state is State.TERMINATED else WAITS[self.kind, state](self._timers)
        if not wait.keeps_end:
            end = 0.0 if wait.lingers and self.flow.reliable else wait.end
            self._end_at = None if end is None else now + end
        self._cap = wait.cap
        self._interval = wait.repeat or 0.0
        repeats = wait.repeat is not None and not self.flow.reliable
        self._repeat_at = now + self._interval if repeats else None


def client_key(branch: str, method: str) -> Key:
    """What a response is matched by (RFC 3261 17.1.3)."""
    return branch, method


def server_key(request: Request, method: str) -> Key:
    """What a request is matched by (RFC 3261 17.2.3); an ACK asks for its INVITE's key.

    Raises BadSip when the request lacks what it takes.
    """
    via = request.via
    branch = via.branch
    if branch.startswith(MAGIC_COOKIE):
        return branch, via.sent_by, method
    # A sender from before RFC 3261: the request itself has to tell one from the other.
    return (
        str(via),
        request.call_id,
        request.from_tag,
        str(request.cseq.number),
        request.target,
        method,
    )
