"""Our own changes of a session: re-INVITEs of ours, and what may come in their way (14.1)."""

import random

import pytest

from signaling.sip.events import (
    Agreed,
    Answered,
    Cause,
    Confirmed,
    Ended,
    Event,
    Offered,
    Refused,
)
from signaling.sip.message import Request, Response
from tests.sip import data
from tests.sip.desk import NOTHING, PEER, Desk, answer_to, from_callee
from tests.sip.network import Habit, Network, Phone, Weather, taking

HOLD = data.ANSWER.replace("- 1 1", "- 1 2") + "a=sendonly\r\n"
TAKEN = data.OFFER + "a=recvonly\r\n"


class Called(Desk):
    """A leg "leg" that called, and talks; `invite` is what it called with."""

    def __init__(self) -> None:
        super().__init__()
        self.invite = self.calling()
        self.stack.receive(answer_to(self.invite, 200, body=data.OFFER), PEER, self.now)
        self.messages()
        self.events()


@pytest.fixture
def called() -> Called:
    return Called()


def propose(desk: Desk, sdp: str = HOLD) -> Request:
    desk.stack.propose("leg", sdp, now=desk.now)
    (request,) = desk.requests()
    return request


def answer(desk: Desk, invite: Request, code: int, body: str = "", more: str = "") -> list[Request]:
    """The peer answers; returns the requests that follow."""
    desk.stack.receive(reply(invite, code, body, more), PEER, desk.now)
    return desk.requests()


def reply(invite: Request, code: int, body: str = "", more: str = "") -> bytes:
    headers = invite.headers
    content = "Content-Type: application/sdp\n" if body else ""
    return data.wire(
        f"SIP/2.0 {code} Whatever\nVia: {headers.only('via')}\nFrom: {headers.only('from')}\n"
        f"To: {headers.only('to')}\nCall-ID: {invite.call_id}\nCSeq: {headers.only('cseq')}\n"
        f"Contact: <sip:peer@192.0.2.77:5102>\n{more}{content}Content-Length: {{length}}\n\n",
        body,
    )


class TestProposing:
    def test_it_goes_into_the_dialog_with_our_offer(self, called: Called) -> None:
        invite = propose(called)
        assert (invite.method, invite.cseq.number, invite.sdp) == ("INVITE", 2, HOLD)
        assert invite.target == "sip:peer@192.0.2.20:5102"
        assert invite.to_tag == "peer"
        assert invite.contacts

    def test_an_agreement_is_acknowledged_and_told_once(self, called: Called) -> None:
        invite = propose(called)
        assert answer(called, invite, 100) == []
        (ack,) = answer(called, invite, 200, TAKEN)
        assert (ack.method, ack.cseq.number) == ("ACK", 2)
        # The peer's new Contact counts at once (12.2.1.2).
        assert ack.target == "sip:peer@192.0.2.77:5102"
        assert called.events() == [Agreed("leg", TAKEN)]
        (again,) = answer(called, invite, 200, TAKEN)
        assert (again.method, again.cseq.number) == ("ACK", 2)
        assert called.events() == []

    def test_what_was_agreed_is_what_a_refresh_is_held_against(self, called: Called) -> None:
        answer(called, propose(called), 200, TAKEN)
        called.events()
        refresh = from_callee(called.invite, "INVITE", 1, TAKEN)
        (response,) = called.receive(refresh)
        assert (response.code, response.sdp) == (200, HOLD)
        assert called.events() == []

    def test_the_side_that_was_called_may_be_asked_too(self, desk: Desk) -> None:
        desk.up()
        invite = propose(desk)
        assert (invite.cseq.number, invite.to_tag) == (1, "xvSNhXEfm")
        (ack,) = answer(desk, invite, 200, TAKEN)
        assert ack.cseq.number == 1
        assert desk.events() == [Agreed("leg", TAKEN)]

    def test_one_after_the_other_and_each_late_copy_is_acknowledged(self, called: Called) -> None:
        first = propose(called)
        answer(called, first, 200, TAKEN)
        second = propose(called, data.ANSWER)
        (ack,) = answer(called, first, 200, TAKEN)
        assert ack.cseq.number == first.cseq.number
        (ack,) = answer(called, second, 200, data.OFFER)
        assert ack.cseq.number == second.cseq.number
        assert called.events() == [Agreed("leg", TAKEN), Agreed("leg", data.OFFER)]

    def test_who_does_not_talk_yet_is_not_asked(self, desk: Desk) -> None:
        desk.calling()
        desk.stack.propose("leg", HOLD, now=desk.now)
        assert desk.requests() == []

    def test_it_continues_our_session_whatever_origin_it_came_with(self, called: Called) -> None:
        # A media engine that takes a call over knows nothing of the one before (RFC 3264, 8).
        other = HOLD.replace("o=- 1 2 IN IP4 198.51.100.1", "o=- 77 1 IN IP4 198.51.100.9")
        assert other != HOLD
        origins = []
        for _ in range(3):
            invite = propose(called, other)
            origins.append((invite.sdp or "").split("\r\n")[1])
            answer(called, invite, 488)
        assert origins == [f"o=- 1 {version} IN IP4 198.51.100.1" for version in (2, 3, 4)]
        assert (propose(called, other).sdp or "").split("\r\n")[2:] == other.split("\r\n")[2:]

    def test_an_answer_to_the_peers_change_continues_it_too(self, desk: Desk) -> None:
        dialog = desk.up()
        desk.receive(dialog.request("INVITE", 21, data.OFFER + "a=sendonly\r\n"))
        desk.stack.answer("leg", data.ANSWER.replace("- 1 1", "- 5 9"), now=desk.now)
        (response,) = [each for each in desk.messages() if isinstance(each, Response)]
        assert "o=- 1 2 IN IP4" in (response.sdp or "")


class TestRefusal:
    @pytest.mark.parametrize("code", [403, 488, 500, 503, 606])
    def test_the_session_stays_as_it_was(self, called: Called, code: int) -> None:
        (ack,) = answer(called, propose(called), code)
        assert ack.method == "ACK"
        assert called.events() == [Refused("leg", again=False)]
        # A refresh gets what was agreed before.
        (response,) = called.receive(from_callee(called.invite, "INVITE", 1, data.OFFER))
        assert (response.code, response.sdp) == (200, data.ANSWER)

    def test_an_agreement_without_a_description_is_none(self, called: Called) -> None:
        (ack,) = answer(called, propose(called), 200)
        assert ack.method == "ACK"
        assert called.events() == [Refused("leg", again=False)]

    @pytest.mark.parametrize("code", [500, 503])
    def test_who_says_when_is_asked_again_then(self, called: Called, code: int) -> None:
        answer(called, propose(called), code, more="Retry-After: 5\n")
        called.wait(4.9)
        assert called.events() == []
        called.wait(0.2)
        assert called.events() == [Refused("leg", again=True)]

    def test_nobody_waits_for_longer_than_a_minute(self, called: Called) -> None:
        answer(called, propose(called), 503, more="Retry-After: 86400\n")
        called.wait(60.0)
        assert called.events() == [Refused("leg", again=True)]


class TestGlare:
    """RFC 3261 14.1 and 14.2."""

    def test_the_owner_waits_2_1_to_4_seconds(self, called: Called) -> None:
        answer(called, propose(called), 491)
        called.wait(2.09)
        assert called.events() == []
        called.wait(1.92)
        assert called.events() == [Refused("leg", again=True)]

    def test_the_other_side_waits_up_to_two(self, desk: Desk) -> None:
        desk.up()
        answer(desk, propose(desk), 491)
        desk.wait(2.0)
        assert desk.events() == [Refused("leg", again=True)]

    def test_who_collides_for_ever_is_asked_no_more(self, called: Called) -> None:
        for _ in range(6):
            answer(called, propose(called), 491)
            called.wait(4.0)
            assert called.events() == [Refused("leg", again=True)]
        answer(called, propose(called), 491)
        assert called.events() == [Refused("leg", again=False)]

    def test_the_peers_change_has_to_wait_while_ours_is_open(self, called: Called) -> None:
        propose(called)
        assert called.code(from_callee(called.invite, "INVITE", 1, TAKEN)) == 491
        assert called.events() == []

    def test_while_we_wait_the_peers_change_is_taken(self, called: Called) -> None:
        answer(called, propose(called), 491)
        called.receive(from_callee(called.invite, "INVITE", 1, TAKEN))
        assert called.events() == [Offered("leg", TAKEN)]

    def test_ours_waits_while_the_peers_is_open(self, desk: Desk) -> None:
        dialog = desk.up()
        desk.receive(dialog.request("INVITE", 21, TAKEN))
        desk.events()
        desk.stack.propose("leg", HOLD, now=desk.now)
        assert desk.requests() == []
        desk.stack.answer("leg", data.ANSWER, now=desk.now)
        desk.messages()
        # Answered, and not acknowledged: it is still open (14.1).
        desk.wait(0.5)
        assert desk.events() == [Refused("leg", again=True)]
        desk.messages()
        desk.stack.propose("leg", HOLD, now=desk.now)
        assert desk.requests() == []
        desk.receive(dialog.request("ACK", 21))
        desk.wait(0.5)
        assert desk.events() == [Refused("leg", again=True)]
        assert propose(desk).sdp == HOLD


class TestEnd:
    @pytest.mark.parametrize("code", [408, 481])
    def test_a_peer_that_knows_of_no_session_ends_the_call(self, called: Called, code: int) -> None:
        ack, bye = answer(called, propose(called), code)
        assert (ack.method, bye.method) == ("ACK", "BYE")
        assert called.events() == [Ended("leg", Cause.LOST, None)]
        called.wait(100.0)
        assert called.stack.counts() == NOTHING

    def test_a_peer_that_says_nothing_ends_the_call(self, called: Called) -> None:
        propose(called)
        called.wait(33.0)
        assert called.events() == [Ended("leg", Cause.LOST, None)]
        called.wait(100.0)
        assert called.stack.counts() == NOTHING

    def test_one_that_never_makes_up_its_mind_is_withdrawn(self, called: Called) -> None:
        invite = propose(called)
        answer(called, invite, 180)
        called.wait(32.0)
        assert [request.method for request in called.requests()] == ["CANCEL"]
        assert called.events() == []
        (ack,) = answer(called, invite, 487)
        assert ack.method == "ACK"
        assert called.events() == [Refused("leg", again=False)]

    def test_an_answer_that_crosses_our_withdrawal_counts(self, called: Called) -> None:
        invite = propose(called)
        answer(called, invite, 180)
        called.wait(32.0)
        called.requests()
        answer(called, invite, 200, TAKEN)
        assert called.events() == [Agreed("leg", TAKEN)]

    def test_a_hang_up_meanwhile_ends_the_call_and_a_late_answer_is_acknowledged(
        self, called: Called
    ) -> None:
        invite = propose(called)
        called.stack.hang_up("leg", now=called.now)
        (bye,) = called.requests()
        (ack,) = answer(called, invite, 200, TAKEN)
        assert (bye.method, ack.method) == ("BYE", "ACK")
        called.stack.receive(reply(bye, 200), PEER, called.now)
        called.wait(100.0)
        assert called.events() == []
        assert called.stack.counts() == NOTHING

    def test_a_hang_up_while_we_wait_leaves_nothing_behind(self, called: Called) -> None:
        answer(called, propose(called), 491)
        called.stack.hang_up("leg", now=called.now)
        (bye,) = called.requests()
        called.stack.receive(reply(bye, 200), PEER, called.now)
        called.wait(100.0)
        assert called.events() == []
        assert called.stack.counts() == NOTHING

    def test_a_bye_of_the_peers_ends_it_too(self, called: Called) -> None:
        propose(called)
        assert called.code(from_callee(called.invite, "BYE", 1)) == 200
        assert called.events() == [Ended("leg", Cause.BYE, None)]
        called.wait(100.0)
        assert called.events() == []
        assert called.stack.counts() == NOTHING

    def test_a_connection_that_breaks_is_a_refusal(self, called: Called) -> None:
        propose(called)
        called.stack.lose(PEER, called.now)
        assert called.events() == [Refused("leg", again=False)]


def holding(agreed: set[str]) -> Habit:
    """A phone that answers, holds as soon as it talks, and hangs up when both have held."""

    answering = taking(lambda phone: phone.stack.answer("leg", TAKEN, now=phone.now))

    def propose_now(phone: Phone) -> None:
        phone.stack.propose("leg", HOLD, now=phone.now)

    def habit(phone: Phone, event: Event) -> None:
        answering(phone, event)
        match event:
            case Answered() | Confirmed() | Refused(again=True):
                propose_now(phone)
            case Offered():
                phone.stack.answer("leg", TAKEN, now=phone.now)
            case Agreed():
                agreed.add(phone.name)
                if len(agreed) == 2:
                    phone.stack.hang_up("leg", now=phone.now)

    return habit


@pytest.mark.parametrize("seed", range(20))
def test_two_sides_that_hold_at_once_both_come_to_hold(seed: int) -> None:
    """Over a network that loses, repeats and reorders."""
    weather = Weather(loss=0.1, doubling=0.2, slowest=0.4, chance=random.Random(seed))
    network = Network(weather)
    agreed: set[str] = set()
    alice, bob = network.phone("alice", holding(agreed)), network.phone("bob", holding(agreed))
    alice.call(bob)
    network.run()
    assert agreed == {"alice", "bob"}
    assert (alice.stack.counts(), bob.stack.counts()) == (NOTHING, NOTHING)
