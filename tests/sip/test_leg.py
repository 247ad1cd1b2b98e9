"""Legs that are called, and what comes within a dialog (RFC 3261 12.2, 13.3, 15)."""

import pytest

from signaling.sip.events import Cancelled, Cause, Confirmed, Ended, Received, Rejected
from signaling.sip.flow import Flow
from tests.sip import data
from tests.sip.desk import NOTHING, PEER, Desk, answer_to

NO_OFFER = data.wire(
    data.INVITE.split(b"\r\n\r\n")[0].decode().replace("\r\n", "\n") + "\n\n"
).replace(f"Content-Length: {len(data.OFFER)}".encode(), b"Content-Length: 0")


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

    def test_on_a_stream_it_is_repeated_too(self, desk: Desk) -> None:
        """RFC 3261 13.3.1.4: whatever the transport, since a proxy behind it may use another."""
        stream = Flow("tcp", PEER.host, PEER.port)
        desk.receive(data.edited(data.INVITE, ("/UDP", "/TCP")), stream)
        (event,) = desk.events()
        assert isinstance(event, Received)
        desk.stack.take(event.transaction, "leg", now=0.0)
        desk.stack.answer("leg", data.ANSWER, now=0.0)
        desk.wait(2.0)
        assert [response.code for response in desk.responses()] == [200] * 3

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


class TestSessionTimer:
    """RFC 4028: we neither ask for one nor promise one, and answer who refreshes by himself."""

    ASKED = data.edited(
        data.INVITE,
        ("Supported: replaces", "Session-Expires: 90;refresher=uas\r\nSupported: timer"),
    )

    def test_a_wish_for_one_is_not_granted(self, desk: Desk) -> None:
        desk.taken(self.ASKED)
        desk.stack.answer("leg", data.ANSWER, now=0.0)
        (success,) = desk.responses()
        for name in ("session-expires", "require"):
            assert success.headers.first(name) is None

    def test_who_requires_one_is_told(self, desk: Desk) -> None:
        raw = data.edited(self.ASKED, ("Supported: timer", "Require: timer\r\nSupported: timer"))
        (refusal,) = desk.receive(raw)
        assert (refusal.code, refusal.headers.first("unsupported")) == (420, "timer")

    def test_a_refresh_by_update_is_refused_and_one_by_invite_is_answered(self, desk: Desk) -> None:
        dialog = desk.up(self.ASKED)
        (refusal,) = desk.receive(dialog.request("UPDATE", 21))
        assert refusal.code == 405
        assert "UPDATE" not in (refusal.headers.first("allow") or "UPDATE")
        assert desk.code(dialog.request("INVITE", 22, data.OFFER)) == 200
        assert desk.stack.counts()["legs"] == 1


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

    @pytest.mark.parametrize("part", ["UkLmbRk2mP", "To: <sip:bob@wsphone.test>;tag=", ";tag=xvSN"])
    def test_a_dialog_is_its_call_id_and_both_tags(self, desk: Desk, part: str) -> None:
        """RFC 3261 12."""
        bye = desk.up().request("BYE", 21)
        assert desk.code(data.edited(bye, (part, f"{part}x"))) == 481
        assert desk.stack.counts()["legs"] == 1

    def test_an_update_while_it_rings_is_refused_and_it_rings_on(self, desk: Desk) -> None:
        dialog = desk.taken()
        assert desk.code(dialog.request("UPDATE", 21, data.OFFER)) == 405
        assert desk.code(dialog.request("PRACK", 22)) == 405
        desk.stack.answer("leg", data.ANSWER, now=0.0)
        assert [response.code for response in desk.responses()] == [200]

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
