"""The engine's process dies under a call: it is brought back in another one, or ends in words."""

import pytest

from signaling.call_actions import (
    AcceptMedia,
    JoinMedia,
    OpenMedia,
    PlayMedia,
    ProposeChange,
    Refuse,
    RefuseChange,
    Reply,
    Ring,
    SendTones,
    ShowCandidates,
    ShowDigits,
    ShowEnd,
    ShowOffer,
)
from signaling.call_events import (
    Answered,
    Attached,
    ChangeAgreed,
    ChangeAsked,
    ChangeRefused,
    Detached,
    EarlyAnswered,
    HoldAsked,
    KeyPressed,
    MediaConnected,
    MediaGone,
    PeerHeld,
    Rang,
)
from signaling.call_model import Heard, Mode, State
from signaling.call_state import NEGOTIATE_SECONDS
from signaling.call_wake import MAX_RINGS
from signaling.shared.errors import IncompatibleMedia
from signaling.shared.reasons import EndReason
from tests.call_lab import Lab, phone, ringing, tab, talking
from tests.test_call_media import PCMU, anchored, offer, press, take, trickle, wrong_state


def agree(lab: Lab, leg: str) -> None:
    """A phone takes what it was proposed."""
    lab.do(ChangeAgreed(leg, "new answer"))


def proposed(lab: Lab, leg: str) -> list[str]:
    return [action.offer for action in lab.told(leg, ProposeChange)]


def two_phones() -> Lab:
    lab = talking(phone("desk"), caller=phone("alice", "alice"))
    lab.connect("alice", "desk")
    return lab


class TestTalking:
    def test_both_sides_get_new_media_in_turn_and_are_joined(self) -> None:
        lab = anchored()
        lab.call.codec = PCMU
        lab.crash()
        assert lab.mode() is Mode.ANCHORING
        assert lab.told("alice", ShowOffer) == [ShowOffer("alice", 2, "engine offers ('alice', 2)")]
        take(lab, "alice", 2)
        assert proposed(lab, "linphone") == ["engine offers ('linphone', 2)"]
        agree(lab, "linphone")
        assert lab.told("linphone", AcceptMedia)[-1] == AcceptMedia("linphone", 2, "new answer")
        assert lab.all(JoinMedia)[-1] == JoinMedia("linphone", 2, "alice", 2)
        assert lab.mode() is Mode.ANCHORED
        assert lab.call.deadline() is None
        assert lab.engine.held == {("alice", 2), ("linphone", 2)}
        lab.check()

    def test_the_codec_of_the_call_comes_first_in_both_offers(self) -> None:
        lab = anchored()
        lab.call.codec = lab.engine.codec = PCMU
        lab.crash()
        take(lab, "alice", 2)
        opened = [action for action in lab.all(OpenMedia) if action.media == 2]
        assert [action.codecs for action in opened] == [(PCMU,), (PCMU,)]

    def test_two_phones_are_asked_for_one_change_each(self) -> None:
        lab = two_phones()
        lab.crash()
        agree(lab, "alice")
        agree(lab, "desk")
        assert (len(proposed(lab, "alice")), len(proposed(lab, "desk"))) == (1, 1)
        assert lab.mode() is Mode.ANCHORED

    def test_it_can_happen_again_and_in_the_middle(self) -> None:
        lab = anchored()
        for media in (2, 4):
            lab.crash()
            take(lab, "alice", media)
            asked = len(proposed(lab, "linphone"))
            lab.crash()
            take(lab, "alice", media + 1)
            # One re-INVITE at a time: the phone has not answered the one before.
            assert len(proposed(lab, "linphone")) == asked
            agree(lab, "linphone")
            assert len(proposed(lab, "linphone")) == asked + 1
            agree(lab, "linphone")
            assert lab.mode() is Mode.ANCHORED, media
            lab.check()

    def test_a_generation_that_was_ever_used_is_not_used_again(self) -> None:
        lab = anchored()
        offer(lab, "alice", 7)
        lab.do(MediaConnected("alice", 7))
        lab.crash()
        assert lab.told("alice", ShowOffer)[-1].media == 8

    def test_a_move_that_was_under_way_is_over(self) -> None:
        lab = anchored()
        offer(lab, "alice", 2)
        lab.crash()
        lab.do(MediaConnected("alice", 2))
        take(lab, "alice", 3)
        agree(lab, "linphone")
        assert lab.all(JoinMedia)[-1] == JoinMedia("linphone", 3, "alice", 3)
        lab.check()

    def test_what_is_told_of_other_media_changes_nothing(self) -> None:
        lab = anchored()
        assert lab.do(MediaGone("alice", 9), MediaGone("nobody", 1)) == []
        assert talking().do(MediaGone("alice", 1)) == []

    def test_an_offer_of_a_side_comes_again_later(self) -> None:
        lab = anchored()
        lab.crash()
        assert wrong_state(offer(lab, "alice", 5)).retry_after == 1.0

    def test_a_move_that_the_dying_engine_refused_comes_again(self) -> None:
        lab = anchored()
        lab.engine.fails = lambda action: isinstance(action, OpenMedia)
        lab.engine.open_refusal = EndReason.MEDIA_FAILED
        assert wrong_state(offer(lab, "alice", 2)).retry_after == 1.0
        lab.engine.open_refusal = EndReason.INCOMPATIBLE
        refused = offer(lab, "alice", 3)
        assert isinstance(getattr(refused, "error", None), IncompatibleMedia)

    def test_candidates_of_the_dead_media_reach_nobody(self) -> None:
        lab = talking(tab("bob"), direct=False)
        lab.crash()
        lab.do(trickle("alice", 1, media=1))
        assert not lab.all(ShowCandidates)

    @pytest.mark.parametrize("answered", [0, 1])
    def test_a_side_that_does_not_answer_ends_the_call(self, answered: int) -> None:
        lab = anchored()
        lab.crash()
        if answered:
            take(lab, "alice", 2)
        lab.wait(NEGOTIATE_SECONDS)
        assert lab.end_of("alice") is lab.end_of("linphone") is EndReason.MEDIA_FAILED
        lab.check()

    @pytest.mark.parametrize("failing", [OpenMedia, AcceptMedia, JoinMedia])
    def test_an_engine_that_cannot_ends_the_call(self, failing: type) -> None:
        lab = anchored()
        lab.engine.fails = lambda action: isinstance(action, failing)
        lab.crash()
        if lab.state is State.TALKING:
            take(lab, "alice", 2)
            agree(lab, "linphone")
        assert lab.end_of("alice") is EndReason.MEDIA_FAILED
        lab.check()

    def test_a_client_without_a_socket_is_waited_for(self) -> None:
        lab = anchored()
        lab.do(Detached("alice"))
        lab.crash()
        lab.wait(3 * NEGOTIATE_SECONDS)
        lab.do(Attached("alice"))
        lab.wait(NEGOTIATE_SECONDS - 1)
        take(lab, "alice", 2)
        agree(lab, "linphone")
        assert lab.mode() is Mode.ANCHORED

    def test_a_direct_call_that_was_on_its_way_to_the_server_begins_anew(self) -> None:
        lab = talking()
        lab.call.anchor_wanted = True
        lab.do(Attached("alice"))
        take(lab, "alice", 2)
        lab.crash()
        take(lab, "alice", 3)
        take(lab, "bob", 3)
        assert lab.mode() is Mode.ANCHORED
        lab.check()


class TestPhone:
    def test_one_that_refuses_ends_the_call(self) -> None:
        lab = two_phones()
        lab.crash()
        lab.do(ChangeRefused("alice", again=False))
        assert lab.end_of("desk") is EndReason.MEDIA_FAILED
        lab.check()

    def test_glare_is_settled_by_asking_again(self) -> None:
        lab = two_phones()
        lab.crash()
        lab.do(ChangeAsked("alice", "hold"))
        assert lab.told("alice", RefuseChange) == [RefuseChange("alice", again=True)]
        lab.do(ChangeRefused("alice", again=True))
        assert proposed(lab, "alice") == 2 * ["engine offers ('alice', 2)"]
        agree(lab, "alice")
        agree(lab, "desk")
        assert lab.mode() is Mode.ANCHORED

    @pytest.mark.parametrize("agreed", [True, False])
    def test_what_it_was_asked_before_is_waited_for(self, *, agreed: bool) -> None:
        lab = anchored()
        lab.ask(lambda request: HoldAsked("alice", True, request))
        assert proposed(lab, "linphone") == ["engine reoffers music"]
        lab.crash()
        take(lab, "alice", 2)
        assert len(proposed(lab, "linphone")) == 1
        first = ChangeAgreed("linphone", "held") if agreed else ChangeRefused("linphone", False)
        lab.do(first)
        assert proposed(lab, "linphone")[1:] == ["engine offers ('linphone', 2)"]
        agree(lab, "linphone")
        assert lab.mode() is Mode.ANCHORED
        # The new media said nothing of the hold.
        assert proposed(lab, "linphone")[2:] == ["engine reoffers music"]
        lab.check()


class TestHold:
    def test_who_is_held_stays_so_before_anybody_is_heard(self) -> None:
        lab = anchored()
        lab.ask(lambda request: HoldAsked("alice", True, request))
        agree(lab, "linphone")
        lab.crash()
        take(lab, "alice", 2)
        agree(lab, "linphone")
        played = [(each.leg, each.heard) for each in lab.all(PlayMedia) if each.media == 2]
        assert played == [("alice", Heard.NOTHING), ("linphone", Heard.MUSIC)]
        assert isinstance(lab.actions[-1], JoinMedia)
        assert proposed(lab, "linphone")[-1] == "engine reoffers music"
        lab.check()

    def test_a_phone_that_holds_still_does(self) -> None:
        lab = anchored()
        lab.do(PeerHeld("linphone", 1, held=True))
        lab.crash()
        take(lab, "alice", 2)
        agree(lab, "linphone")
        assert lab.engine.hears == {
            ("alice", 1): Heard.MUSIC,
            ("linphone", 1): Heard.NOTHING,
            ("alice", 2): Heard.MUSIC,
            ("linphone", 2): Heard.NOTHING,
        }

    def test_a_hold_in_between_counts(self) -> None:
        lab = anchored()
        lab.crash()
        held = lab.ask(lambda request: HoldAsked("alice", True, request))
        assert isinstance(held, Reply)
        take(lab, "alice", 2)
        agree(lab, "linphone")
        assert lab.engine.hears[("linphone", 2)] is Heard.MUSIC
        lab.check()


class TestDigits:
    def test_a_client_hears_when_to_press_again(self) -> None:
        lab = anchored()
        lab.crash()
        assert wrong_state(press(lab, "alice")).retry_after == 1.0
        take(lab, "alice", 2)
        agree(lab, "linphone")
        assert isinstance(press(lab, "alice"), Reply)
        assert len(lab.told("linphone", SendTones)) == 1

    def test_those_for_a_client_need_no_media(self) -> None:
        lab = anchored()
        lab.crash()
        lab.do(KeyPressed("linphone", "5", 100))
        assert lab.told("alice", ShowDigits) == [ShowDigits("alice", "5")]

    def test_those_from_phone_to_phone_wait_for_the_media(self) -> None:
        lab = two_phones()
        lab.crash()
        lab.do(KeyPressed("alice", "5", 100), KeyPressed("alice", "#", 120))
        assert not lab.all(SendTones)
        agree(lab, "alice")
        agree(lab, "desk")
        assert [tones.digits for tones in lab.told("desk", SendTones)] == ["5", "#"]


class TestBefore:
    def test_who_rings_is_rung_anew(self) -> None:
        lab = ringing(phone("desk"), tab("bob"))
        lab.do(Rang("desk"), Rang("bob"))
        lab.crash()
        assert [each.media for each in lab.told("desk", Ring)] == [1, 2]
        assert [each.media for each in lab.told("bob", Ring)] == [1, 2]
        lab.answer("bob")
        assert lab.state is State.TALKING
        lab.check()

    def test_a_phone_that_rang_counts_as_such(self) -> None:
        lab = ringing(phone("desk"))
        lab.do(Rang("desk"))
        lab.crash()
        lab.wait(100)
        assert lab.end_of("alice") is EndReason.NO_ANSWER

    def test_not_for_ever(self) -> None:
        lab = ringing(phone("desk"))
        for _ in range(MAX_RINGS):
            lab.crash()
        assert lab.end_of("alice") is EndReason.MEDIA_FAILED
        assert len(lab.told("desk", Ring)) == MAX_RINGS
        lab.check()

    def test_early_media_cannot_be_had_twice(self) -> None:
        lab = ringing(phone("desk"))
        lab.do(EarlyAnswered("desk", "early answer"), MediaConnected("desk", 1))
        lab.crash()
        assert lab.end_of("alice") is EndReason.MEDIA_FAILED
        lab.check()

    def test_an_answer_on_its_way_answers_nothing(self) -> None:
        lab = ringing(tab("bob"), direct=False)
        lab.accept("bob")
        lab.crash()
        assert lab.end_of("bob") is EndReason.MEDIA_FAILED
        lab.check()

    def test_a_branch_of_a_direct_call_leaves_the_others_be(self) -> None:
        lab = ringing(tab("bob"), direct=True)
        assert lab.crash() == []
        assert not lab.all(ShowEnd)

    def test_an_answer_to_the_ring_before_is_not_taken_for_one_to_the_new(self) -> None:
        lab = ringing(tab("bob"), direct=False)
        lab.crash()
        late = lab.ask(lambda request: Answered("bob", "answer", request, media=1))
        assert isinstance(late, Refuse)
        timely = lab.ask(lambda request: Answered("bob", "answer", request, media=2))
        assert isinstance(timely, Reply)
        assert lab.state is State.TALKING
