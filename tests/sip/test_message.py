"""Parsing: lazy, line by line, with one exception (RFC 3261 7, 18.3, 25)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sip.message import MAX_LINE, MAX_LINES, Headers, Request, Response, parse
from signaling.sip.screen import screen
from signaling.sip.syntax import BadSip
from tests.sip import data
from tests.sip.steady import STEADY


def request(text: str, body: str = "") -> Request:
    message = parse(data.wire(text, body))
    assert isinstance(message, Request)
    return message


def read_all(message: Request | Response) -> None:
    """Ask for everything that can be asked for."""
    _ = (message.via, message.from_, message.to, message.call_id, message.cseq, message.sdp)
    _ = (message.from_tag, message.to_tag, message.contacts, message.record_routes)
    if isinstance(message, Request):
        _ = (message.uri, message.max_forwards)


class TestReading:
    def test_a_linphone_invite_tells_what_it_is(self) -> None:
        invite = parse(data.INVITE)
        assert isinstance(invite, Request)
        assert (invite.method, str(invite.uri)) == ("INVITE", "sip:bob@wsphone.test")
        assert (invite.cseq.number, invite.call_id) == (20, "UkLmbRk2mP")
        assert (invite.from_.display_name, invite.from_tag, invite.to_tag) == (
            "Alice",
            "xvSNhXEfm",
            "",
        )
        assert invite.via.branch == "z9hG4bK.ikgpD1fRt"
        assert invite.contacts[0].uri.port == 5101
        assert invite.sdp == data.OFFER

    def test_a_response_tells_what_it_is(self) -> None:
        answer = parse(data.OK)
        assert isinstance(answer, Response)
        assert (answer.code, answer.phrase, answer.sdp) == (200, "Ok", data.ANSWER)
        assert answer.record_routes == ["<sip:proxy-2.test;lr>", "<sip:proxy-1.test;lr>"]

    def test_compact_names_and_odd_case_are_the_same_headers(self) -> None:
        message = request(
            "OPTIONS sip:a@b SIP/2.0\nv: SIP/2.0/UDP a;branch=z9hG4bKx\nF : <sip:a@b>;tag=1\n"
            "t:<sip:b@c>\ni:  x \ncSEQ: 1 OPTIONS\nL: 0\nm: <sip:d@e>\n\n"
        )
        assert (message.call_id, message.from_tag, message.via.host) == ("x", "1", "a")
        assert str(message.contacts[0].uri) == "sip:d@e"

    def test_values_over_several_lines_and_commas_are_one_list(self) -> None:
        message = request(
            'OPTIONS sip:a@b SIP/2.0\nContact: "a, b" <sip:1@h>, <sip:2@h>,\nm: ,<sip:3@h>\n\n'
        )
        assert [contact.uri.user for contact in message.contacts] == ["1", "2", "3"]

    @pytest.mark.parametrize("parameters", ["TAG=x", "a=1;tag=x", 'tag="x";a', "tag = x"])
    def test_a_tag_is_found_wherever_it_stands(self, parameters: str) -> None:
        message = request(f"OPTIONS sip:a@b SIP/2.0\nFrom: <sip:a@b>;{parameters}\n\n")
        assert message.from_tag == "x"

    def test_a_folded_header_is_one_value(self) -> None:
        message = request("OPTIONS sip:a@b SIP/2.0\nSubject: one\n  two\n\tthree\nCall-ID: x\n\n")
        assert message.headers.first("subject") == "one two three"
        assert message.call_id == "x"

    def test_a_missing_max_forwards_is_the_usual_one(self) -> None:
        assert request("OPTIONS sip:a@b SIP/2.0\nCall-ID: x\n\n").max_forwards == 70


class TestKeeping:
    @pytest.mark.parametrize("message", data.ALL)
    def test_a_message_is_written_as_it_was_read(self, message: bytes) -> None:
        assert bytes(parse(message)) == message

    def test_foldings_blanks_and_foreign_bytes_are_kept(self) -> None:
        raw = (
            b"OPTIONS sip:a@b SIP/2.0\r\nX-Odd :  a \xff\xfe\r\n  b\r\n"
            b"SUBJECT:\xe2\x80\xa8x\r\ncall-id: y\r\n\r\n\x00\xff"
        )
        assert bytes(parse(raw)) == raw

    def test_bytes_that_are_not_utf8_read_as_replacement_characters(self) -> None:
        message = parse(b"OPTIONS sip:a@b SIP/2.0\r\nSubject: \xffx\r\n\r\n")
        assert message.headers.first("subject") == "\ufffdx"

    def test_a_unicode_line_separator_starts_no_header(self) -> None:
        message = parse("OPTIONS sip:a@b SIP/2.0\r\nSubject: a\u2028Evil: b\r\n\r\n".encode())
        assert message.headers.first("evil") is None


class TestRefusing:
    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"\r\n",
            b"hello",
            b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: x\r\n",
            b"OPTIONS sip:a@b SIP/2.0\nCall-ID: x\n\n",
            b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: x\nEvil: y\r\n\r\n",
            b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: x\rEvil: y\r\n\r\n",
            b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: x\r\r\n\nEvil: y\r\n\r\n",
            b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: x\n\rEvil: y\r\n\r\n",
            b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: x\0\r\n\r\n",
            b"OPTIONS sip:a\tb SIP/2.0\r\nCall-ID: x\r\n\r\n",
            b" OPTIONS sip:a@b SIP/2.0\r\nCall-ID: x\r\n\r\n",
            b"OPTIONS sip:a@b SIP/2.0\r\nNo colon\r\n\r\n",
            b"OPTIONS sip:a@b SIP/2.0\r\n: x\r\n\r\n",
            b"OPTIONS sip:a@b SIP/2.0\r\nCall ID: x\r\n\r\n",
            b"OPTIONS sip:a@b SIP/2.0\r\n folded\r\n\r\n",
            b"OPT\x01IONS sip:a@b SIP/2.0\r\nCall-ID: x\r\n\r\n",
            b"OPT<IONS sip:a@b SIP/2.0\r\nCall-ID: x\r\n\r\n",
            b"OPTI\xc3\x93NS sip:a@b SIP/2.0\r\nCall-ID: x\r\n\r\n",
            b"OPTIONS  sip:a@b SIP/2.0\r\nCall-ID: x\r\n\r\n",
            b"OPTIONS sip:a b SIP/2.0\r\nCall-ID: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"SIP/2.0 4294967301 OK\r\nCall-ID: x\r\n\r\n",
            b"SIP/2.0 20 OK\r\nCall-ID: x\r\n\r\n",
            b"SIP/2.0 -20 OK\r\nCall-ID: x\r\n\r\n",
            b"SIP/2.0 \xd9\xa2\xd9\xa0\xd9\xa0 OK\r\nCall-ID: x\r\n\r\n",
            b"SIP/2.0 700 OK\r\nCall-ID: x\r\n\r\n",
        ],
    )
    def test_bad_framing_is_refused(self, raw: bytes) -> None:
        with pytest.raises(BadSip):
            parse(raw)

    def test_the_caps_are_kept(self) -> None:
        start = b"OPTIONS sip:a@b SIP/2.0\r\n"
        parse(start + b"X: y\r\n" * MAX_LINES + b"\r\n")
        with pytest.raises(BadSip):
            parse(start + b"X: y\r\n" * (MAX_LINES + 1) + b"\r\n")
        parse(start + b"X: " + b"y" * (MAX_LINE - 3) + b"\r\n\r\n")
        with pytest.raises(BadSip):
            parse(start + b"X: " + b"y" * MAX_LINE + b"\r\n\r\n")
        with pytest.raises(BadSip):
            parse(start + b"X: " + b"y\r\n " * MAX_LINE + b"\r\n\r\n")
        with pytest.raises(BadSip):
            parse(start + b"X: y\r\n\r\n" + b"z" * 65_536)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("CSeq: 20 INVITE", "CSeq: -20 INVITE"),
            ("CSeq: 20 INVITE", "CSeq: 4294967296 INVITE"),
            ("CSeq: 20 INVITE", "CSeq: 2_0 INVITE"),
            ("CSeq: 20 INVITE", "CSeq: 20"),
            ("CSeq: 20 INVITE", "CSeq: 20 INVITE\r\nCSeq: 21 INVITE"),
            ("CSeq: 20 INVITE", "X-None: 1"),
            ("CSeq: 20 INVITE", "CSeq: 20 BYE"),
            ("Call-ID: UkLmbRk2mP", "Call-ID: a b"),
            ("Call-ID: UkLmbRk2mP", "Call-ID: " + "x" * 257),
            ("Call-ID: UkLmbRk2mP", "Call-ID: \u00e9"),
            ("tag=xvSNhXEfm", "tag=a@b"),
            ("tag=xvSNhXEfm", "flag=1;tag=a@b"),
            ("tag=xvSNhXEfm", "tag=" + "x" * 257),
            ("tag=xvSNhXEfm", "tag"),
            ("tag=xvSNhXEfm", "flag"),
            (";tag=xvSNhXEfm", ""),
            ('From: "Alice"', 'From: "Alice'),
            ("To: sip:bob@wsphone.test", "To: bob"),
            ("sip:bob@wsphone.test SIP", "sip:@ SIP"),
            ("Max-Forwards: 70", "Max-Forwards: 256"),
            ("Max-Forwards: 70", "Max-Forwards: 70\r\nMax-Forwards: 70"),
            ("Contact: <sip:alice@192.0.2.10:5101", "Contact: *\r\nX-Was: <sip:a@b"),
            ("Contact: <sip:alice@192.0.2.10:5101", "Contact: <sip:a@b>, <sip:c@d"),
            ("Route: <", "Record-Route: nonsense\r\nRoute: <"),
            ("Route: <", "Record-Route: <sip:a@b;;lr>\r\nRoute: <"),
            ("\r\n\r\nv=0", "0\r\n\r\nv=0"),
        ],
    )
    def test_bad_values_get_400(self, old: str, new: str) -> None:
        message = parse(data.edited(data.INVITE, (old, new)))
        assert isinstance(message, Request)
        answer = screen(message)
        assert answer is not None
        assert answer.code == 400

    def test_our_own_headers_cannot_be_split(self) -> None:
        with pytest.raises(ValueError, match="line end"):
            Headers.of([("Subject", "a\r\nEvil: b")])

    @pytest.mark.parametrize("name", ["Contact", "Record-Route"])
    def test_only_so_many_addresses_are_parsed(self, name: str) -> None:
        many = ", ".join(["<sip:a@b>"] * 65)
        message = parse(data.edited(data.OK, ("User-Agent", f"{name}: {many}\r\nX-Agent")))
        with pytest.raises(BadSip):
            _ = (message.contacts, message.record_routes)


class TestContentLength:
    """RFC 3261 18.3."""

    def test_a_longer_datagram_is_cut(self) -> None:
        message = parse(data.edited(data.INVITE, (data.OFFER, data.OFFER + "rest")))
        assert message.sdp == data.OFFER

    def test_a_shorter_datagram_is_an_error(self) -> None:
        message = parse(data.INVITE[:-1])
        with pytest.raises(BadSip):
            _ = message.body

    def test_without_one_the_datagram_is_the_bound(self) -> None:
        length = f"Content-Length: {len(data.OFFER)}\r\n"
        assert parse(data.edited(data.INVITE, (length, ""))).sdp == data.OFFER


class TestStructure:
    def test_467_bytes_of_quoted_parameters_are_refused(self) -> None:
        bomb = '<sip:a@b>;a="' + '\\"' * 230
        message = parse(data.edited(data.REGISTER, ("Contact: <", f"Contact: {bomb}\r\nX-Was: <")))
        with pytest.raises(BadSip):
            _ = message.contacts


class TestFuzz:
    @STEADY
    @given(st.sampled_from(data.ALL), st.data())
    def test_a_mutated_message_raises_nothing_but_the_one_exception(
        self, message: bytes, draw: st.DataObject
    ) -> None:
        mutated = bytearray(message)
        for _ in range(draw.draw(st.integers(1, 8))):
            at = draw.draw(st.integers(0, len(mutated) - 1))
            length = draw.draw(st.integers(0, 3))
            mutated[at : at + length] = draw.draw(
                st.one_of(
                    st.binary(max_size=4),
                    st.sampled_from([b'"', b"<", b">", b",", b";", b":", b"@", b"\r\n ", b"%"]),
                )
            )
        with contextlib.suppress(BadSip):
            read_all(parse(bytes(mutated)))

    @STEADY
    @given(st.binary(max_size=300))
    def test_noise_raises_nothing_but_the_one_exception(self, noise: bytes) -> None:
        with contextlib.suppress(BadSip):
            read_all(parse(noise))
