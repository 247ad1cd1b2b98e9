"""What a phone changes while it talks: hold, another address, keys by its signalling."""

from signaling.call_actions import (
    AcceptMedia,
    RefuseChange,
    SendTones,
    ShowAnswer,
    ShowDigits,
    UpdateMedia,
)
from signaling.call_events import ChangeAsked, Changed, KeyPressed
from signaling.call_model import State
from tests.call_lab import Lab, phone, ringing, tab, talking


def with_desk() -> Lab:
    """alice's tab talks with bob's desk phone."""
    return talking(phone("desk"))


class TestChange:
    def test_the_engine_answers_and_the_phone_is_told(self) -> None:
        lab = with_desk()
        before = len(lab.told("desk", ShowAnswer))
        lab.do(ChangeAsked("desk", "hold"))
        (update,) = lab.told("desk", UpdateMedia)
        assert update.offer == "hold"
        answers = lab.told("desk", ShowAnswer)[before:]
        assert [answer.answer for answer in answers] == ["engine answers hold"]
        assert lab.state is State.TALKING

    def test_what_the_engine_cannot_do_is_refused_and_the_call_goes_on(self) -> None:
        lab = with_desk()
        lab.engine.fails = lambda action: isinstance(action, UpdateMedia)
        lab.do(ChangeAsked("desk", "another codec"))
        assert lab.told("desk", RefuseChange) == [RefuseChange("desk", again=False)]
        assert lab.state is State.TALKING

    def test_a_caller_that_is_a_phone_may_hold_too(self) -> None:
        lab = talking(tab("bob"), caller=phone("alice", "alice"))
        lab.do(ChangeAsked("alice", "hold"))
        assert lab.told("alice", UpdateMedia)

    def test_who_is_still_being_joined_may_ask_again(self) -> None:
        lab = ringing(tab("bob"), caller=phone("alice", "alice"))
        lab.accept("bob")
        lab.do(ChangeAsked("alice", "hold"))
        assert lab.told("alice", RefuseChange) == [RefuseChange("alice", again=True)]

    def test_an_answer_that_changes_the_session_is_taken(self) -> None:
        lab = with_desk()
        lab.do(Changed("desk", "elsewhere"))
        assert lab.told("desk", AcceptMedia)[-1].answer == "elsewhere"

    def test_strangers_change_nothing(self) -> None:
        lab = with_desk()
        assert lab.do(ChangeAsked("nobody", "hold"), Changed("nobody", "answer")) == []


class TestKeys:
    def test_a_browser_is_shown_the_digit(self) -> None:
        lab = with_desk()
        lab.do(KeyPressed("desk", "5", 160))
        assert lab.told("alice", ShowDigits) == [ShowDigits("alice", "5")]

    def test_a_phone_hears_it_as_a_telephone_event(self) -> None:
        lab = talking(phone("desk"), caller=phone("alice", "alice"))
        lab.do(KeyPressed("alice", "#", 200))
        (tones,) = lab.told("desk", SendTones)
        assert (tones.digits, tones.duration_ms) == ("#", 200)

    def test_before_the_answer_nobody_hears_it(self) -> None:
        lab = ringing(tab("bob"), caller=phone("alice", "alice"))
        assert lab.do(KeyPressed("alice", "5", 160)) == []
