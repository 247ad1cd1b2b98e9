"""What happens to a call: the events that its core takes."""

from dataclasses import dataclass

from signaling.call_model import Endpoint
from signaling.shared.errors import PeerError
from signaling.shared.messages import Candidate
from signaling.shared.push import Provider, Step
from signaling.shared.reasons import EndReason


@dataclass(frozen=True, slots=True)
class Found:
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Unroutable:
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Appeared:
    """An endpoint of the callee came while the call was ringing, or came back another way."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class PushReported:
    """How far a push to a sleeping device is; `reason` is the provider's word."""

    leg: str
    step: Step
    provider: Provider
    attempt: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class WakingFailed:
    """No push reached the device, and none is tried any more.

    `reason` is what was said of it, for the timeline; `end` is what a caller hears.
    """

    leg: str
    reason: str
    end: EndReason = EndReason.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Rang:
    leg: str


@dataclass(frozen=True, slots=True)
class Accepted:
    leg: str
    request: int


@dataclass(frozen=True, slots=True)
class Answered:
    """`media` tells which ring of several it answers, where the endpoint knows."""

    leg: str
    answer: str
    request: int | None = None
    media: int | None = None


@dataclass(frozen=True, slots=True)
class EarlyAnswered:
    """A phone that rings describes sound that it makes before anybody answers.

    `media` tells which ring of several it is about.
    """

    leg: str
    answer: str
    media: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """`media` tells which ring of several is refused, where the endpoint knows.

    `code` is what a SIP phone answered.
    """

    leg: str
    reason: EndReason
    media: int | None = None
    code: int | None = None


@dataclass(frozen=True, slots=True)
class HungUp:
    leg: str


@dataclass(frozen=True, slots=True)
class Left:
    """The endpoint is gone for good, without a word."""

    leg: str


@dataclass(frozen=True, slots=True)
class Detached:
    """The session's socket broke; it may come back."""

    leg: str


@dataclass(frozen=True, slots=True)
class Attached:
    leg: str


@dataclass(frozen=True, slots=True)
class Trickled:
    leg: str
    media: int
    candidates: tuple[Candidate, ...]
    end: bool


@dataclass(frozen=True, slots=True)
class OfferMade:
    leg: str
    media: int
    offer: str
    request: int


@dataclass(frozen=True, slots=True)
class OfferTaken:
    """A side answered the offer that it was made."""

    leg: str
    media: int
    answer: str
    request: int


@dataclass(frozen=True, slots=True)
class MediaReported:
    leg: str
    media: int
    connected: bool


@dataclass(frozen=True, slots=True)
class DtmfAsked:
    leg: str
    n: int
    digits: str
    duration_ms: int
    request: int | None = None


@dataclass(frozen=True, slots=True)
class TonesSent:
    """The digits that a side asked for are on their way."""

    asked: DtmfAsked


@dataclass(frozen=True, slots=True)
class TonesRefused:
    asked: DtmfAsked
    error: PeerError


@dataclass(frozen=True, slots=True)
class MediaOpened:
    leg: str
    media: int
    sdp: str


@dataclass(frozen=True, slots=True)
class MediaAccepted:
    leg: str
    media: int
    codec: str


@dataclass(frozen=True, slots=True)
class MediaRefused:
    leg: str
    media: int
    reason: EndReason
    detail: str


@dataclass(frozen=True, slots=True)
class MediaConnected:
    leg: str
    media: int


@dataclass(frozen=True, slots=True)
class MediaLost:
    """The engine gave the leg's transport up, or heard nothing from it for too long."""

    leg: str
    media: int
    silent: bool
    reason: EndReason = EndReason.MEDIA_FAILED


@dataclass(frozen=True, slots=True)
class MediaGone:
    """The process of the engine that held the leg's media is dead."""

    leg: str
    media: int


@dataclass(frozen=True, slots=True)
class DigitHeard:
    leg: str
    media: int
    digit: str


@dataclass(frozen=True, slots=True)
class ChangeAsked:
    """A phone changes its session: it holds or comes back, or takes its media elsewhere."""

    leg: str
    offer: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A phone's answer to a repeat of our own description changes its session."""

    leg: str
    answer: str


@dataclass(frozen=True, slots=True)
class HoldAsked:
    """A client holds the call, or comes back."""

    leg: str
    held: bool
    request: int


@dataclass(frozen=True, slots=True)
class PeerHeld:
    """A phone holds the call by its session's description, or has come back."""

    leg: str
    media: int
    held: bool


@dataclass(frozen=True, slots=True)
class MediaReoffered:
    """Our new description for a phone, which it has not seen yet."""

    leg: str
    media: int
    sdp: str


@dataclass(frozen=True, slots=True)
class ChangeAgreed:
    """A phone took the change of its session that we proposed."""

    leg: str
    answer: str


@dataclass(frozen=True, slots=True)
class ChangeRefused:
    """Its session is as it was; `again`: only because it was not the moment for it."""

    leg: str
    again: bool


@dataclass(frozen=True, slots=True)
class RecordAsked:
    """A client wants the call recorded, or not any more."""

    leg: str
    on: bool
    request: int


@dataclass(frozen=True, slots=True)
class RecordingBegan:
    """The engine records; told once a recording, though it may go on with other media."""


@dataclass(frozen=True, slots=True)
class RecordingRefused:
    """The engine does not record, and will not."""

    error: PeerError


@dataclass(frozen=True, slots=True)
class RecordingLost:
    """The engine gave a recording up that had begun; `detail` says why."""

    leg: str
    detail: str


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A phone said by its signalling that a key was pressed."""

    leg: str
    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class MediaUpdated:
    leg: str
    media: int
    sdp: str


@dataclass(frozen=True, slots=True)
class UpdateRefused:
    """`again`: only because the engine was not there."""

    leg: str
    media: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class TimePassed:
    pass


@dataclass(frozen=True, slots=True)
class Stopped:
    """The server ends the call, for `reason`."""

    reason: EndReason


Event = (
    Found
    | Unroutable
    | Appeared
    | PushReported
    | WakingFailed
    | Rang
    | Accepted
    | Answered
    | EarlyAnswered
    | Rejected
    | HungUp
    | Left
    | Detached
    | Attached
    | Trickled
    | OfferMade
    | OfferTaken
    | MediaReported
    | DtmfAsked
    | TonesSent
    | TonesRefused
    | MediaOpened
    | MediaAccepted
    | MediaRefused
    | MediaConnected
    | MediaLost
    | MediaGone
    | DigitHeard
    | ChangeAsked
    | Changed
    | HoldAsked
    | PeerHeld
    | MediaReoffered
    | ChangeAgreed
    | ChangeRefused
    | RecordAsked
    | RecordingBegan
    | RecordingRefused
    | RecordingLost
    | KeyPressed
    | MediaUpdated
    | UpdateRefused
    | TimePassed
    | Stopped
)
