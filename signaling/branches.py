"""What a timeline comes to: how far each of the callee's endpoints came, and how long it took."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from signaling.shared.reasons import EndedBy, EndReason
from signaling.timeline import Hop, What


class Verdict(StrEnum):
    """How far an endpoint came, the furthest first."""

    ANSWERED = "answered"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    """Somebody took the call there, and no answer followed."""
    RANG = "rang"
    LOST = "lost"
    """It was invited, and was gone before it said that it rings."""
    SILENT = "silent"
    """It was invited and never said that it rings."""
    NO_MEDIA = "no_media"
    """It could not be invited: the media engine or its offer did not serve."""
    WOKE = "woke"
    """The device was pushed and came; how it went on is told of what it came as."""
    ASLEEP = "asleep"
    """A provider took the push, and the device never came."""
    NOT_PUSHED = "not_pushed"
    """No provider took the push."""
    UNTRIED = "untried"


_VERDICTS = (
    ((What.ANSWERED,), Verdict.ANSWERED),
    ((What.REFUSED,), Verdict.REFUSED),
    ((What.ACCEPTED,), Verdict.ACCEPTED),
    ((What.RANG,), Verdict.RANG),
    ((What.INVITED, What.LEFT), Verdict.LOST),
    ((What.INVITED, What.DETACHED), Verdict.LOST),
    ((What.INVITED,), Verdict.SILENT),
    ((What.MEDIA_REFUSED,), Verdict.NO_MEDIA),
    ((What.PUSH_ACCEPTED,), Verdict.ASLEEP),
    ((What.PUSH_ASKED,), Verdict.NOT_PUSHED),
    ((What.PUSH_SENDING,), Verdict.NOT_PUSHED),
    ((What.PUSH_FAILED,), Verdict.NOT_PUSHED),
    ((What.PUSH_DROPPED,), Verdict.NOT_PUSHED),
)
_PUSHED = (Verdict.ASLEEP, Verdict.NOT_PUSHED)
_REASON_OF = {
    Verdict.REFUSED: (What.REFUSED,),
    Verdict.NO_MEDIA: (What.MEDIA_REFUSED,),
    # That somebody else answered may mean what the same device came as.
    Verdict.WOKE: (),
    Verdict.NOT_PUSHED: (What.PUSH_FAILED, What.PUSH_DROPPED, What.PUSH_GIVEN_UP),
}


@dataclass(frozen=True, slots=True)
class Branch:
    """One endpoint of the callee, or the pushes to one device; times are Unix seconds."""

    leg: str | None
    kind: str | None
    account: str | None
    device: str | None
    verdict: Verdict
    reason: str | None
    since: float
    rang_at: float | None
    answered_at: float | None
    gone_at: float | None


@dataclass(frozen=True, slots=True)
class SetUp:
    """Seconds from the start of a call; None for what did not happen."""

    ringing: float | None
    answer: float | None
    wakes: tuple[float, ...]
    """Of each device that came: from a provider's acceptance to its connect."""


def branches(hops: Iterable[Hop]) -> list[Branch]:
    """The callee's endpoints in the order in which they came into the call."""
    by_leg: dict[tuple[str | None, str | None], list[Hop]] = {}
    came: set[tuple[str | None, str | None]] = set()
    for hop in hops:
        if hop.what is What.APPEARED:
            came.add((hop.account, hop.device))
        if hop.side is EndedBy.CALLEE and (hop.leg or hop.device):
            # A late push names no leg: it belongs to the pushes of its device.
            key = (None, hop.device) if hop.leg is None else (hop.leg, None)
            by_leg.setdefault(key, []).append(hop)
    return [_branch(of_leg, came) for of_leg in by_leg.values()]


def set_up(hops: Sequence[Hop]) -> SetUp:
    """How long the steps of a call took."""
    if not hops:
        return SetUp(None, None, ())
    began = hops[0].at

    def after(what: What) -> float | None:
        at = _first(hops, what)
        return None if at is None else max(0.0, at - began)

    return SetUp(after(What.TOLD_RINGING), after(What.TOLD_ANSWER), tuple(_wakes(hops)))


def _wakes(hops: Sequence[Hop]) -> list[float]:
    accepted: dict[tuple[str | None, str], float] = {}
    took = []
    for hop in hops:
        if hop.device is None:
            continue
        device = (hop.account, hop.device)
        if hop.what is What.PUSH_ACCEPTED:
            accepted.setdefault(device, hop.at)
        elif hop.what is What.APPEARED and device in accepted:
            took.append(max(0.0, hop.at - accepted.pop(device)))
    return took


def _branch(hops: list[Hop], came: Collection[tuple[str | None, str | None]]) -> Branch:
    seen = {hop.what for hop in hops}
    if EndReason.ANSWERED_ELSEWHERE in (hop.reason for hop in hops):
        # It lost the race: another one's answer counts.
        seen -= {What.ACCEPTED, What.ANSWERED}
    verdict = next(
        (verdict for needed, verdict in _VERDICTS if seen.issuperset(needed)), Verdict.UNTRIED
    )
    first = hops[0]
    has_failed = not seen.isdisjoint((What.PUSH_FAILED, What.PUSH_DROPPED))
    if verdict in _PUSHED and not has_failed and (first.account, first.device) in came:
        verdict = Verdict.WOKE
    reasons = _REASON_OF.get(verdict, (What.TOLD_END,))
    gone = [_first(hops, what) for what in (What.TOLD_END, What.REFUSED, What.LEFT)]
    return Branch(
        leg=first.leg,
        kind=first.kind,
        account=first.account,
        device=first.device,
        verdict=verdict,
        reason=next((hop.reason for hop in hops if hop.what in reasons), None),
        since=first.at,
        rang_at=_first(hops, What.RANG),
        answered_at=_first(hops, What.ANSWERED) if verdict is Verdict.ANSWERED else None,
        gone_at=min((at for at in gone if at is not None), default=None),
    )


def _first(hops: Iterable[Hop], what: What) -> float | None:
    return next((hop.at for hop in hops if hop.what is what), None)
