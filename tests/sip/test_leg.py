"""Legs against a peer made by hand: dialogs, re-INVITEs, forks and races (RFC 3261 13 to 15)."""

import pytest

from signaling.sip.events import (
    Answered,
    Cancelled,
    Cause,
    Changed,
    Confirmed,
    Ended,
    Offered,
    Pressed,
    Rejected,
)
from signaling.sip.flow import Flow
from signaling.sip.message import Request
from signaling.sip.syntax import BadSip
from signaling.sip.uri import NameAddr, Uri
from tests.sip import data
from tests.sip.desk import NOTHING, PEER, Desk, answer_to

NO_OFFER = data.wire(
    data.INVITE.split(b"\r\n\r\n")[0].decode().replace("\r\n", "\n") + "\n\n"
).replace(f"Content-Length: {len(data.OFFER)}".encode(), b"Content-Length: 0")
HELD = data.OFFER + "a=sendonly\r\n"
RECEIVING = data.ANSWER + "a=recvonly\r\n"


@pytest.fixture
def desk() -> Desk:
    return Desk()


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


def desk_address() -> NameAddr:
    return NameAddr(Uri.parse("sip:alice@wsphone.test"))


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
        assert (desk.messages(), desk.events()) == ([], [])
        desk.stack.receive(success, PEER, 0.0)
        assert desk.events() == [Answered("leg", data.OFFER)]


class TestAckOfFailure:
    """RFC 3261 17.1.1.3."""

    def test_it_belongs_to_the_transaction_of_the_invite(self, desk: Desk) -> None:
        invite = desk.calling()
        for _ in range(2):
            desk.stack.receive(answer_to(invite, 486), PEER, 0.0)
            (ack,) = desk.requests()
            assert (ack.method, ack.via.branch, ack.target) == (
                "ACK",
                invite.via.branch,
                invite.target,
            )
            assert (ack.cseq.number, ack.to_tag) == (1, "peer")
        assert desk.events() == [Rejected("leg", 486, None, None)]


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


class TestAnswering:
    """RFC 3261 13.3.1.4."""

    def test_the_answer_is_repeated_until_its_ack(self, desk: Desk) -> None:
        dialog = desk.taken()
        desk.stack.answer("leg", data.ANSWER, now=0.0)
        desk.wait(8.0)
        assert [response.sdp for response in desk.responses()] == [data.ANSWER] * 5
        desk.receive(dialog.request("ACK", 20))
        assert desk.events() == [Confirmed("leg", None)]
        desk.wait(60.0)
        assert desk.messages() == []

    def test_an_ack_of_another_request_or_dialog_does_not_count(self, desk: Desk) -> None:
        dialog = desk.taken()
        desk.stack.answer("leg", data.ANSWER, now=0.0)
        desk.receive(dialog.request("ACK", 19))
        desk.receive(data.edited(dialog.request("ACK", 20), ("tag=xvSN", "tag=else")))
        assert desk.events() == []

    def test_without_an_ack_the_call_ends_with_bye(self, desk: Desk) -> None:
        desk.taken()
        desk.stack.answer("leg", data.ANSWER, now=0.0)
        desk.wait(32.0)
        assert [request.method for request in desk.requests()] == ["BYE"]
        assert desk.events() == [Ended("leg", Cause.NO_ACK, None)]
        desk.wait(100.0)
        assert desk.stack.counts() == NOTHING

    def test_a_bye_may_overtake_the_ack(self, desk: Desk) -> None:
        dialog = desk.taken()
        desk.stack.answer("leg", data.ANSWER, now=0.0)
        desk.responses()
        assert desk.code(dialog.request("BYE", 21, more="Reason: SIP;cause=200\n")) == 200
        assert desk.events() == [Ended("leg", Cause.BYE, "SIP;cause=200")]
        desk.wait(10.0)
        assert desk.messages() == []

    def test_our_bye_waits_for_the_ack(self, desk: Desk) -> None:
        """RFC 3261 15."""
        dialog = desk.taken()
        desk.stack.answer("leg", data.ANSWER, now=0.0)
        desk.stack.hang_up("leg", now=0.0, reason="SIP;cause=200")
        assert desk.requests() == []
        desk.stack.receive(dialog.request("ACK", 20), PEER, 0.0)
        (bye,) = desk.requests()
        assert bye.target == "sip:alice@192.0.2.10:5101;transport=udp"
        assert bye.headers.first("reason") == "SIP;cause=200"
        assert (bye.from_tag, bye.to_tag) == (dialog.tag, "xvSNhXEfm")
        assert desk.events() == []

    def test_hanging_up_while_it_rings_refuses_the_call(self, desk: Desk) -> None:
        desk.taken()
        desk.stack.hang_up("leg", now=0.0, reason="SIP;cause=200")
        (response,) = desk.responses()
        assert (response.code, response.headers.first("reason")) == (480, "SIP;cause=200")

    def test_a_caller_may_end_an_early_dialog_with_bye(self, desk: Desk) -> None:
        """RFC 3261 15."""
        dialog = desk.taken()
        bye = dialog.request("BYE", 21)
        codes = [(response.code, response.cseq.method) for response in desk.receive(bye)]
        assert codes == [(200, "BYE"), (487, "INVITE")]
        assert desk.events() == [Cancelled("leg", None)]

    def test_early_media_goes_with_the_progress(self, desk: Desk) -> None:
        desk.taken()
        desk.stack.ring("leg", 183, now=0.0, sdp=data.ANSWER)
        (progress,) = desk.responses()
        assert (progress.code, progress.sdp) == (183, data.ANSWER)


class TestDelayedOffer:
    """RFC 3261 13.2.1: an INVITE without a description; the ACK brings the answer."""

    def test_the_ack_carries_the_answer(self, desk: Desk) -> None:
        dialog = desk.taken(NO_OFFER)
        desk.stack.answer("leg", data.OFFER, now=0.0)
        (success,) = desk.responses()
        assert success.sdp == data.OFFER
        desk.receive(dialog.request("ACK", 20, data.ANSWER))
        assert desk.events() == [Confirmed("leg", data.ANSWER)]
        assert desk.code(dialog.request("INVITE", 21, data.ANSWER)) == 200

    def test_a_change_before_the_answer_came_is_too_early(self, desk: Desk) -> None:
        dialog = desk.taken(NO_OFFER)
        desk.stack.answer("leg", data.OFFER, now=0.0)
        desk.responses()
        assert desk.code(dialog.request("INVITE", 21, data.ANSWER)) == 491


class TestWithinTheDialog:
    @pytest.mark.parametrize(
        ("method", "body", "code"),
        [
            ("OPTIONS", "", 200),
            ("INFO", "Signal=hook flash\r\n", 400),
            ("INFO", "", 200),
            ("UPDATE", data.OFFER, 405),
            ("REFER", "", 405),
            ("PRACK", "", 405),
            ("NONSENSE", "", 501),
        ],
    )
    def test_each_method_gets_an_honest_answer_and_the_call_goes_on(
        self, desk: Desk, method: str, body: str, code: int
    ) -> None:
        dialog = desk.up()
        request = dialog.request(method, 21, body, kind="application/dtmf-relay")
        (response,) = desk.receive(request)
        assert response.code == code
        if code in (405, 501):
            assert "BYE" in (response.headers.first("allow") or "")
        assert desk.events() == []
        assert desk.stack.counts()["legs"] == 1

    def test_what_comes_out_of_order_is_refused(self, desk: Desk) -> None:
        """RFC 3261 12.2.2."""
        dialog = desk.up()
        assert desk.code(dialog.request("OPTIONS", 30)) == 200
        assert desk.code(dialog.request("BYE", 29)) == 500
        assert desk.code(dialog.request("INVITE", 30, data.OFFER)) == 500
        assert desk.stack.counts()["legs"] == 1

    def test_another_peer_is_not_in_the_dialog(self, desk: Desk) -> None:
        dialog = desk.up()
        stranger = data.edited(dialog.request("BYE", 21), ("tag=xvSN", "tag=else"))
        assert desk.code(stranger) == 481
        assert desk.stack.counts()["legs"] == 1

    def test_a_bye_is_answered_once_more_when_it_is_repeated(self, desk: Desk) -> None:
        dialog = desk.up()
        bye = dialog.request("BYE", 21)
        assert [desk.code(bye), desk.code(bye)] == [200, 200]
        assert desk.events() == [Ended("leg", Cause.BYE, None)]
        assert desk.code(dialog.request("BYE", 22)) == 481

    def test_byes_that_cross_are_both_answered(self, desk: Desk) -> None:
        dialog = desk.up()
        desk.stack.hang_up("leg", now=0.0)
        (bye,) = desk.requests()
        assert desk.code(dialog.request("BYE", 21)) == 200
        desk.receive(answer_to(bye, 481))
        assert desk.events() == []
        assert desk.stack.counts()["legs"] == 0

    def test_a_bye_that_nobody_answers_ends_the_leg_too(self, desk: Desk) -> None:
        desk.up()
        desk.stack.hang_up("leg", now=0.0)
        desk.wait(100.0)
        assert desk.events() == []
        assert desk.stack.counts() == NOTHING


class TestInfo:
    """Keys, as phones report them by INFO."""

    @pytest.mark.parametrize(
        ("kind", "body", "digit", "duration_ms"),
        [
            ("application/dtmf-relay", "Signal=5\r\nDuration=250\r\n", "5", 250),
            ("application/dtmf-relay", "signal = * \nduration= 100", "*", 100),
            ("Application/DTMF-Relay; x=y", "Signal=11\r\n", "#", 160),
            ("application/dtmf-relay", "Signal=d\r\nDuration=99999", "D", 5000),
            ("application/dtmf", "7", "7", 160),
        ],
    )
    def test_a_key_is_told_once(
        self, desk: Desk, kind: str, body: str, digit: str, duration_ms: int
    ) -> None:
        dialog = desk.up()
        info = dialog.request("INFO", 21, body, kind=kind)
        assert [desk.code(info), desk.code(info)] == [200, 200]
        assert desk.events() == [Pressed("leg", digit, duration_ms)]

    @pytest.mark.parametrize(
        ("kind", "body", "code"),
        [
            ("application/dtmf-relay", "Signal=\r\n", 400),
            ("application/dtmf-relay", "Signal=55\r\n", 400),
            ("application/dtmf-relay", "Signal=5\r\nDuration=-1", 400),
            ("application/dtmf", "five", 400),
            ("application/dtmf", "\u0665", 400),
            ("application/media_control+xml", "<fast/>", 415),
        ],
    )
    def test_what_is_no_key_is_refused(self, desk: Desk, kind: str, body: str, code: int) -> None:
        dialog = desk.up()
        assert desk.code(dialog.request("INFO", 21, body, kind=kind)) == code
        assert desk.events() == []


class TestLostConnection:
    """RFC 3261 8.1.3.1."""

    def test_a_call_over_it_fails_at_once(self, desk: Desk) -> None:
        desk.calling()
        desk.stack.lose(PEER, 0.0)
        assert desk.events() == [Rejected("leg", 503, None, None)]
        assert desk.stack.counts() == NOTHING

    def test_a_call_that_rings_over_it_fails_too(self, desk: Desk) -> None:
        invite = desk.calling()
        desk.stack.receive(answer_to(invite, 180), PEER, 0.0)
        desk.events()
        desk.stack.lose(PEER, 0.0)
        assert desk.events() == [Rejected("leg", 503, None, None)]

    def test_a_caller_that_is_gone_has_given_up(self, desk: Desk) -> None:
        desk.taken()
        desk.stack.lose(PEER, 0.0)
        assert desk.events() == [Cancelled("leg", None)]

    def test_a_call_that_talks_goes_on(self, desk: Desk) -> None:
        dialog = desk.up()
        desk.stack.lose(PEER, 0.0)
        assert desk.events() == []
        assert desk.code(dialog.request("BYE", 21)) == 200

    def test_a_goodbye_that_nobody_can_hear_ends_the_leg(self, desk: Desk) -> None:
        desk.up()
        desk.stack.hang_up("leg", now=0.0)
        desk.stack.lose(PEER, 0.0)
        assert desk.stack.counts()["legs"] == 0

    def test_other_connections_are_not_meant(self, desk: Desk) -> None:
        desk.calling()
        desk.stack.lose(Flow("tcp", PEER.host, PEER.port), 0.0)
        assert desk.events() == []


class TestReinvite:
    """RFC 3261 14.2."""

    @pytest.mark.parametrize("body", [data.OFFER, data.OFFER.replace("1210 2342", "1210 2343"), ""])
    def test_what_changes_nothing_is_answered_with_our_last_description(
        self, desk: Desk, body: str
    ) -> None:
        dialog = desk.up()
        (response,) = desk.receive(dialog.request("INVITE", 21, body))
        assert (response.code, response.sdp) == (200, data.ANSWER)
        assert response.contacts
        desk.wait(1.0)
        assert [again.code for again in desk.responses()] == [200]
        desk.receive(dialog.request("ACK", 21))
        desk.wait(60.0)
        assert (desk.messages(), desk.events()) == ([], [])

    def test_a_change_is_answered_with_what_the_call_says(self, desk: Desk) -> None:
        dialog = desk.up()
        assert desk.receive(dialog.request("INVITE", 21, HELD)) == []
        assert desk.events() == [Offered("leg", HELD)]
        desk.stack.answer("leg", RECEIVING, now=0.0)
        (response,) = desk.responses()
        assert (response.code, response.sdp) == (200, RECEIVING)
        desk.receive(dialog.request("ACK", 21))
        # The same again, as a refresh does, is nothing new.
        (again,) = desk.receive(dialog.request("INVITE", 22, HELD))
        assert (again.code, again.sdp) == (200, RECEIVING)
        assert desk.events() == []

    def test_a_change_that_cannot_be_is_refused_and_the_call_goes_on(self, desk: Desk) -> None:
        dialog = desk.up()
        desk.receive(dialog.request("INVITE", 21, HELD))
        desk.events()
        desk.stack.refuse_offer("leg", 488, now=0.0)
        assert [response.code for response in desk.responses()] == [488]
        (response,) = desk.receive(dialog.request("INVITE", 22, data.OFFER))
        assert (response.code, response.sdp) == (200, data.ANSWER)

    def test_a_second_change_waits_for_the_first(self, desk: Desk) -> None:
        dialog = desk.up()
        desk.receive(dialog.request("INVITE", 21, HELD))
        (response,) = desk.receive(dialog.request("INVITE", 22, HELD))
        assert (response.code, response.headers.first("retry-after")) == (500, "5")

    def test_a_change_is_over_with_its_call(self, desk: Desk) -> None:
        dialog = desk.up()
        desk.receive(dialog.request("INVITE", 21, HELD))
        answers = desk.receive(dialog.request("BYE", 22))
        assert sorted(answer.code for answer in answers) == [200, 487]
        desk.stack.answer("leg", RECEIVING, now=0.0)
        assert desk.responses() == []
        desk.wait(100.0)
        assert desk.stack.counts() == NOTHING

    def test_who_asks_what_we_can_may_change_the_session_by_its_answer(self, desk: Desk) -> None:
        dialog = desk.up()
        desk.receive(dialog.request("INVITE", 21))
        # Both sides offering at once is glare (14.1).
        assert desk.code(dialog.request("INVITE", 22, HELD)) == 491
        desk.receive(dialog.request("ACK", 21, HELD))
        assert desk.events() == [Changed("leg", HELD)]

    def test_a_body_of_another_kind_is_not_taken(self, desk: Desk) -> None:
        dialog = desk.up()
        assert desk.code(dialog.request("INVITE", 21, "x", kind="text/plain")) == 415

    def test_the_peer_may_move(self, desk: Desk) -> None:
        dialog = desk.up()
        moved = Flow("udp", "203.0.113.66", 1234)
        desk.receive(dialog.request("INVITE", 21, data.OFFER), moved)
        desk.receive(dialog.request("ACK", 21), moved)
        desk.stack.hang_up("leg", now=0.0)
        ((packet, flow),) = desk.stack.outgoing()
        assert packet.startswith(b"BYE sip:alice@192.0.2.99:5101 SIP/2.0\r\n")
        assert flow == moved

    def test_one_that_is_never_confirmed_ends_the_call(self, desk: Desk) -> None:
        dialog = desk.up()
        desk.receive(dialog.request("INVITE", 21, data.OFFER))
        desk.wait(32.0)
        assert desk.events() == [Ended("leg", Cause.NO_ACK, None)]
        assert [request.method for request in desk.requests()] == ["BYE"]
        desk.wait(100.0)
        assert desk.stack.counts() == NOTHING

    def test_before_our_answer_it_is_out_of_turn(self, desk: Desk) -> None:
        dialog = desk.taken()
        (response,) = desk.receive(dialog.request("INVITE", 21, data.OFFER))
        assert response.code == 500
        assert response.headers.first("retry-after") is not None

    def test_while_our_own_invite_is_open_it_has_to_wait(self, desk: Desk) -> None:
        invite = desk.calling()
        desk.stack.receive(answer_to(invite, 180), PEER, 0.0)
        assert desk.code(from_callee(invite, "INVITE", 1)) == 491

    def test_after_our_bye_there_is_no_session(self, desk: Desk) -> None:
        dialog = desk.up()
        desk.stack.hang_up("leg", now=0.0)
        desk.messages()
        assert desk.code(dialog.request("INVITE", 21, data.OFFER)) == 481

    def test_the_side_that_was_called_may_ask_too(self, desk: Desk) -> None:
        invite = desk.calling()
        desk.stack.receive(answer_to(invite, 200, body=data.OFFER), PEER, 0.0)
        desk.messages()
        (response,) = desk.receive(from_callee(invite, "INVITE", 1, data.OFFER))
        assert (response.code, response.sdp) == (200, data.ANSWER)
        assert desk.receive(from_callee(invite, "INVITE", 2, HELD)) == []
        assert desk.events()[-1] == Offered("leg", HELD)


def from_callee(invite: Request, method: str, cseq: int, body: str = "") -> bytes:
    """A request of the side that we called."""
    content = "Content-Type: application/sdp\n" if body else ""
    return data.wire(
        f"{method} sip:alice@198.51.100.1 SIP/2.0\n"
        f"Via: SIP/2.0/UDP 192.0.2.20:5102;branch=z9hG4bKcallee{cseq};rport\n"
        f"From: {invite.headers.only('to')};tag=peer\nTo: {invite.headers.only('from')}\n"
        f"Call-ID: {invite.call_id}\nCSeq: {cseq} {method}\nMax-Forwards: 70\n"
        f"Contact: <sip:bob@192.0.2.20:5102>\n{content}Content-Length: {{length}}\n\n",
        body,
    )
