"""Media in a call: candidates, moves, the switch to the server, digits, silence."""

import pytest

from signaling.call_actions import (
    CloseMedia,
    FeedCandidates,
    JoinMedia,
    OpenMedia,
    Refuse,
    Reply,
    SendTones,
    ShowCandidates,
    ShowDigits,
    ShowOffer,
)
from signaling.call_events import (
    Appeared,
    DigitHeard,
    DtmfAsked,
    HungUp,
    KeyPressed,
    MediaConnected,
    MediaLost,
    OfferMade,
    OfferTaken,
    Trickled,
)
from signaling.call_model import State
from signaling.call_state import NEGOTIATE_SECONDS
from signaling.shared.errors import IncompatibleMedia, WrongState
from signaling.shared.messages import MAX_CANDIDATES, CallAccepted, Done, OfferAnswered
from signaling.shared.reasons import EndReason
from tests.call_lab import Lab, candidate, phone, ringing, tab, talking

OPUS = "opus/48000/2"
PCMU = "PCMU/8000"


def trickle(leg: str, *numbers: int, media: int = 1, end: bool = False) -> Trickled:
    return Trickled(leg, media, tuple(candidate(number) for number in numbers), end)


def offer(lab: Lab, leg: str, media: int) -> Reply | Refuse | None:
    return lab.ask(lambda request: OfferMade(leg, media, f"offer {media} of {leg}", request))


def take(lab: Lab, leg: str, media: int) -> Reply | Refuse | None:
    return lab.ask(lambda request: OfferTaken(leg, media, f"answer {media} of {leg}", request))


def press(lab: Lab, leg: str) -> Reply | Refuse | None:
    return lab.ask(lambda request: DtmfAsked(leg, 0, "5", 120, request))


def wrong_state(answer: Reply | Refuse | None) -> WrongState:
    assert isinstance(answer, Refuse)
    assert isinstance(answer.error, WrongState)
    return answer.error


def anchored() -> Lab:
    """A browser that talks to a phone; both are connected."""
    lab = talking(phone("linphone"))
    lab.connect("alice", "linphone")
    return lab


class TestCandidates:
    def test_the_callers_reach_everybody_who_rings(self) -> None:
        lab = ringing(tab("bob"), tab("desk"))
        lab.do(trickle("alice", 1, end=True))
        assert lab.all(ShowCandidates) == [
            ShowCandidates("bob", 1, (candidate(1),), end=True),
            ShowCandidates("desk", 1, (candidate(1),), end=True),
        ]

    def test_an_accept_brings_those_that_came_before(self) -> None:
        lab = ringing()
        lab.do(trickle("alice", 1, 2))
        accepted = lab.accept("bob")
        assert isinstance(accepted, Reply)
        assert isinstance(accepted.result, CallAccepted)
        assert accepted.result.candidates == [candidate(1), candidate(2)]

    def test_a_callees_are_held_until_it_wins(self) -> None:
        lab = ringing(tab("bob"), tab("desk"))
        lab.do(trickle("bob", 1), trickle("desk", 2))
        assert not lab.all(ShowCandidates)
        lab.accept("bob")
        lab.do(trickle("bob", 3))
        assert not lab.told("alice", ShowCandidates)
        lab.answer("bob")
        assert lab.told("alice", ShowCandidates) == [
            ShowCandidates("alice", 1, (candidate(1), candidate(3)), end=False)
        ]

    def test_those_after_the_answer_go_straight_across(self) -> None:
        lab = talking()
        lab.do(trickle("bob", 1), trickle("alice", 2, end=True))
        assert lab.all(ShowCandidates) == [
            ShowCandidates("alice", 1, (candidate(1),), end=False),
            ShowCandidates("bob", 1, (candidate(2),), end=True),
        ]

    def test_no_side_floods_the_other_with_them(self) -> None:
        lab = talking()
        for _ in range(3):
            lab.do(trickle("bob", *range(MAX_CANDIDATES - 5)))
        told = lab.told("alice", ShowCandidates)
        assert sum(len(each.candidates) for each in told) == MAX_CANDIDATES
        assert len(told) == 2
        lab.do(trickle("bob", 1, media=2))
        assert len(lab.told("alice", ShowCandidates)) == 3

    def test_their_end_is_told_to_whoever_comes_later(self) -> None:
        lab = ringing()
        lab.do(trickle("alice", 1, end=True), trickle("bob", end=True), Appeared(tab("late")))
        assert lab.told("late", ShowCandidates) == [
            ShowCandidates("late", 1, (candidate(1),), end=True)
        ]
        lab.answer("bob")
        assert lab.told("alice", ShowCandidates) == [ShowCandidates("alice", 1, (), end=True)]

    def test_those_of_an_old_generation_are_passed_over(self) -> None:
        lab = ringing()
        assert lab.do(trickle("alice", 1, media=2)) == []
        lab.answer("bob")
        offer(lab, "alice", 2)
        take(lab, "bob", 2)
        assert lab.do(trickle("bob", 1, media=1)) == []
        assert len(lab.do(trickle("bob", 1, media=2))) == 1

    def test_an_anchored_callers_are_kept_for_the_engine(self) -> None:
        lab = ringing(phone("linphone"), tab("bob"))
        lab.do(trickle("alice", 1))
        assert not lab.all(ShowCandidates)
        lab.answer("bob")
        assert lab.told("alice", FeedCandidates) == [FeedCandidates("alice", 1, (candidate(1),))]
        lab.do(trickle("alice", 2), trickle("bob", 3))
        assert lab.all(FeedCandidates)[1:] == [
            FeedCandidates("alice", 1, (candidate(2),)),
            FeedCandidates("bob", 1, (candidate(3),)),
        ]
        assert not lab.all(ShowCandidates)

    def test_an_anchored_callees_go_to_the_engine_at_once(self) -> None:
        lab = ringing(tab("bob"), direct=False)
        lab.do(trickle("bob", 1))
        assert lab.all(FeedCandidates) == [FeedCandidates("bob", 1, (candidate(1),))]

    def test_no_more_are_kept_than_a_generation_may_have(self) -> None:
        lab = ringing()
        lab.do(trickle("alice", *range(15)), trickle("alice", *range(15, 30)))
        assert len(lab.call.legs["alice"].candidates) == MAX_CANDIDATES
        assert lab.do(trickle("alice", 31), trickle("alice")) == []

    def test_strangers_candidates_go_nowhere(self) -> None:
        assert talking().do(trickle("stranger", 1)) == []


class TestRenegotiation:
    @pytest.mark.parametrize("media", [1, 2])
    def test_an_offer_in_a_direct_call_is_brought_to_the_other_side(self, media: int) -> None:
        lab = talking()
        assert offer(lab, "bob", media) is None
        assert lab.all(ShowOffer) == [ShowOffer("alice", media, f"offer {media} of bob")]
        assert take(lab, "alice", media) == Reply(3, Done())
        assert lab.answers[2] == Reply(2, OfferAnswered(f"answer {media} of alice"))
        assert [leg.media for leg in lab.call.parties()] == [media, media]
        assert lab.call.deadline() is None

    def test_glare_is_told_to_come_again(self) -> None:
        lab = talking()
        offer(lab, "alice", 2)
        assert wrong_state(offer(lab, "bob", 2)).retry_after == 1.0
        take(lab, "bob", 2)
        assert offer(lab, "bob", 3) is None

    def test_an_offer_that_nobody_answers_may_be_made_again(self) -> None:
        lab = talking()
        offer(lab, "alice", 2)
        assert lab.call.deadline() == lab.now + NEGOTIATE_SECONDS
        lab.wait(NEGOTIATE_SECONDS)
        assert wrong_state(lab.answers[2]).retry_after == 1.0
        assert lab.state is State.TALKING
        wrong_state(take(lab, "bob", 2))
        assert offer(lab, "alice", 2) is None

    def test_an_offer_of_an_old_generation_is_refused(self) -> None:
        lab = talking()
        offer(lab, "alice", 3)
        take(lab, "bob", 3)
        assert "media 3 or higher" in str(wrong_state(offer(lab, "alice", 2)))

    def test_only_the_side_that_owes_the_answer_may_give_it(self) -> None:
        lab = talking()
        offer(lab, "alice", 2)
        for leg, media in (("alice", 2), ("bob", 1), ("stranger", 2)):
            wrong_state(take(lab, leg, media))
        assert lab.call.negotiation is not None

    def test_the_end_answers_the_offer_that_is_open(self) -> None:
        lab = talking()
        offer(lab, "alice", 2)
        lab.do(HungUp("bob"))
        wrong_state(lab.answers[2])
        lab.check()

    def test_before_the_answer_and_after_the_end_there_is_nothing_to_renegotiate(self) -> None:
        lab = ringing()
        wrong_state(offer(lab, "alice", 2))
        wrong_state(take(lab, "alice", 2))
        lab.do(HungUp("alice"))
        wrong_state(offer(lab, "alice", 2))
        wrong_state(take(lab, "alice", 2))

    def test_strangers_cannot_renegotiate(self) -> None:
        lab = talking()
        wrong_state(offer(lab, "stranger", 2))


class TestMove:
    """A side of an anchored call goes to a new transport; the other side sees nothing."""

    def test_the_old_generation_is_closed_once_the_new_one_is_connected(self) -> None:
        lab = anchored()
        assert offer(lab, "alice", 2) == Reply(2, OfferAnswered("engine answers offer 2 of alice"))
        assert lab.told("alice", OpenMedia)[-1].codecs == (OPUS,)
        assert not lab.all(CloseMedia)
        before = len(lab.actions)
        lab.do(MediaConnected("alice", 2))
        assert lab.actions[before:] == [
            JoinMedia("alice", 2, "linphone", 1),
            CloseMedia("alice", 1),
        ]
        assert not lab.told("linphone", ShowOffer)
        assert lab.call.legs["alice"].media == 2

    def test_an_offer_of_the_generation_in_use_is_refused(self) -> None:
        lab = anchored()
        assert "media 2 or higher" in str(wrong_state(offer(lab, "alice", 1)))

    def test_a_second_move_replaces_one_that_never_connected(self) -> None:
        lab = anchored()
        offer(lab, "alice", 2)
        assert "media 3 or higher" in str(wrong_state(offer(lab, "alice", 2)))
        assert isinstance(offer(lab, "alice", 3), Reply)
        assert lab.all(CloseMedia) == [CloseMedia("alice", 2)]
        lab.do(MediaConnected("alice", 2), MediaConnected("alice", 3))
        assert lab.engine.held == {("alice", 3), ("linphone", 1)}

    def test_a_move_that_fails_leaves_the_call_where_it_was(self) -> None:
        lab = anchored()
        offer(lab, "alice", 2)
        lab.do(MediaLost("alice", 2, silent=False))
        assert lab.state is State.TALKING
        assert lab.engine.held == {("alice", 1), ("linphone", 1)}

    def test_an_offer_that_the_engine_refuses_leaves_the_call_where_it_was(self) -> None:
        lab = anchored()
        lab.engine.fails = lambda action: True
        refused = offer(lab, "alice", 2)
        assert isinstance(refused, Refuse)
        assert isinstance(refused.error, IncompatibleMedia)
        assert lab.state is State.TALKING

    def test_both_sides_may_move_at_once(self) -> None:
        lab = talking(tab("bob"), direct=False)
        lab.connect("alice", "bob")
        offer(lab, "alice", 2)
        offer(lab, "bob", 2)
        lab.do(MediaConnected("bob", 2), MediaConnected("alice", 2))
        assert lab.all(JoinMedia)[-1] == JoinMedia("alice", 2, "bob", 2)
        assert lab.engine.held == {("alice", 2), ("bob", 2)}

    def test_everything_is_closed_when_the_call_ends_in_the_middle(self) -> None:
        lab = anchored()
        offer(lab, "alice", 2)
        lab.do(HungUp("alice"))
        lab.check()


class TestLostMedia:
    def test_silence_ends_the_call_with_media_failed(self) -> None:
        lab = anchored()
        lab.do(MediaLost("linphone", 1, silent=True))
        assert lab.end_of("alice") is EndReason.MEDIA_FAILED
        assert lab.end_of("linphone") is EndReason.MEDIA_FAILED

    def test_a_transport_that_never_worked_ends_the_call(self) -> None:
        lab = talking(phone("linphone"))
        lab.do(MediaLost("alice", 1, silent=False))
        assert lab.end_of("alice") is EndReason.MEDIA_FAILED

    def test_a_transport_that_worked_may_be_followed_by_a_move(self) -> None:
        lab = anchored()
        assert lab.do(MediaLost("alice", 1, silent=False)) == []
        assert isinstance(offer(lab, "alice", 2), Reply)

    def test_the_loss_of_an_old_generation_is_late(self) -> None:
        lab = anchored()
        offer(lab, "alice", 2)
        lab.do(MediaConnected("alice", 2))
        assert lab.do(MediaLost("alice", 1, silent=True), MediaConnected("alice", 1)) == []


class TestDigits:
    def test_a_repeated_number_is_harmless(self) -> None:
        lab = anchored()
        lab.do(DtmfAsked("alice", 0, "1", 120), DtmfAsked("alice", 0, "1", 120))
        lab.do(DtmfAsked("alice", 1, "23", 80), DtmfAsked("alice", 0, "1", 120))
        assert [(tones.digits, tones.duration_ms) for tones in lab.all(SendTones)] == [
            ("1", 120),
            ("23", 80),
        ]

    def test_digits_that_could_not_be_sent_are_refused_and_may_be_sent_again(self) -> None:
        lab = anchored()
        lab.engine.fails = lambda action: isinstance(action, SendTones)
        assert wrong_state(press(lab, "alice")).retry_after == 1.0
        lab.engine.fails = lambda action: False
        for _ in range(2):
            answer = press(lab, "alice")
            assert isinstance(answer, Reply)
            assert answer.result == Done()
        assert len(lab.all(SendTones)) == 2

    def test_a_browser_is_told_digits_by_an_event(self) -> None:
        lab = talking()
        lab.do(DtmfAsked("alice", 0, "5", 120), DtmfAsked("bob", 0, "6", 120))
        assert lab.all(ShowDigits) == [ShowDigits("bob", "5"), ShowDigits("alice", "6")]

    def test_a_phones_digits_are_shown_to_the_browser(self) -> None:
        lab = anchored()
        lab.do(DigitHeard("linphone", 1, "#"), DigitHeard("linphone", 9, "*"))
        assert lab.all(ShowDigits) == [ShowDigits("alice", "#")]

    def test_a_key_that_one_phone_tells_by_info_reaches_another_as_tones(self) -> None:
        lab = talking(phone("desk"), caller=phone("linphone", "alice"))
        lab.do(KeyPressed("desk", "5", 250))
        (tones,) = lab.all(SendTones)
        assert (tones.leg, tones.digits, tones.duration_ms) == ("linphone", "5", 250)

    def test_a_phone_hears_a_browsers_in_band_digits_by_the_bridge_alone(self) -> None:
        assert anchored().do(DigitHeard("alice", 1, "#")) == []

    def test_nobody_presses_keys_before_the_answer(self) -> None:
        wrong_state(press(ringing(), "alice"))

    def test_strangers_cannot_press_keys(self) -> None:
        wrong_state(press(anchored(), "stranger"))
