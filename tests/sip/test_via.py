"""Via, rport and received (RFC 3261 18.2, RFC 3581)."""

import pytest

from signaling.sip.flow import Flow
from signaling.sip.syntax import BadSip
from signaling.sip.via import Via

FLOW = Flow("udp", "203.0.113.5", 40_000)


class TestVia:
    def test_blanks_are_legal_where_the_grammar_has_them(self) -> None:
        via = Via.parse("SIP / 2.0 / udp   first.test: 4000 ;branch=z9hG4bKa ;rport")
        assert (via.transport, via.sent_by, via.branch) == ("UDP", "first.test:4000", "z9hG4bKa")

    def test_the_default_port_is_the_same_hop(self) -> None:
        assert Via.parse("SIP/2.0/UDP a.test;branch=1").sent_by == "a.test:5060"

    @pytest.mark.parametrize(
        "text", ["", "SIP/2.0/UDP", "SIP/3.0/UDP a", "HTTP/2.0/UDP a", "SIP/2.0/UDP a b", "x y"]
    )
    def test_what_is_no_via_is_refused(self, text: str) -> None:
        with pytest.raises(BadSip):
            Via.parse(text)


class TestSeenFrom:
    def test_rport_is_filled_and_received_added(self) -> None:
        via = Via.parse("SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bKa;x=y").seen_from(FLOW)
        assert via.parameter("rport") == "40000"
        assert via.parameter("received") == "203.0.113.5"
        assert (via.branch, via.parameter("x")) == ("z9hG4bKa", "y")

    def test_what_the_sender_claims_to_have_seen_is_replaced(self) -> None:
        via = Via.parse("SIP/2.0/UDP a;received=198.51.100.9;rport=1;branch=b").seen_from(FLOW)
        assert str(via).count("received") == 1
        assert via.parameter("received") == "203.0.113.5"
        assert via.parameter("rport") == "40000"

    def test_a_sender_that_is_where_it_says_gets_its_via_back(self) -> None:
        text = "SIP/2.0/UDP 203.0.113.5:40000;branch=z9hG4bKa"
        assert str(Via.parse(text).seen_from(FLOW)) == text
