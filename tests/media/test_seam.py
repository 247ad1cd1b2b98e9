"""The seam as messages: what goes in on one side comes out on the other, and nothing else does."""

from typing import get_args

import msgspec
import pytest

from media import seam
from media.engine import (
    Connected,
    Digit,
    Direction,
    Failed,
    Figures,
    Gone,
    Held,
    IceCandidate,
    MediaEngine,
    MediaEvent,
    Profile,
    Security,
    Silent,
    Unrecorded,
)
from signaling.shared.errors import (
    BadMessage,
    IncompatibleMedia,
    MediaError,
    NoSuchCall,
    TryAgain,
    WrongState,
    WSPhoneError,
)
from tests.fake_engine import FakeEngine

FIGURES = Figures("PCMU/8000", Direction(9, 1, 2.5, 4.0, 2), Direction(8, None, None, None), 7.5, 3)
EVENTS = [Connected("l"), Silent("l", 3.5), Failed("l", "why"), Digit("l", "#", 80)]
EVENTS += [Held("l", held=True), Gone("l"), Unrecorded("l", "why")]


class Recorder(FakeEngine):
    """Keeps how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[object] = []

    async def open(self, *args: object, **more: object) -> str:
        self.called += [args, more]
        return "our description"

    async def candidates(self, leg: str, candidates: list[IceCandidate]) -> None:
        self.called += [leg, candidates]

    async def query(self, leg: str) -> Figures:
        return FIGURES


async def through(engine: MediaEngine, name: str, *args: object, **more: object) -> object:
    """Call a method as another process would."""
    method = seam.METHODS[name]
    return method.unpack_result(await method.call(engine, method.pack(method.bind(*args, **more))))


class TestMethods:
    def test_all_of_the_seam_travel_but_what_waits_for_nothing(self) -> None:
        public = {name for name in vars(MediaEngine) if not name.startswith("_")}
        assert public - set(seam.METHODS) == {"codecs", "listen"}

    async def test_arguments_keep_their_types_and_defaults_are_filled_in(self) -> None:
        engine = Recorder()
        codecs = ("PCMU/8000", "opus/48000/2")
        answer = await through(
            engine, "open", "c", "l", Profile.RTP, codecs=codecs, security=Security.DTLS
        )
        assert answer == "our description"
        given = {"codecs": codecs, "security": Security.DTLS}
        options = {"offer": None, "peer": None, "recorded": False, **given}
        assert engine.called == [("c", "l", Profile.RTP), options]

    async def test_lists_and_results_of_our_own_types_do_too(self) -> None:
        engine = Recorder()
        candidates = [IceCandidate("candidate:1", None, 0)]
        assert await through(engine, "candidates", "l", candidates) is None
        assert engine.called == ["l", candidates]
        assert await through(engine, "query", "l") == FIGURES

    async def test_arguments_that_do_not_fit_are_refused(self) -> None:
        for arguments in (b"\x80", msgspec.msgpack.encode({"leg": 5}), b"\xc1"):
            with pytest.raises(BadMessage):
                await seam.METHODS["close"].call(FakeEngine(), msgspec.Raw(arguments))


class TestEvents:
    def test_every_kind_is_tried_here(self) -> None:
        assert {type(event) for event in EVENTS} == set(get_args(MediaEvent))

    @pytest.mark.parametrize("event", EVENTS)
    def test_each_comes_out_as_it_went_in(self, event: MediaEvent) -> None:
        told = seam.read_report(seam.pack(seam.told(event)))
        assert isinstance(told, seam.Told)
        assert seam.event_of(told) == event

    def test_a_kind_that_nobody_knows_is_refused(self) -> None:
        for message in (
            seam.Told("Exploded", msgspec.Raw(b"\x80")),
            seam.Told("Gone", msgspec.Raw(b"\x80")),
        ):
            with pytest.raises(BadMessage):
                seam.event_of(message)


class TestErrors:
    @pytest.mark.parametrize(
        "error",
        [
            MediaError("no port"),
            IncompatibleMedia("no codec"),
            BadMessage("no SDP"),
            WrongState("too early", retry_after=1.5),
            WrongState("never"),
            TryAgain("full", retry_after=10.0),
            NoSuchCall("over"),
        ],
    )
    def test_each_is_raised_as_what_it_was(self, error: WSPhoneError) -> None:
        refusal = seam.read_report(seam.pack(seam.refusal_of(3, error)))
        assert isinstance(refusal, seam.Refusal)
        raised = seam.error_of(refusal)
        assert (type(raised), str(raised)) == (type(error), str(error))
        assert getattr(raised, "retry_after", None) == getattr(error, "retry_after", None)

    @pytest.mark.parametrize("name", ["SystemExit", "annotations", "Nothing", ""])
    def test_only_our_own_are(self, name: str) -> None:
        assert type(seam.error_of(seam.Refusal(1, name, "text", None))) is MediaError


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x00" * 50, b"\x81\xa4type\xa4ping\xff"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    for read in (seam.read_request, seam.read_report):
        with pytest.raises(BadMessage):
            read(data)
