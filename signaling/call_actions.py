"""What a call wants done: the actions that its core asks for."""

from dataclasses import dataclass

from signaling.call_events import DtmfAsked
from signaling.call_model import Heard
from signaling.shared.errors import PeerError
from signaling.shared.messages import Candidate, Result
from signaling.shared.push import PushKind
from signaling.shared.reasons import EndedBy, EndReason


@dataclass(frozen=True, slots=True)
class Reply:
    request: int
    result: Result


@dataclass(frozen=True, slots=True)
class Refuse:
    request: int
    error: PeerError


@dataclass(frozen=True, slots=True)
class FindEndpoints:
    """Answered by Found or Unroutable."""


@dataclass(frozen=True, slots=True)
class OpenMedia:
    """Answered by MediaOpened or MediaRefused.

    Without `offer` we make one, of `codecs`, or of those that `within` (another offer) holds.
    `insists` says how many of our offers the phone refused: the next one leaves it less choice.
    """

    leg: str
    media: int
    offer: str | None = None
    codecs: tuple[str, ...] = ()
    within: str | None = None
    insists: int = 0


@dataclass(frozen=True, slots=True)
class AcceptMedia:
    """Answered by MediaAccepted or MediaRefused."""

    leg: str
    media: int
    answer: str


@dataclass(frozen=True, slots=True)
class UpdateMedia:
    """Answered by MediaUpdated or UpdateRefused; nothing has changed after the latter."""

    leg: str
    media: int
    offer: str


@dataclass(frozen=True, slots=True)
class FeedCandidates:
    leg: str
    media: int
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class JoinMedia:
    leg: str
    media: int
    other: str
    other_media: int


@dataclass(frozen=True, slots=True)
class PlayMedia:
    """Let a leg hear this from now on; what it is joined to later, too."""

    leg: str
    media: int
    heard: Heard


@dataclass(frozen=True, slots=True)
class ReofferMedia:
    """Answered by MediaReoffered, our offer of what the phone is to hear, or ChangeRefused."""

    leg: str
    media: int
    heard: Heard


@dataclass(frozen=True, slots=True)
class CloseMedia:
    leg: str
    media: int


@dataclass(frozen=True, slots=True)
class SendTones:
    """Answered by TonesSent or TonesRefused when a side asked for them."""

    leg: str
    media: int
    digits: str
    duration_ms: int
    asked: DtmfAsked | None = None


@dataclass(frozen=True, slots=True)
class RecordMedia:
    """Record what these say, or go on with these; the caller's leg comes first.

    Answered by RecordingBegan when it was not recorded before, and by RecordingRefused.
    """

    leg: str
    media: int
    other: str
    other_media: int


@dataclass(frozen=True, slots=True)
class StopRecording:
    """The recording is over, and is kept."""


@dataclass(frozen=True, slots=True)
class Ring:
    leg: str
    media: int
    offer: str


@dataclass(frozen=True, slots=True)
class ShowRinging:
    """A phone rings: for the caller."""

    leg: str


@dataclass(frozen=True, slots=True)
class ShowWaking:
    """Nothing rings yet, but a device is being woken: for the caller."""

    leg: str


@dataclass(frozen=True, slots=True)
class SendPush:
    """Push a sleeping device; a CALL is answered by PushReported and WakingFailed."""

    leg: str
    kind: PushKind
    reason: EndReason | None = None


@dataclass(frozen=True, slots=True)
class RememberEnd:
    """The device was pushed and never spoke: should it come late, it is told how the call ended."""

    leg: str
    reason: EndReason
    by: EndedBy
    seconds: float


@dataclass(frozen=True, slots=True)
class ShowLateEnd:
    """A device that woke too late hears of the call and its end; it never was a leg."""

    leg: str
    reason: EndReason
    by: EndedBy
    seconds: float


@dataclass(frozen=True, slots=True)
class ShowEarly:
    """The caller is about to hear the callee's phone, which nobody has answered.

    `repeated`: it was told so before, with this answer, and went back to ringing.
    """

    leg: str
    media: int
    answer: str
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class ShowAnswer:
    """`repeated`: the leg has this answer already, from ShowEarly."""

    leg: str
    media: int
    answer: str
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class ShowOffer:
    leg: str
    media: int
    offer: str


@dataclass(frozen=True, slots=True)
class ShowCandidates:
    leg: str
    media: int
    candidates: tuple[Candidate, ...]
    end: bool


@dataclass(frozen=True, slots=True)
class ShowDigits:
    leg: str
    digits: str


@dataclass(frozen=True, slots=True)
class ShowHeld:
    """The other side holds, or has come back."""

    leg: str
    held: bool
    by: EndedBy


@dataclass(frozen=True, slots=True)
class ShowRecording:
    """The call is recorded from now on, or not any more."""

    leg: str
    on: bool


@dataclass(frozen=True, slots=True)
class ProposeChange:
    """Ask a phone to change its session; answered by ChangeAgreed or ChangeRefused."""

    leg: str
    offer: str


@dataclass(frozen=True, slots=True)
class RefuseChange:
    """A phone cannot have the change it asked for; `again`: it may ask again soon."""

    leg: str
    again: bool


@dataclass(frozen=True, slots=True)
class ShowEnd:
    leg: str
    reason: EndReason
    by: EndedBy
    seconds: float


@dataclass(frozen=True, slots=True)
class Finish:
    """The call is over: record it, tell the log, forget it."""

    reason: EndReason
    by: EndedBy
    seconds: float


LegAction = (
    Ring
    | ShowRinging
    | ShowWaking
    | SendPush
    | RememberEnd
    | ShowLateEnd
    | ShowEarly
    | ShowAnswer
    | ShowOffer
    | ShowCandidates
    | ShowDigits
    | ShowHeld
    | ShowRecording
    | ProposeChange
    | RefuseChange
    | ShowEnd
)
MediaAction = (
    OpenMedia
    | AcceptMedia
    | UpdateMedia
    | FeedCandidates
    | JoinMedia
    | PlayMedia
    | ReofferMedia
    | CloseMedia
    | SendTones
)
RecordAction = RecordMedia | StopRecording
Action = Reply | Refuse | FindEndpoints | Finish | MediaAction | RecordAction | LegAction
