"""Changes of a session during its call: taken, refused or out of turn (RFC 3261 14)."""

import pytest

from signaling.sip.events import Cause, Changed, Ended, Offered
from signaling.sip.flow import Flow
from tests.sip import data
from tests.sip.desk import NOTHING, PEER, Desk, answer_to, from_callee

HELD = data.OFFER + "a=sendonly\r\n"
RECEIVING = data.ANSWER.replace("- 1 1", "- 1 2") + "a=recvonly\r\n"


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
