"""The stack against requests and responses made by hand: what it refuses, absorbs and passes on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sip.events import Cancelled, Received
from signaling.sip.flow import Flow
from signaling.sip.transaction_layer import Limits
from tests.sip import data
from tests.sip.desk import NOTHING, PEER, Desk, answer_to
from tests.sip.steady import STEADY


def invite(*changes: tuple[str, str]) -> bytes:
    return data.edited(data.INVITE, *changes)


def options(*changes: tuple[str, str]) -> bytes:
    return data.edited(data.OPTIONS, *changes)


def of_method(method: str) -> bytes:
    return options(("OPTIONS", method))


class TestSilence:
    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"\r\n",
            b"\r\n\r\n",
            b"\x00\x00\x00\x00",
            b"\xff\xfe" * 50,
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            data.OK,
            options(("Via:", "X-Via:")),
            options(("SIP/2.0/UDP 192", "SIP/2.0/UDP @192")),
            of_method("ACK"),
        ],
    )
    def test_what_cannot_be_answered_is_not(self, desk: Desk, raw: bytes) -> None:
        assert desk.receive(raw) == []
        assert desk.events() == []
        assert desk.stack.counts() == NOTHING

    def test_a_keep_alive_is_answered_on_streams_alone(self, desk: Desk) -> None:
        """RFC 5626 3.5.1."""
        stream = Flow("tcp", "203.0.113.5", 40_000)
        desk.stack.receive(b"\r\n\r\n", stream, 0.0)
        assert desk.stack.outgoing() == [(b"\r\n", stream)]
        desk.stack.receive(b"\r\n", stream, 0.0)
        assert desk.stack.outgoing() == []

    def test_line_ends_before_a_message_do_no_harm(self, desk: Desk) -> None:
        assert desk.code(b"\r\n\r\n" + data.OPTIONS) == 200


class TestScreening:
    """RFC 3261 8.2."""

    @pytest.mark.parametrize(
        ("raw", "code"),
        [
            (options(), 200),
            (options(("Max-Forwards: 70", "Max-Forwards: 0")), 200),
            (options(("sip:wsphone.test SIP/2.0", "sip:wsphone.test SIP/3.0")), 505),
            (options(("OPTIONS sip:", "OPTIONS mailto:")), 416),
            (invite(("Max-Forwards: 70", "Max-Forwards: 0")), 483),
            (invite(("application/sdp", "text/plain")), 415),
            (invite(("application/sdp", "application/sdp\r\nContent-Encoding: gzip")), 415),
            (options(("CSeq: 1", "CSeq: x")), 400),
            (options(("To: <sip:wsphone.test>", "To: nonsense")), 400),
            (options(("From:", "X-From:")), 400),
            (of_method("MESSAGE"), 405),
            (of_method("UPDATE"), 405),
            (of_method("SUBSCRIBE"), 405),
            (of_method("NONSENSE"), 501),
            (of_method("BYE"), 481),
            (of_method("CANCEL"), 481),
        ],
    )
    def test_each_gets_its_code(self, desk: Desk, raw: bytes, code: int) -> None:
        assert desk.code(raw) == code
        assert desk.events() == []

    def test_a_shorter_datagram_than_promised_is_bad(self, desk: Desk) -> None:
        assert desk.code(data.INVITE[:-10]) == 400

    def test_unsupported_extensions_are_named(self, desk: Desk) -> None:
        (response,) = desk.receive(invite(("Supported:", "Require: 100rel, foo\r\nSupported:")))
        assert response.code == 420
        assert response.headers.first("unsupported") == "100rel, foo"

    def test_a_refused_method_learns_what_is_allowed(self, desk: Desk) -> None:
        (response,) = desk.receive(of_method("REFER"))
        assert "INVITE" in (response.headers.first("allow") or "")

    def test_options_tell_what_is_understood(self, desk: Desk) -> None:
        """RFC 3261 11.2."""
        (response,) = desk.receive(data.OPTIONS)
        assert response.headers.first("accept") == "application/sdp"
        assert response.headers.first("allow") is not None
        assert response.headers.first("supported") is not None

    def test_what_is_refused_costs_no_memory(self, desk: Desk) -> None:
        desk.receive(options(("CSeq: 1", "CSeq: x")))
        assert desk.stack.counts() == NOTHING


class TestResponses:
    """RFC 3261 8.2.6, 18.2; RFC 3581."""

    def test_what_is_echoed_comes_back_byte_for_byte(self, desk: Desk) -> None:
        second = "Via: SIP/2.0/TCP p2.test;branch=z9hG4bKp2 ,SIP/2.0/UDP  p3.test ;branch=z9hG4bKp3"
        raw = options(("From: ", f"{second}\r\nf:  "), ("Call-ID: options-1", "i:\toptions-1  "))
        desk.stack.receive(raw, PEER, 0.0)
        ((packet, flow),) = desk.stack.outgoing()
        assert flow == PEER
        for line in (second, "f:  <sip:alice@wsphone.test>;tag=opt", "i:\toptions-1  "):
            assert f"\r\n{line}\r\n".encode() in packet

    def test_bytes_that_are_not_utf8_are_served_and_come_back_as_they_came(
        self, desk: Desk
    ) -> None:
        name = "Andr\xe9".encode("latin-1")
        desk.stack.receive(data.INVITE.replace(b'"Alice"', b'"%s"' % name), PEER, 0.0)
        ((packet, _),) = desk.stack.outgoing()
        assert b'From: "%s" <sip:alice@wsphone.test>' % name in packet
        (event,) = desk.events()
        assert isinstance(event, Received)
        assert event.request.from_.display_name == "Andr\ufffd"

    def test_several_hops_on_one_line_are_kept(self, desk: Desk) -> None:
        (response,) = desk.receive(
            options((";rport", ";rport, SIP/2.0/UDP p2.test;branch=z9hG4bKp2"))
        )
        top, below = response.headers.values("via")
        assert top.endswith("branch=z9hG4bK.options;rport=40000;received=203.0.113.5")
        assert below == "SIP/2.0/UDP p2.test;branch=z9hG4bKp2"

    def test_all_answers_to_a_request_have_one_tag_and_a_100_has_none(self, desk: Desk) -> None:
        (trying,) = desk.receive(data.INVITE)
        assert (trying.code, trying.to_tag) == (100, "")
        (event,) = desk.events()
        assert isinstance(event, Received)
        desk.stack.take(event.transaction, "leg", now=0.0)
        desk.stack.ring("leg", now=0.0)
        desk.stack.reject("leg", 486, now=0.0)
        ringing, busy = desk.responses()
        assert ringing.to_tag == busy.to_tag != ""

    def test_the_route_back_is_recorded_in_what_makes_a_dialog(self, desk: Desk) -> None:
        raw = invite(("Route: <", "Record-Route: <sip:p;lr>\r\nX-Route: <"))
        desk.stack.take(desk.invited(raw), "leg", now=0.0)
        desk.stack.ring("leg", now=0.0)
        desk.stack.answer("leg", data.ANSWER, now=0.0)
        assert [response.record_routes for response in desk.responses()] == [["<sip:p;lr>"]] * 2

    def test_a_request_full_of_headers_can_be_answered(self, desk: Desk) -> None:
        vias = "".join(f"Via: SIP/2.0/UDP p{hop}.test;branch=z9hG4bKp\r\n" for hop in range(115))
        dialog = desk.taken(invite(("From:", f"{vias}From:")))
        desk.stack.answer("leg", data.ANSWER, now=0.0)
        (answer,) = desk.responses()
        assert (answer.to_tag, len(answer.headers.values("via"))) == (dialog.tag, 116)


class TestRepeats:
    def test_three_times_the_same_invite_is_one_call(self, desk: Desk) -> None:
        codes = [response.code for _ in range(3) for response in desk.receive(data.INVITE)]
        assert codes == [100, 100, 100]
        assert len(desk.events()) == 1

    def test_a_repeated_register_gets_the_same_answer(self, desk: Desk) -> None:
        assert desk.receive(data.REGISTER) == []
        assert desk.receive(data.REGISTER) == []
        (event,) = desk.events()
        assert isinstance(event, Received)
        desk.stack.respond(event.transaction, 401, headers=[("WWW-Authenticate", "x")], now=0.0)
        (first,) = desk.responses()
        (again,) = desk.receive(data.REGISTER)
        assert bytes(first) == bytes(again)

    def test_a_second_answer_is_not_sent(self, desk: Desk) -> None:
        desk.receive(data.REGISTER)
        (event,) = desk.events()
        assert isinstance(event, Received)
        for code in (401, 200):
            desk.stack.respond(event.transaction, code, now=0.0)
        assert [response.code for response in desk.responses()] == [401]

    def test_a_request_that_came_on_two_ways_is_served_once(self, desk: Desk) -> None:
        """RFC 3261 8.2.2.2."""
        desk.receive(data.INVITE)
        assert desk.code(invite(("z9hG4bK.ikgpD1fRt", "z9hG4bKother"))) == 482
        assert len(desk.events()) == 1
        assert [r.code for r in desk.receive(invite(("CSeq: 20", "CSeq: 21"), ("1fRt", "2")))] == [
            100
        ]

    def test_once_it_is_forgotten_it_may_come_on_another_way(self, desk: Desk) -> None:
        assert desk.code(data.OPTIONS) == 200
        assert desk.code(options(("z9hG4bK.options", "z9hG4bKother"))) == 482
        desk.wait(33.0)
        assert desk.code(options(("z9hG4bK.options", "z9hG4bKlater"))) == 200

    def test_the_ack_of_a_refusal_stops_its_repeats(self, desk: Desk) -> None:
        transaction = desk.invited()
        desk.stack.respond(transaction, 404, now=0.0)
        (refusal,) = desk.responses()
        desk.wait(0.6)
        assert len(desk.responses()) == 1
        ack = invite(
            ("INVITE sip", "ACK sip"),
            ("20 INVITE", "20 ACK"),
            ("To: sip:bob@wsphone.test", f"To: sip:bob@wsphone.test;tag={refusal.to_tag}"),
        )
        assert desk.receive(ack) == []
        desk.wait(10.0)
        assert desk.responses() == []
        assert desk.stack.counts() == NOTHING


class TestUnknownDialog:
    @pytest.mark.parametrize("method", ["INVITE", "BYE", "INFO", "UPDATE", "OPTIONS", "REFER"])
    def test_a_request_of_no_dialog_gets_481(self, desk: Desk, method: str) -> None:
        raw = invite(
            ("INVITE sip", f"{method} sip"),
            ("20 INVITE", f"20 {method}"),
            ("To: sip:bob@wsphone.test", "To: sip:bob@wsphone.test;tag=x"),
        )
        assert desk.code(raw) == 481


class TestCancel:
    """RFC 3261 9.2."""

    CANCEL = invite(
        ("INVITE sip", "CANCEL sip"),
        ("20 INVITE", "20 CANCEL"),
        ("Supported:", "Require: anything\r\nReason: SIP;cause=200\r\nSupported:"),
    )

    def test_a_leg_that_rings_is_over(self, desk: Desk) -> None:
        desk.taken()
        first, second = desk.receive(self.CANCEL)
        assert (first.code, first.cseq.method) == (200, "CANCEL")
        assert (second.code, second.cseq.method) == (487, "INVITE")
        assert first.to_tag == second.to_tag
        assert desk.events() == [Cancelled("leg", "SIP;cause=200")]
        assert desk.stack.counts()["legs"] == 0

    def test_before_the_call_was_taken_it_is_told_when_it_is(self, desk: Desk) -> None:
        transaction = desk.invited()
        assert [response.code for response in desk.receive(self.CANCEL)] == [200, 487]
        desk.stack.take(transaction, "leg", now=0.0)
        assert desk.events() == [Cancelled("leg", None)]
        desk.stack.ring("leg", now=0.0)
        assert desk.responses() == []

    def test_after_the_answer_it_changes_nothing(self, desk: Desk) -> None:
        desk.up()
        assert [response.code for response in desk.receive(self.CANCEL)] == [200]
        assert desk.events() == []
        assert desk.stack.counts()["legs"] == 1

    @pytest.mark.parametrize(
        ("old", "new"), [("tag=xvSN", "tag=else"), ("UkLmbRk2mP", "other"), ("20 C", "21 C")]
    )
    def test_one_that_names_another_call_is_not_believed(
        self, desk: Desk, old: str, new: str
    ) -> None:
        desk.taken()
        assert desk.code(data.edited(self.CANCEL, (old, new))) == 481
        assert desk.stack.counts()["legs"] == 1


class TestLimits:
    def flood(self, desk: Desk, count: int, *, host: str = "203.0.113.5") -> list[int]:
        flow = Flow("udp", host, 5060)
        return [
            desk.receive(
                options(
                    ("z9hG4bK.options", f"z9hG4bK{host}-{number}"),
                    ("options-1", f"{host}-{number}"),
                ),
                flow,
            )[0].code
            for number in range(count)
        ]

    def test_one_host_cannot_have_it_all(self) -> None:
        desk = Desk(Limits(transactions=100, transactions_per_host=3))
        assert self.flood(desk, 5) == [200, 200, 200, 503, 503]
        assert self.flood(desk, 1, host="203.0.113.6") == [200]

    def test_all_together_cannot_have_more_than_there_is(self) -> None:
        desk = Desk(Limits(transactions=3, transactions_per_host=2))
        assert self.flood(desk, 2) == [200, 200]
        assert self.flood(desk, 2, host="203.0.113.6") == [200, 503]

    def test_who_is_refused_learns_when_to_come_back(self) -> None:
        desk = Desk(Limits(transactions=0, retry_after=7))
        (response,) = desk.receive(data.OPTIONS)
        assert response.headers.first("retry-after") == "7"

    def test_room_comes_back_with_time(self) -> None:
        desk = Desk(Limits(transactions=2, transactions_per_host=2))
        self.flood(desk, 3)
        desk.wait(33.0)
        assert desk.stack.counts() == NOTHING
        assert desk.code(data.OPTIONS) == 200


class TestCommands:
    def test_what_is_said_to_legs_that_are_over_is_ignored(self, desk: Desk) -> None:
        desk.stack.ring("gone", now=0.0)
        desk.stack.answer("gone", data.ANSWER, now=0.0)
        desk.stack.reject("gone", 486, now=0.0)
        desk.stack.hang_up("gone", now=0.0)
        desk.stack.respond(("gone",), 200, now=0.0)
        assert (desk.messages(), desk.events()) == ([], [])

    def test_a_transaction_that_is_gone_makes_a_leg_that_is_over(self, desk: Desk) -> None:
        desk.stack.take(("gone",), "leg", now=0.0)
        assert desk.events() == [Cancelled("leg", None)]

    def test_a_leg_cannot_be_made_twice(self, desk: Desk) -> None:
        transaction = desk.invited()
        desk.stack.take(transaction, "leg", now=0.0)
        with pytest.raises(ValueError, match="exists"):
            desk.stack.take(transaction, "other", now=0.0)
        with pytest.raises(ValueError, match="exists"):
            desk.calling()


class TestFuzz:
    @STEADY
    @given(st.data())
    def test_no_message_and_no_command_after_it_raises(self, draw: st.DataObject) -> None:
        desk = Desk()
        raw = bytearray(draw.draw(st.sampled_from([data.INVITE, data.REGISTER, TestCancel.CANCEL])))
        for _ in range(draw.draw(st.integers(0, 3))):
            at = draw.draw(st.integers(0, len(raw) - 1))
            length = draw.draw(st.integers(0, 2))
            raw[at : at + length] = draw.draw(st.binary(max_size=3))
        desk.receive(bytes(raw))
        for event in desk.events():
            assert isinstance(event, Received)
            if event.request.method == "INVITE":
                desk.stack.take(event.transaction, "leg", now=0.0)
                desk.stack.ring("leg", now=0.0)
                desk.stack.answer("leg", data.ANSWER, now=0.0)
                desk.stack.hang_up("leg", now=0.0)
        desk.wait(200.0)
        assert desk.stack.counts() == NOTHING


class TestTally:
    def test_what_comes_and_goes_is_counted_once(self, desk: Desk) -> None:
        desk.receive(data.OPTIONS)
        desk.receive(data.OPTIONS)  # A repeat is answered again by its transaction, unchanged.
        desk.receive(options(("Max-Forwards: 70", "Max-Forwards: 0"), ("z9hG4bK", "z9hG4bKother")))
        invite = desk.calling()
        desk.receive(answer_to(invite, 486))
        desk.wait(0.4)
        assert desk.stack.tally.requests == {("received", "OPTIONS"): 3, ("sent", "INVITE"): 1}
        assert desk.stack.tally.responses == {
            ("sent", "OPTIONS", "2xx"): 1,
            ("sent", "OPTIONS", "4xx"): 1,
            ("received", "INVITE", "4xx"): 1,
        }
