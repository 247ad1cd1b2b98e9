"""Dialogs (RFC 3261 12)."""

import json

from signaling.sip.dialog import Dialog
from signaling.sip.flow import Flow
from signaling.sip.message import Request, Response, parse
from tests.sip import data

FLOW = Flow("udp", "203.0.113.5", 40_000)


def request(*changes: tuple[str, str]) -> Request:
    message = parse(data.edited(data.INVITE, *changes))
    assert isinstance(message, Request)
    return message


def response(*changes: tuple[str, str]) -> Response:
    message = parse(data.edited(data.OK, *changes))
    assert isinstance(message, Response)
    return message


def accepted(*changes: tuple[str, str]) -> Dialog:
    return Dialog.accepted(request(*changes), "ourtag", FLOW)


def offered(*changes: tuple[str, str]) -> Dialog:
    invite = request(("To: sip:bob@wsphone.test", 'To: "Bob" <sip:bob@wsphone.test>'))
    return Dialog.offered(invite, response(*changes), FLOW)


TWO_ROUTES = ("Route: <", "Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nX-Route: <")
STRICT = ("Route: <", "Record-Route: <sip:p1>, <sip:p2;lr>\r\nX-Route: <")


class TestMaking:
    def test_the_called_side_keeps_contact_and_tags(self) -> None:
        dialog = accepted()
        assert dialog.target == "sip:alice@192.0.2.10:5101;transport=udp"
        assert (dialog.local_tag, dialog.remote_tag) == ("ourtag", "xvSNhXEfm")
        assert dialog.local == "sip:bob@wsphone.test;tag=ourtag"
        assert dialog.remote == '"Alice" <sip:alice@wsphone.test>;tag=xvSNhXEfm'

    def test_the_called_side_keeps_the_routes_in_order(self) -> None:
        """RFC 3261 12.1.1."""
        assert accepted(TWO_ROUTES).routes == ("<sip:p1;lr>", "<sip:p2;lr>")

    def test_the_calling_side_keeps_the_routes_reversed(self) -> None:
        """RFC 3261 12.1.2."""
        dialog = offered()
        assert dialog.routes == ("<sip:proxy-1.test;lr>", "<sip:proxy-2.test;lr>")
        assert dialog.target == "sip:bob@192.0.2.20:5102;transport=udp"
        assert dialog.remote_tag == "gP3LbTw"

    def test_an_answer_without_contact_leaves_the_target_that_was_called(self) -> None:
        assert offered(("Contact:", "X-Was:")).target == "sip:bob@wsphone.test"


class TestRequests:
    """RFC 3261 12.2.1.1."""

    def test_the_number_rises_by_one(self) -> None:
        dialog = offered()
        numbers = [dict(dialog.request("BYE")[1])["CSeq"] for _ in range(2)]
        assert numbers == ["21 BYE", "22 BYE"]

    def test_an_ack_has_the_number_of_its_invite(self) -> None:
        dialog = offered()
        dialog.request("BYE")
        assert dict(dialog.request("ACK", cseq=20)[1])["CSeq"] == "20 ACK"
        assert dialog.local_cseq == 21

    def test_loose_routes_go_into_route_headers(self) -> None:
        target, headers = accepted(TWO_ROUTES).request("BYE")
        assert target == "sip:alice@192.0.2.10:5101;transport=udp"
        assert [value for name, value in headers if name == "Route"] == [
            "<sip:p1;lr>",
            "<sip:p2;lr>",
        ]

    def test_a_strict_router_gets_the_request_line(self) -> None:
        target, headers = accepted(STRICT).request("BYE")
        assert target == "sip:p1"
        assert [value for name, value in headers if name == "Route"] == [
            "<sip:p2;lr>",
            "<sip:alice@192.0.2.10:5101;transport=udp>",
        ]


class TestOrder:
    """RFC 3261 12.2.2."""

    def test_what_is_not_newer_is_out_of_order(self) -> None:
        dialog = accepted()
        assert not dialog.take(request())
        assert not dialog.take(request(("CSeq: 20", "CSeq: 19")))
        assert dialog.take(request(("CSeq: 20", "CSeq: 25")))
        assert not dialog.take(request(("CSeq: 20", "CSeq: 24")))

    def test_the_first_request_of_the_called_side_may_have_any_number(self) -> None:
        assert offered().take(request(("CSeq: 20", "CSeq: 0")))

    def test_a_target_refresh_moves_the_dialog(self) -> None:
        dialog = accepted()
        moved = Flow("udp", "203.0.113.6", 1)
        dialog.refresh(request(("alice@192.0.2.10", "alice@192.0.2.99")), moved)
        assert dialog.target == "sip:alice@192.0.2.99:5101;transport=udp"
        assert dialog.flow == moved


class TestSnapshot:
    def test_a_dialog_survives_the_trip_through_json(self) -> None:
        for dialog in (accepted(TWO_ROUTES), offered()):
            dialog.request("BYE")
            copy = Dialog.restore(json.loads(json.dumps(dialog.snapshot())))
            assert copy == dialog
            assert copy.request("BYE") == dialog.request("BYE")
