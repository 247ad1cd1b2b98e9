"""A phone that refuses our offer is made others: it may only take calls that say they encrypt."""

import pytest

from media.engine import Security
from signaling.call_actions import OpenMedia, Ring
from signaling.call_events import Appeared, Rang, Rejected
from signaling.call_model import State
from signaling.media_link import MediaLink, engine_leg
from signaling.shared.reasons import EndedBy, EndReason
from tests.call_lab import Lab, phone, ringing, tab
from tests.fake_engine import FakeEngine

INCOMPATIBLE = EndReason.INCOMPATIBLE


@pytest.fixture
def lab() -> Lab:
    return ringing(phone("desk"), tab("bob"))


def test_it_is_called_again_with_less_choice_and_may_answer(lab: Lab) -> None:
    lab.do(Rejected("desk", INCOMPATIBLE, 1, 488))
    assert lab.told("desk", OpenMedia)[1:] == [
        OpenMedia("desk", 2, within="offer of the caller", insists=1)
    ]
    assert [ring.media for ring in lab.told("desk", Ring)] == [1, 2]
    assert ("desk", 1) not in lab.engine.held
    lab.check()
    lab.answer("desk")
    assert lab.state is State.TALKING
    lab.check()


def test_after_two_more_it_is_incompatible(lab: Lab) -> None:
    for media in (1, 2, 3):
        assert lab.state is State.RINGING
        lab.do(Rejected("desk", INCOMPATIBLE, media, 488))
    assert lab.end_of("desk") is INCOMPATIBLE
    assert [opened.insists for opened in lab.told("desk", OpenMedia)] == [0, 1, 2]
    lab.do(Rejected("bob", INCOMPATIBLE))
    assert (lab.finish().reason, lab.finish().by) == (INCOMPATIBLE, EndedBy.CALLEE)
    lab.check()


def test_a_refusal_of_the_offer_before_is_late(lab: Lab) -> None:
    for _ in range(2):
        lab.do(Rejected("desk", INCOMPATIBLE, 1, 488))
    assert lab.call.legs["desk"].media == 2


def test_the_caller_who_gives_up_meanwhile_leaves_nothing_open(lab: Lab) -> None:
    lab.do(Rejected("desk", INCOMPATIBLE, 1, 488))
    lab.do(Rejected("bob", EndReason.DECLINED))
    assert lab.state is State.ENDED
    lab.check()


def test_only_a_phone_that_did_not_ring_is_asked_again(lab: Lab) -> None:
    lab.do(Appeared(phone("late")), Rang("late"), Rejected("late", INCOMPATIBLE, 1, 488))
    assert lab.end_of("late") is INCOMPATIBLE


def test_one_that_took_the_call_without_a_description_is_not(lab: Lab) -> None:
    lab.do(Rejected("desk", INCOMPATIBLE, 1))
    assert lab.end_of("desk") is INCOMPATIBLE


def test_where_the_operator_has_chosen_nothing_else_is_offered(lab: Lab) -> None:
    lab.call.insists = False
    lab.do(Rejected("desk", INCOMPATIBLE, 1, 488))
    assert lab.end_of("desk") is INCOMPATIBLE


async def test_what_each_of_the_offers_leaves(lab: Lab) -> None:
    engine = FakeEngine()
    link = MediaLink(engine, lab.call)
    for insists in range(3):
        await link.perform(OpenMedia("desk", insists + 1, within="an offer", insists=insists))
    legs = [engine_leg(lab.call.id, "desk", media) for media in (1, 2, 3)]
    assert [engine.secured[leg] for leg in legs] == [
        Security.OPTIONAL,
        Security.REQUIRED,
        Security.DTLS,
    ]
