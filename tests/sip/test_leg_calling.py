"""Legs that call: answers, forks and races, by a peer made by hand (RFC 3261 9, 13.2)."""

import pytest

from signaling.sip.events import Answered, Rejected, Ringing
from signaling.sip.flow import Flow
from signaling.sip.syntax import BadSip
from signaling.sip.uri import NameAddr, Uri
from tests.sip import data
from tests.sip.desk import NOTHING, PEER, Desk, answer_to, from_callee


def desk_address() -> NameAddr:
    return NameAddr(Uri.parse("sip:alice@wsphone.test"))


class TestOutgoingInvite:
    def test_it_says_who_we_are_and_what_we_can(self, desk: Desk) -> None:
        invite = desk.calling()
        assert invite.target == "sip:bob@192.0.2.20:5102"
        assert str(invite.contacts[0].uri) == "sip:alice@198.51.100.1:5060"
        assert invite.headers.first("user-agent") == "WSPhone"
        assert invite.headers.first("supported") == ""
        assert "BYE" in (invite.headers.first("allow") or "")
        assert (invite.sdp, invite.max_forwards, invite.to_tag) == (data.ANSWER, 70, "")
        assert invite.from_.display_name == "Alice"
        assert invite.from_tag
        assert invite.via.branch.startswith("z9hG4bK")

    def test_a_number_and_headers_of_the_caller_are_taken(self, desk: Desk) -> None:
        flow = Flow("tcp", "2001:db8::1", 5060)
        desk.stack.call(
            "leg",
            target="sip:bob@[2001:db8::1]",
            flow=flow,
            from_=desk_address(),
            to=desk_address(),
            sdp=data.ANSWER,
            call_id="mine",
            headers=[("X-Call", "7")],
            max_forwards=5,
            now=0.0,
        )
        (invite,) = desk.requests()
        assert (invite.call_id, invite.headers.first("x-call"), invite.max_forwards) == (
            "mine",
            "7",
            5,
        )
        assert invite.via.transport == "TCP"
        assert invite.contacts[0].uri.parameter("transport") == "tcp"


class TestHasten:
    """RFC 3261 17.1.1.2: repeats get rarer, and a phone that was started meanwhile waits."""

    def test_what_is_not_answered_is_sent_again_to_one_who_listens_again(self, desk: Desk) -> None:
        invite = desk.calling()
        desk.wait(8.0)
        desk.requests()
        desk.stack.hasten(PEER, desk.now)
        assert [bytes(each) for each in desk.requests()] == [bytes(invite)]

    def test_the_next_repeat_comes_when_it_would_have_come(self, desk: Desk) -> None:
        desk.calling()
        before = desk.stack.next_timer()
        desk.stack.hasten(PEER, 0.25)
        assert desk.stack.next_timer() == before

    def test_a_phone_that_rings_already_is_sent_nothing(self, desk: Desk) -> None:
        desk.receive(answer_to(desk.calling(), 180))
        desk.stack.hasten(PEER, desk.now)
        assert desk.requests() == []

    def test_nobody_else_is_sent_anything(self, desk: Desk) -> None:
        desk.calling()
        desk.stack.hasten(Flow("udp", PEER.host, PEER.port + 1), desk.now)
        assert desk.requests() == []

    def test_a_stream_repeats_nothing(self, desk: Desk) -> None:
        stream = Flow("tcp", "203.0.113.5", 40_000)
        address = desk_address()
        desk.stack.call(
            "leg", target="sip:b@h", flow=stream, from_=address, to=address, sdp="", now=0.0
        )
        desk.requests()
        desk.stack.hasten(stream, 0.0)
        assert desk.requests() == []


class TestMisuse:
    def test_codes_that_say_something_else_are_not_taken(self, desk: Desk) -> None:
        desk.taken()
        with pytest.raises(ValueError, match="no provisional"):
            desk.stack.ring("leg", 200, now=0.0)
        with pytest.raises(ValueError, match="no refusal"):
            desk.stack.reject("leg", 200, now=0.0)

    def test_a_target_cannot_split_the_request(self, desk: Desk) -> None:
        with pytest.raises(BadSip):
            desk.stack.call(
                "leg",
                target="sip:a@b SIP/2.0\r\nEvil: x",
                flow=PEER,
                from_=desk_address(),
                to=desk_address(),
                sdp="",
                now=0.0,
            )
        assert desk.stack.counts() == NOTHING


class TestAckOfSuccess:
    """RFC 3261 13.2.2.4, 17.1.1.3."""

    def test_it_has_a_branch_of_its_own_and_follows_the_dialog(self, desk: Desk) -> None:
        invite = desk.calling()
        routes = "Record-Route: <sip:p2;lr>, <sip:p1;lr>\n"
        desk.receive(answer_to(invite, 200, body=data.OFFER, more=routes))
        desk.stack.receive(answer_to(invite, 200, body=data.OFFER, more=routes), PEER, 0.0)
        (ack,) = desk.requests()
        assert ack.method == "ACK"
        assert ack.via.branch != invite.via.branch
        assert ack.target == "sip:peer@192.0.2.20:5102"
        assert ack.headers.values("route") == ["<sip:p1;lr>", "<sip:p2;lr>"]
        assert (ack.cseq.number, ack.to_tag) == (1, "peer")

    def test_an_answer_that_has_further_to_go_is_not_ours(self, desk: Desk) -> None:
        """RFC 3261 8.1.3.3."""
        success = answer_to(desk.calling(), 200, body=data.OFFER)
        more = ("From: ", "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23\r\nFrom: ")
        desk.stack.receive(data.edited(success, more), PEER, 0.0)
        assert (desk.messages(), desk.events()) == ([], [])

    def test_a_contact_with_headers_is_followed_without_them(self, desk: Desk) -> None:
        """RFC 3261 19.1.1: a Request-URI takes none."""
        success = answer_to(desk.calling(), 200, body=data.OFFER)
        headers = ("20:5102>", "20:5102?Route=%3Csip:evil.test%3E>")
        desk.stack.receive(data.edited(success, headers), PEER, 0.0)
        (ack,) = desk.requests()
        assert ack.target == "sip:peer@192.0.2.20:5102"

    def test_every_repeat_is_acknowledged_again(self, desk: Desk) -> None:
        success = answer_to(desk.calling(), 200, body=data.OFFER)
        acks = []
        for _ in range(3):
            desk.stack.receive(success, PEER, 0.0)
            acks += desk.messages()
        assert len(acks) == 3
        assert len({bytes(ack) for ack in acks}) == 1
        assert desk.events() == [Answered("leg", data.OFFER)]

    def test_a_repeat_after_the_end_is_acknowledged_too(self, desk: Desk) -> None:
        success = answer_to(desk.calling(), 200, body=data.OFFER)
        desk.stack.receive(success, PEER, 0.0)
        desk.stack.hang_up("leg", now=0.0)
        _, bye = desk.requests()
        desk.receive(answer_to(bye, 200))
        assert desk.stack.counts()["legs"] == 0
        desk.stack.receive(success, PEER, 0.0)
        assert [request.method for request in desk.requests()] == ["ACK"]

    def test_an_answer_that_cannot_be_read_is_waited_for_again(self, desk: Desk) -> None:
        success = answer_to(desk.calling(), 200, body=data.OFFER)
        desk.stack.receive(success[:-5], PEER, 0.0)
        desk.stack.receive(data.edited(success, ("Contact: <", "Contact: <<")), PEER, 0.0)
        route = ("Contact: <", "Record-Route: <sip:p;;lr>\r\nContact: <")
        desk.stack.receive(data.edited(success, route), PEER, 0.0)
        assert (desk.messages(), desk.events()) == ([], [])
        desk.stack.receive(success, PEER, 0.0)
        assert desk.events() == [Answered("leg", data.OFFER)]


class TestAckOfFailure:
    """RFC 3261 17.1.1.3."""

    @pytest.mark.parametrize("code", [302, 404, 486, 503, 603])
    def test_it_belongs_to_the_transaction_of_the_invite(self, desk: Desk, code: int) -> None:
        invite = desk.calling()
        for _ in range(2):
            desk.stack.receive(answer_to(invite, code), PEER, 0.0)
            (ack,) = desk.requests()
            assert (ack.method, ack.via.branch, ack.target) == (
                "ACK",
                invite.via.branch,
                invite.target,
            )
            assert (ack.cseq.number, ack.to_tag) == (1, "peer")
        assert desk.events() == [Rejected("leg", code, None, None)]


class TestEarlyDialog:
    @pytest.mark.parametrize(
        ("method", "code"),
        [("INVITE", 491), ("UPDATE", 405), ("PRACK", 405), ("OPTIONS", 200), ("BYE", 481)],
    )
    def test_what_a_ringing_phone_asks_is_answered_and_it_rings_on(
        self, desk: Desk, method: str, code: int
    ) -> None:
        invite = desk.calling()
        desk.stack.receive(answer_to(invite, 183, body=data.OFFER), PEER, 0.0)
        (answer,) = desk.receive(from_callee(invite, method, 1, data.OFFER))
        assert answer.code == code
        if code == 405:
            assert method not in (answer.headers.first("allow") or method)
        desk.events()
        desk.stack.receive(answer_to(invite, 200, body=data.OFFER), PEER, 0.0)
        assert desk.events() == [Answered("leg", data.OFFER)]

    def test_one_that_wants_its_progress_confirmed_though_we_offered_no_such_thing_rings(
        self, desk: Desk
    ) -> None:
        """RFC 3262 3: it may not; there is no PRACK, and nothing else suffers from it."""
        invite = desk.calling()
        reliable = answer_to(invite, 183, body=data.OFFER, more="Require: 100rel\nRSeq: 1\n")
        for _ in range(2):
            desk.stack.receive(reliable, PEER, 0.0)
        assert desk.messages() == []
        assert desk.events() == [Ringing("leg", 183, data.OFFER)] * 2
        desk.stack.receive(answer_to(invite, 200, body=data.OFFER), PEER, 0.0)
        assert [request.method for request in desk.requests()] == ["ACK"]

    def test_a_fork_may_ring_in_several_places_and_be_answered_in_one(self, desk: Desk) -> None:
        invite = desk.calling()
        for tag, code in (("one", 180), ("two", 183)):
            desk.stack.receive(answer_to(invite, code, tag=tag), PEER, 0.0)
        desk.stack.receive(answer_to(invite, 200, tag="two", body=data.OFFER), PEER, 0.0)
        (ack,) = desk.requests()
        assert (ack.to_tag, ack.target) == ("two", "sip:two@192.0.2.20:5102")
        assert [type(event) for event in desk.events()] == [Ringing, Ringing, Answered]


class TestFork:
    """RFC 3261 13.2.2.4: one call has one end."""

    def test_a_second_answer_is_acknowledged_with_its_own_tag_and_ended(self, desk: Desk) -> None:
        invite = desk.calling()
        desk.stack.receive(answer_to(invite, 200, tag="one", body=data.OFFER), PEER, 0.0)
        desk.messages()
        desk.stack.receive(answer_to(invite, 200, tag="two", body=data.OFFER), PEER, 0.0)
        ack, bye = desk.requests()
        assert (ack.method, ack.to_tag, ack.target) == ("ACK", "two", "sip:two@192.0.2.20:5102")
        assert (bye.method, bye.to_tag, bye.cseq.number) == ("BYE", "two", 2)
        assert desk.events() == [Answered("leg", data.OFFER)]
        assert desk.stack.counts()["legs"] == 1

    def test_its_repeat_is_acknowledged_and_not_ended_again(self, desk: Desk) -> None:
        invite = desk.calling()
        for tag in ("one", "two"):
            desk.stack.receive(answer_to(invite, 200, tag=tag, body=data.OFFER), PEER, 0.0)
        desk.messages()
        desk.stack.receive(answer_to(invite, 200, tag="two", body=data.OFFER), PEER, 0.0)
        assert [request.method for request in desk.requests()] == ["ACK"]

    def test_endless_forks_are_not_followed_for_ever(self, desk: Desk) -> None:
        invite = desk.calling()
        for number in range(100):
            desk.stack.receive(answer_to(invite, 200, tag=f"t{number}"), PEER, 0.0)
        assert sum(request.method == "BYE" for request in desk.requests()) == 15


class TestCancelling:
    """RFC 3261 9.1."""

    def test_nothing_is_sent_before_a_sign_of_life(self, desk: Desk) -> None:
        invite = desk.calling()
        desk.stack.hang_up("leg", now=0.0, reason="SIP;cause=200")
        assert desk.messages() == []
        desk.stack.receive(answer_to(invite, 100), PEER, 0.0)
        (cancel,) = desk.requests()
        assert (cancel.method, cancel.via.branch) == ("CANCEL", invite.via.branch)
        assert (cancel.target, cancel.cseq.number) == (invite.target, 1)
        assert cancel.headers.first("reason") == "SIP;cause=200"

    def test_an_answer_that_crosses_it_is_acknowledged_and_ended_at_once(self, desk: Desk) -> None:
        """RFC 3261 15."""
        invite = desk.calling()
        desk.stack.receive(answer_to(invite, 180), PEER, 0.0)
        desk.events()
        desk.stack.hang_up("leg", now=0.0)
        desk.messages()
        desk.stack.receive(answer_to(invite, 200, body=data.OFFER), PEER, 0.0)
        ack, bye = desk.requests()
        assert (ack.method, bye.method, bye.to_tag) == ("ACK", "BYE", "peer")
        desk.receive(answer_to(bye, 200))
        assert desk.events() == []
        assert desk.stack.counts()["legs"] == 0

    def test_its_answer_is_not_the_answer_to_the_invite(self, desk: Desk) -> None:
        """RFC 3261 17.1.3: both have the branch, and the method tells one from the other."""
        invite = desk.calling()
        desk.stack.receive(answer_to(invite, 180), PEER, 0.0)
        desk.stack.hang_up("leg", now=0.0)
        (cancel,) = desk.requests()
        desk.stack.receive(answer_to(cancel, 200), PEER, 0.0)
        assert desk.messages() == []
        desk.stack.receive(answer_to(invite, 487), PEER, 0.0)
        assert [request.method for request in desk.requests()] == ["ACK"]

    def test_a_peer_that_never_ends_the_invite_is_left(self, desk: Desk) -> None:
        invite = desk.calling()
        desk.stack.receive(answer_to(invite, 180), PEER, 0.0)
        desk.stack.hang_up("leg", now=0.0)
        (cancel,) = desk.requests()
        desk.receive(answer_to(cancel, 200))
        desk.wait(31.0)
        assert desk.stack.counts()["legs"] == 1
        desk.wait(2.0)
        assert desk.stack.counts() == NOTHING

    def test_the_first_reason_for_hanging_up_stays(self, desk: Desk) -> None:
        invite = desk.calling()
        desk.stack.hang_up("leg", now=0.0, reason="SIP;cause=200")
        desk.stack.hang_up("leg", now=0.0)
        desk.stack.receive(answer_to(invite, 180), PEER, 0.0)
        (cancel,) = desk.requests()
        assert cancel.headers.first("reason") == "SIP;cause=200"

    def test_nothing_is_told_after_our_own_end(self, desk: Desk) -> None:
        invite = desk.calling()
        desk.stack.receive(answer_to(invite, 180), PEER, 0.0)
        desk.events()
        desk.stack.hang_up("leg", now=0.0)
        desk.stack.receive(answer_to(invite, 183), PEER, 0.0)
        desk.stack.receive(answer_to(invite, 487), PEER, 0.0)
        assert desk.events() == []


class TestRejected:
    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("Retry-After: 120 (lunch);duration=60\n", 120),
            ("Retry-After: 5;x\n", 5),
            ("Retry-After: soon\n", None),
            ("Retry-After: \n", None),
            ("", None),
        ],
    )
    def test_reason_and_time_are_told(self, desk: Desk, header: str, seconds: int | None) -> None:
        invite = desk.calling()
        more = f"Reason: Q.850;cause=17\n{header}"
        desk.stack.receive(answer_to(invite, 503, more=more), PEER, 0.0)
        assert desk.events() == [Rejected("leg", 503, "Q.850;cause=17", seconds)]
