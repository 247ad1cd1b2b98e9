"""Waking SIP phones: the INVITE before the push, and phones that come back another way."""

import pytest

from signaling.call_actions import (
    CloseMedia,
    Ring,
    ShowRinging,
)
from signaling.call_events import Answered, Appeared, HungUp, Left, Rang, Rejected
from signaling.call_model import EndpointKind, LegState, Mode, State
from signaling.call_wake import MAX_RINGS, SOCKET_SECONDS, sip_call_id
from signaling.shared.push import PushKind
from signaling.shared.reasons import EndReason
from tests.call_lab import phone, ringing, sleeper, tab

CALL = PushKind.CALL
MOBILE = sleeper("mobile")
DESK_PHONE = sleeper("desk", wakes=EndpointKind.CONTACT)
# Another device of bob's that is never woken.
OTHER = tab("other")


class TestPhones:
    def test_a_registered_phone_is_called_first_and_pushed_when_it_does_not_ring(self) -> None:
        lab = ringing(phone("desk", device="desk"), DESK_PHONE)
        assert lab.told("desk", Ring)
        assert lab.pushed("desk") == []
        lab.wait(SOCKET_SECONDS)
        assert lab.pushed("desk") == [CALL]

    def test_one_that_rings_is_not_pushed(self) -> None:
        lab = ringing(phone("desk", device="desk"), DESK_PHONE)
        lab.do(Rang("desk"))
        lab.wait(SOCKET_SECONDS)
        assert lab.pushed("desk") == []

    @pytest.mark.parametrize(
        "lost", [Left("desk"), Rejected("desk", EndReason.LIMIT)], ids=["gone", "503"]
    )
    def test_one_whose_transport_is_gone_is_pushed_at_once(self, lost: Left | Rejected) -> None:
        lab = ringing(phone("desk", device="desk"), DESK_PHONE)
        lab.do(lost)
        assert lab.pushed("desk") == [CALL]
        assert lab.state is State.RINGING

    def test_a_phone_that_sleeps_makes_the_call_anchored_and_an_app_does_not(self) -> None:
        assert ringing(OTHER, DESK_PHONE).mode() is Mode.ANCHORED
        assert ringing(OTHER, MOBILE).mode() is Mode.DIRECT

    def test_a_phone_that_wakes_elsewhere_is_rung_there_with_new_media(self) -> None:
        lab = ringing(phone("desk", device="desk", path="home"), DESK_PHONE)
        lab.wait(SOCKET_SECONDS)
        lab.do(Appeared(phone("desk", device="desk", path="train")))
        assert [ring.media for ring in lab.told("desk", Ring)] == [1, 2]
        assert CloseMedia("desk", 1) in lab.actions
        assert lab.call.legs["desk"].endpoint.path == "train"
        assert lab.pushed("desk") == [CALL]
        lab.do(Rang("desk"), Answered("desk", "answer of the phone", media=2))
        assert lab.state is State.TALKING

    def test_a_phone_that_could_not_be_reached_is_rung_once_it_is_back(self) -> None:
        lab = ringing(phone("desk", device="desk"), DESK_PHONE)
        lab.do(Rejected("desk", EndReason.UNAVAILABLE), Appeared(phone("desk", device="desk")))
        lab.do(Rang("desk"))
        assert lab.all(ShowRinging)
        lab.do(HungUp("alice"))
        lab.check()

    def test_one_that_registers_again_the_same_way_rings_on(self) -> None:
        lab = ringing(phone("desk", device="desk", path="home"), DESK_PHONE)
        lab.do(Appeared(phone("desk", device="desk", path="home")))
        assert len(lab.told("desk", Ring)) == 1

    def test_one_that_rings_already_is_not_rung_again(self) -> None:
        lab = ringing(phone("desk", device="desk", path="home"), DESK_PHONE)
        lab.do(Rang("desk"), Appeared(phone("desk", device="desk", path="train")))
        assert len(lab.told("desk", Ring)) == 1

    def test_one_that_said_no_is_not_rung_again(self) -> None:
        lab = ringing(OTHER, phone("desk", device="desk"), DESK_PHONE)
        lab.do(Rejected("desk", EndReason.BUSY), Appeared(phone("desk", path="train")))
        assert len(lab.told("desk", Ring)) == 1

    def test_what_the_abandoned_ring_says_does_not_count(self) -> None:
        lab = ringing(phone("desk", device="desk", path="home"), DESK_PHONE)
        lab.do(Appeared(phone("desk", device="desk", path="train")))
        lab.do(Rejected("desk", EndReason.UNAVAILABLE, media=1))
        lab.do(Rejected("desk", EndReason.DECLINED, media=1), Answered("desk", "old", media=1))
        assert lab.call.legs["desk"].state is LegState.INVITED
        assert lab.state is State.RINGING

    def test_a_phone_that_moves_for_ever_is_rung_so_often_and_no_more(self) -> None:
        lab = ringing(phone("desk"))
        for number in range(2 * MAX_RINGS):
            lab.do(Appeared(phone("desk", path=f"cell {number}")))
        assert len(lab.told("desk", Ring)) == MAX_RINGS

    def test_the_call_id_of_its_invite_is_known_beforehand(self) -> None:
        first = sip_call_id("call", "desk")
        assert first == sip_call_id("call", "desk")
        assert len({first, sip_call_id("call", "kitchen"), sip_call_id("other", "desk")}) == 3
        assert first.isalnum()
