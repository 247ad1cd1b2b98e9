"""The words of the call core: its legs, the events it takes and the actions it asks for."""

from dataclasses import dataclass, field
from enum import Enum, StrEnum

from signaling.shared.messages import Candidate
from signaling.shared.reasons import EndedBy, EndReason


class State(StrEnum):
    """Where a call is.

    TRYING ──found──> RINGING ──accept──> CLAIMED ──answer──> TALKING
       │                 │  └────────── answer ──────────────────┘│
       └─────────────────┴──────────┬───────────┴─────────────────┘
                                  ENDED
    """

    TRYING = "trying"
    RINGING = "ringing"
    CLAIMED = "claimed"
    TALKING = "talking"
    ENDED = "ended"


class Mode(StrEnum):
    """Where the media flows.

    DIRECT ──anchor──> ANCHORING ──both sides answered──> ANCHORED
    ANCHORED ──the engine's process died──> ANCHORING
    """

    DIRECT = "direct"
    ANCHORING = "anchoring"
    ANCHORED = "anchored"


class EndpointKind(StrEnum):
    """What rings: a client's session, a SIP phone's contact, or a device once a push woke it."""

    SESSION = "session"
    CONTACT = "contact"
    WAKE = "wake"


class Reach(StrEnum):
    """How surely an endpoint hears a call; AWAY is a session without a socket."""

    AWAKE = "awake"
    BACKGROUND = "background"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Somewhere a call can ring; `id` is the session's, the SIP binding's, or made of the device's.

    `device` joins the endpoints of one device, so that it is woken only when none of them rings.
    """

    id: str
    kind: EndpointKind
    account: str
    device: str | None = None
    host: str | None = None
    """Where a SIP phone signals from; its media may come from there too."""
    path: str | None = None
    """How a SIP phone is reached; another one for the same binding means that it moved."""
    reach: Reach = Reach.AWAKE
    wakes: EndpointKind | None = None
    """What a device that sleeps comes back as."""

    @property
    def webrtc(self) -> bool:
        return EndpointKind.SESSION in (self.kind, self.wakes)


class LegState(StrEnum):
    """How far a leg is; a caller's is IN from the start, a sleeping device's INVITED by a push.

    NEW ──asked to ring──> INVITED ──rings──> RINGING ──wins──> IN;  any ──> GONE
    """

    NEW = "new"
    INVITED = "invited"
    RINGING = "ringing"
    IN = "in"
    GONE = "gone"


class RecordPolicy(StrEnum):
    """Which calls are recorded, as the operator decided."""

    NEVER = "never"
    ON_REQUEST = "on_request"
    ALWAYS = "always"


class Taping(StrEnum):
    """Whether a call is recorded.

    OFF ──asked, or by policy──> WANTED ──the server carries it, the engine begins──> ON
    WANTED or ON ──asked, or the engine cannot──> OFF
    """

    OFF = "off"
    WANTED = "wanted"
    ON = "on"


class Pushed(StrEnum):
    """What became of the one push that wakes a device.

    SENT ──a provider took it──> ACCEPTED;  SENT ──nobody did──> FAILED
    """

    SENT = "sent"
    ACCEPTED = "accepted"
    FAILED = "failed"


class Heard(StrEnum):
    """What a party hears; a phone is told the same: sendrecv, sendonly, inactive."""

    OTHER = "other"
    MUSIC = "music"
    """The server's, or what a phone that holds plays itself."""
    NOTHING = "nothing"


@dataclass(slots=True)
class Leg:
    """One endpoint's part in a call. `media` is its current media generation."""

    endpoint: Endpoint
    caller: bool
    state: LegState
    media: int
    offer: str | None = None
    """The offer it made (a caller) or was made (a callee), at generation `media`."""
    answer: str | None = None
    """How a caller's offer was answered, once it was: at the answer, or for early media."""
    codec: str | None = None
    """What its media agreed on before the call was answered."""
    candidates: list[Candidate] = field(default_factory=list)
    """What it trickled so far, kept for whoever joins its media later."""
    candidates_ended: bool = False
    engine: list[int] = field(default_factory=list)
    """The generations that the media engine holds for it."""
    newest: int = 0
    """The highest generation that there was while it talked."""
    moving_to: int | None = None
    """An answered generation that takes over once it is connected."""
    connected: bool = False
    detached: bool = False
    """Its session has no socket now, and may come back."""
    relayed: tuple[int, int] = (0, 0)
    """A generation, and how many of its candidates went to the other side while talking."""
    dtmf_seen: int = -1
    kept_keys: list[tuple[str, int]] = field(default_factory=list)
    """Digits for a phone, with their milliseconds, that came while it had no media."""
    holds: bool = False
    """Its party holds the call."""
    hears: tuple[int, Heard] = (0, Heard.OTHER)
    """A generation, and what the engine was told to let it hear."""
    told: Heard = Heard.OTHER
    """What a phone's session says."""
    proposed: Heard | None = None
    """What a phone was asked to change its session to, and has not answered."""
    rang: bool = False
    insists: int = 0
    """How many of our offers a phone refused that may take another one."""
    push: Pushed | None = None
    reason: EndReason | None = None

    @property
    def id(self) -> str:
        return self.endpoint.id

    @property
    def webrtc(self) -> bool:
        return self.endpoint.kind is EndpointKind.SESSION

    @property
    def wake(self) -> bool:
        return self.endpoint.kind is EndpointKind.WAKE

    @property
    def live(self) -> bool:
        return self.state is not LegState.GONE

    @property
    def side(self) -> EndedBy:
        return EndedBy.CALLER if self.caller else EndedBy.CALLEE


class Clock(Enum):
    """The deadlines a call can have."""

    RING = "ring"
    WAKE = "wake"
    ANSWER = "answer"
    CALLER_LOST = "caller_lost"
    NEGOTIATE = "negotiate"


class Negotiating(StrEnum):
    """Which exchange of session descriptions is under way in a talking call."""

    RELAY = "relay"
    """A side's offer is with the other side; the call is direct."""
    MOVE = "move"
    """A side's offer is with the media engine."""
    ANCHOR = "anchor"
    """Our offer is with a side; the call moves to the server, or to another process of it."""


@dataclass(slots=True)
class Negotiation:
    """The one exchange under way: `leg` owes the answer; `request` waits for it."""

    kind: Negotiating
    leg: str
    media: int
    request: int | None = None
    offer: str = ""
    """What a phone is offered, and once more when it was not the moment for it."""
