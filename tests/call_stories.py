"""Stories of calls for hypothesis: who is called, which parts fail, and what happens then."""

from collections.abc import Callable

from hypothesis import strategies as st

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
    HoldAsked,
    HungUp,
    KeyPressed,
    Left,
    MediaConnected,
    MediaGone,
    MediaLost,
    MediaReported,
    OfferMade,
    OfferTaken,
    PeerHeld,
    PushReported,
    Rang,
    RecordAsked,
    RecordingLost,
    Rejected,
    Trickled,
    WakingFailed,
)
from signaling.call_model import EndpointKind, Reach, RecordPolicy
from signaling.shared.push import Provider, Step
from signaling.shared.reasons import EndReason
from tests.call_lab import ALICE, Lab, candidate, phone, sleeper, tab

LEGS = ("alice", "bob", "desk", "third", "late tab", "late phone", "wake tablet", "wake mobile")
LATE = (
    tab("late tab", device="tablet"),
    phone("late phone", device="mobile"),
    phone("late phone", device="mobile", path="elsewhere"),
    phone("third", path="elsewhere"),
)

_APP = EndpointKind.SESSION

Move = Callable[[Lab], object]
Story = tuple[Callable[[], Lab], list[tuple[str, Move]]]


def ask(make: Callable[[int], Event]) -> Move:
    return lambda lab: lab.ask(make)


def answer_open_offer(lab: Lab) -> None:
    """Whoever owes an answer gives it."""
    owed = lab.call.negotiation
    if owed is not None:
        lab.ask(lambda request: OfferTaken(owed.leg, owed.media, "answer", request))


def report_failure(leg: str) -> Move:
    """A client says that its current media does not work."""

    def step(lab: Lab) -> None:
        if leg in lab.call.legs:
            lab.do(MediaReported(leg, lab.call.legs[leg].media, connected=False))

    return step


def sound_early(leg: str) -> Move:
    """A phone sounds before anybody answers."""

    def step(lab: Lab) -> None:
        if leg in lab.call.legs:
            media = lab.call.legs[leg].media
            lab.do(EarlyAnswered(leg, "early answer", media), MediaConnected(leg, media))

    return step


def connect_everything(lab: Lab) -> None:
    for leg, media in sorted(lab.engine.held):
        lab.do(MediaConnected(leg, media))


def new_transport(leg: str) -> Move:
    """A side moves: with a generation that nobody has used."""

    def step(lab: Lab) -> None:
        newest = max([media for _, media in lab.engine.opened] + [4])
        lab.ask(lambda request: OfferMade(leg, newest + 1, "offer", request))

    return step


@st.composite
def steps(draw: st.DrawFn) -> tuple[str, Move]:
    """One thing that can happen to a call, with its name for whoever reads a failure."""
    leg = draw(st.sampled_from(LEGS))
    media = draw(st.integers(1, 4))
    reason = draw(st.sampled_from([EndReason.BUSY, EndReason.DECLINED, EndReason.UNAVAILABLE]))
    flag = draw(st.booleans())
    often: dict[str, Event | Move] = {
        "appears": Appeared(draw(st.sampled_from(LATE))),
        "is pushed": PushReported(leg, Step.ACCEPTED if flag else Step.RETRYING, Provider.FCM, 1),
        "rings": Rang(leg),
        "accepts": ask(lambda request: Accepted(leg, request)),
        "answers": ask(lambda request: Answered(leg, "answer", request)),
        "trickles": Trickled(leg, media, (candidate(1), candidate(2)), end=flag),
        "offers": ask(lambda request: OfferMade(leg, media, "offer", request)),
        "takes": ask(lambda request: OfferTaken(leg, media, "answer", request)),
        "moves": new_transport(leg),
        "reports": MediaReported(leg, media, connected=flag),
        "reports failure": report_failure(leg),
        "presses": DtmfAsked(leg, media, "12", 120),
        "answers what is open": answer_open_offer,
        "is heard early": sound_early(leg),
        "connects": connect_everything,
        "is heard": DigitHeard(leg, media, "5"),
        "changes": ChangeAsked(leg, "offer"),
        "has changed": Changed(leg, "answer"),
        "holds": ask(lambda request: HoldAsked(leg, flag, request)),
        "holds by its session": PeerHeld(leg, media, flag),
        "is to be recorded": ask(lambda request: RecordAsked(leg, flag, request)),
        "is recorded no more": RecordingLost(leg, "the disk is full"),
        "agrees to a change": ChangeAgreed(leg, "answer"),
        "agrees to no change": ChangeRefused(leg, again=flag),
        "is pressed": KeyPressed(leg, "5", 160),
        "breaks": MediaLost(leg, media, silent=False),
        "is gone": MediaGone(leg, media),
        "loses its engine": lambda lab: lab.crash(),
        "attaches": Attached(leg),
        "waits": lambda lab: lab.wait(0.875),
    }
    seldom: dict[str, Event | Move] = {
        "rejects": Rejected(leg, reason),
        "refuses an older ring": Rejected(leg, reason, media=media),
        "cannot be woken": WakingFailed(leg, "UNREGISTERED"),
        "hangs up": HungUp(leg),
        "leaves": Left(leg),
        "detaches": Detached(leg),
        "falls silent": MediaLost(leg, media, silent=True),
        "waits long": lambda lab: lab.wait(media * 5.0),
    }
    # Endings make for short stories: they come less often than the rest.
    choices = seldom if draw(st.integers(0, 9)) == 9 else often
    name = draw(st.sampled_from(sorted(choices)))
    chosen = choices[name]
    if callable(chosen):
        return f"{leg} {name} ({media})", chosen
    event = chosen
    return repr(event), lambda lab: lab.do(event)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A fork, an engine that fails now and then, and what happens to the call."""
    kind = draw(st.sampled_from(["direct", "direct", "with a phone", "from a phone", "anchored"]))
    reach = draw(st.sampled_from(Reach))
    sleep = draw(st.sets(st.sampled_from(["tablet", "mobile", "device of bob"])))
    failing = draw(st.sets(st.integers(0, 12), max_size=2))
    policy, records = draw(st.sampled_from(RecordPolicy)), draw(st.booleans())
    winner = draw(st.sampled_from((None, *LEGS)))

    def begin() -> Lab:
        caller = phone("alice", "alice") if kind == "from a phone" else ALICE
        third = (phone if kind == "with a phone" else tab)("third")
        sleepers = [
            sleeper(device, wakes=EndpointKind.CONTACT if device == "mobile" else _APP)
            for device in sorted(sleep)
        ]
        here = (tab("bob", reach=reach), tab("desk"), third, *sleepers)
        lab = Lab(*here, caller=caller, direct=kind != "anchored", record=policy)
        lab.engine.records = records
        asked = iter(range(1_000_000))
        lab.engine.fails = lambda action: next(asked) in failing
        if winner is not None:
            lab.answer(winner)
        return lab

    length = draw(st.integers(0, 40))
    return begin, draw(st.lists(steps(), min_size=length, max_size=length))
