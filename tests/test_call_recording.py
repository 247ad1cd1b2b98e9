"""Recording: who may ask for it, when it begins, what it follows, and who is told."""

import pytest

from signaling.call_actions import (
    JoinMedia,
    OpenMedia,
    RecordMedia,
    Refuse,
    Reply,
    ShowRecording,
    StopRecording,
)
from signaling.call_events import (
    Attached,
    Detached,
    HungUp,
    MediaConnected,
    OfferMade,
    OfferTaken,
    RecordAsked,
    RecordingLost,
)
from signaling.call_model import Mode, RecordPolicy, State, Taping
from signaling.shared.errors import Forbidden, WrongState
from tests.call_lab import Lab, phone, tab, talking

ON_REQUEST = RecordPolicy.ON_REQUEST
RECORD = 2
"""The number of the request for a recording: the first is bob's answer."""


def ask(lab: Lab, leg: str = "alice", *, on: bool = True) -> Reply | Refuse | None:
    return lab.ask(lambda request: RecordAsked(leg, on, request))


def carried(record: RecordPolicy = ON_REQUEST) -> Lab:
    """Two tabs that talk through the server."""
    return talking(tab("bob"), direct=False, record=record)


def moves_to_the_server(lab: Lab) -> None:
    """Both sides take the offers of an anchoring call."""
    for leg in ("alice", "bob"):
        lab.ask(lambda request, leg=leg: OfferTaken(leg, 2, "answer", request))  # type: ignore[misc]


def told(lab: Lab, leg: str) -> list[bool]:
    return [shown.on for shown in lab.told(leg, ShowRecording)]


class TestPolicy:
    def test_a_server_that_does_not_record_says_which_key_allows_it(self) -> None:
        refusal = ask(carried(RecordPolicy.NEVER))
        assert isinstance(refusal, Refuse)
        assert isinstance(refusal.error, Forbidden)
        assert "calls.record" in str(refusal.error)

    def test_every_call_is_recorded_from_its_answer_and_through_the_server(self) -> None:
        lab = talking(tab("bob"), record=RecordPolicy.ALWAYS)
        assert (lab.mode(), lab.call.taping) == (Mode.ANCHORED, Taping.ON)
        assert (told(lab, "alice"), told(lab, "bob")) == ([True], [True])
        lab.check()

    def test_nobody_ends_a_recording_that_the_operator_wants(self) -> None:
        lab = talking(tab("bob"), record=RecordPolicy.ALWAYS)
        refusal = ask(lab, on=False)
        assert isinstance(refusal, Refuse)
        assert isinstance(refusal.error, Forbidden)
        assert "calls.record" in str(refusal.error)
        assert isinstance(ask(lab), Reply)
        assert lab.call.taping is Taping.ON

    def test_a_call_that_cannot_be_recorded_goes_on_without(self) -> None:
        lab = Lab(tab("bob"), record=RecordPolicy.ALWAYS)
        lab.engine.records = False
        lab.answer("bob")
        assert (lab.state, lab.call.taping) == (State.TALKING, Taping.OFF)
        assert told(lab, "alice") == []
        lab.check()


class TestOnRequest:
    def test_either_side_may_ask_and_both_are_told(self) -> None:
        lab = carried()
        assert isinstance(ask(lab, "bob"), Reply)
        assert lab.all(RecordMedia) == [RecordMedia("alice", 1, "bob", 1)]
        assert (told(lab, "alice"), told(lab, "bob")) == ([True], [True])
        assert isinstance(ask(lab, "alice", on=False), Reply)
        assert (told(lab, "alice"), told(lab, "bob")) == ([True, False], [True, False])
        assert lab.engine.recorded is None

    def test_a_repeat_is_answered_and_changes_nothing(self) -> None:
        lab = carried()
        ask(lab)
        before = len(lab.actions)
        assert isinstance(ask(lab, "bob"), Reply)
        assert len(lab.actions) == before + 1

    def test_a_phone_is_told_by_its_sound_alone(self) -> None:
        lab = talking(phone("linphone"), record=ON_REQUEST)
        ask(lab)
        assert (told(lab, "alice"), told(lab, "linphone")) == ([True], [])

    def test_without_room_the_asker_hears_why_and_nobody_is_told(self) -> None:
        lab = carried()
        lab.engine.records = False
        refusal = ask(lab)
        assert isinstance(refusal, Refuse)
        assert isinstance(refusal.error, WrongState)
        assert refusal.error.retry_after == 10.0
        assert told(lab, "alice") == told(lab, "bob") == []

    @pytest.mark.parametrize("leg", ["desk", "stranger"])
    def test_who_does_not_talk_in_the_call_cannot_ask(self, leg: str) -> None:
        assert isinstance(ask(carried(), leg), Refuse)

    def test_the_end_of_the_call_ends_the_recording_and_nobody_waits_for_that(self) -> None:
        lab = carried()
        ask(lab)
        actions = [type(action).__name__ for action in lab.do(HungUp("bob"))]
        assert actions[-2:] == ["StopRecording", "Finish"]
        lab.check()

    def test_both_are_told_when_the_disk_gives_out_and_the_call_goes_on(self) -> None:
        lab = carried()
        ask(lab)
        lab.do(RecordingLost("alice", "No space left on device"))
        assert (told(lab, "alice")[-1], told(lab, "bob")[-1]) == (False, False)
        assert lab.state is State.TALKING
        lab.check()
        lab.do(RecordingLost("alice", "No space left on device"))
        assert len(lab.all(StopRecording)) == 1


class TestDirectCall:
    def test_it_moves_to_the_server_and_then_is_recorded(self) -> None:
        lab = talking(tab("bob"), record=ON_REQUEST)
        assert ask(lab) is None
        assert (lab.mode(), told(lab, "alice")) == (Mode.ANCHORING, [])
        moves_to_the_server(lab)
        assert lab.all(RecordMedia) == [RecordMedia("alice", 2, "bob", 2)]
        assert (told(lab, "alice"), told(lab, "bob")) == ([True], [True])
        assert isinstance(lab.answers[RECORD], Reply)
        # Nobody is heard before it is recorded.
        assert isinstance(lab.actions[-1], JoinMedia)

    def test_it_waits_for_a_move_of_the_clients_own(self) -> None:
        lab = talking(tab("bob"), record=ON_REQUEST)
        lab.ask(lambda request: OfferMade("alice", 2, "offer", request))
        ask(lab)
        assert lab.mode() is Mode.DIRECT
        lab.ask(lambda request: OfferTaken("bob", 2, "answer", request))
        assert lab.mode() is Mode.ANCHORING

    def test_it_waits_for_a_side_that_lost_its_socket(self) -> None:
        lab = talking(tab("bob"), record=ON_REQUEST)
        lab.do(Detached("bob"))
        ask(lab)
        assert lab.mode() is Mode.DIRECT
        lab.do(Attached("bob"))
        assert lab.mode() is Mode.ANCHORING

    def test_a_server_without_room_leaves_it_as_it_is(self) -> None:
        lab = talking(tab("bob"), record=ON_REQUEST)
        lab.engine.fails = lambda action: isinstance(action, OpenMedia)
        refusal = ask(lab)
        assert isinstance(refusal, Refuse)
        assert "they share no codec" in str(refusal.error)
        assert (lab.state, lab.mode(), lab.call.taping) == (State.TALKING, Mode.DIRECT, Taping.OFF)
        lab.check()

    def test_who_asked_is_answered_when_the_call_ends_meanwhile(self) -> None:
        lab = talking(tab("bob"), record=ON_REQUEST)
        ask(lab)
        lab.do(HungUp("bob"))
        assert isinstance(lab.answers[RECORD], Refuse)
        lab.check()

    def test_it_can_be_called_off_while_the_call_moves(self) -> None:
        lab = talking(tab("bob"), record=ON_REQUEST)
        ask(lab)
        assert isinstance(ask(lab, "bob", on=False), Reply)
        assert isinstance(lab.answers[RECORD], Refuse)
        moves_to_the_server(lab)
        assert (lab.mode(), lab.call.taping) == (Mode.ANCHORED, Taping.OFF)
        lab.check()


class TestMoves:
    def test_the_recording_goes_on_with_a_new_media_generation(self) -> None:
        lab = carried()
        ask(lab)
        lab.ask(lambda request: OfferMade("bob", 2, "offer", request))
        lab.do(MediaConnected("bob", 2))
        assert lab.all(RecordMedia)[-1] == RecordMedia("alice", 1, "bob", 2)
        assert (told(lab, "alice"), told(lab, "bob")) == ([True], [True])
        assert not lab.all(StopRecording)
        lab.check()

    def test_it_outlives_a_change_of_processes(self) -> None:
        lab = carried()
        ask(lab)
        lab.restore()
        assert lab.call.taping is Taping.ON
        assert isinstance(ask(lab, on=False), Reply)
        lab.check()
