"""URIs and name-addr (RFC 3261 19.1, 20.10)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sip.syntax import BadSip
from signaling.sip.uri import NameAddr, Uri, address_of_record
from tests.sip.steady import STEADY

ADDRESSES = (
    r'"Alice \" A" <sip:alice@wsphone.test:5060;lr?a=b>;tag=1',
    "Bob <sips:[2001:db8::1];transport=tcp> ;q=1",
    "sip:bob:secret@host;tag=5",
    '<tel:+49123;a=b>;a="b, <c>";d',
)
PIECES = (*'"\\<>,;:@=%?* []', "", "sip:", "<sip:a@b>", '"b"', "65536", "\u00e9")


class TestUri:
    @pytest.mark.parametrize(
        "text",
        [
            "sip:bob@wsphone.test",
            "sips:bob:secret@wsphone.test:5061;transport=tcp;lr",
            "sip:wsphone.test",
            "sip:[2001:db8::1]:5060",
            "sip:+49%20123;ext=1@wsphone.test;user=phone?subject=x&priority=urgent",
            "sip:alice@192.0.2.1;pn-provider=fcm;pn-prid=a:b&c=d;pn-silent=1",
            "tel:+491234;phone-context=example.test",
            "sip:host?a=b;c",
            "sip:a;b?c@host",
        ],
    )
    def test_a_uri_is_written_as_it_was_read(self, text: str) -> None:
        assert str(Uri.parse(text)) == text

    def test_parts_are_told_apart(self) -> None:
        uri = Uri.parse("SIP:a%6cice;x=1:pw@Example.TEST:5070;Transport=TCP;lr?a=b")
        assert (uri.scheme, uri.username, uri.host, uri.port) == (
            "sip",
            "alice;x=1",
            "example.test",
            5070,
        )
        assert uri.parameter("transport") == "TCP"
        assert uri.parameter("lr") == ""
        assert uri.headers == "?a=b"
        assert Uri.parse("tel:+49123").username == "+49123"
        assert Uri.parse("sip:host?a=b;c").parameters == ""
        assert Uri.parse("sip:a;b?c@host").user == "a;b?c"

    @pytest.mark.parametrize("text", ["sip:host;", "sip:host?", "sip:host;?"])
    def test_parameters_and_headers_that_are_empty_are_none(self, text: str) -> None:
        assert Uri.parse(text) == Uri.parse("sip:host")

    def test_zeros_before_a_port_are_legal(self) -> None:
        assert Uri.parse("sip:host:000005060").port == 5060

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "sip:",
            "bob@host",
            "sip:@host",
            "sip:a@b@c",
            "sip:a@b;c@d",
            "sip:a@b?c@d",
            "sip:host:000000005060",
            "sip:bob@",
            "sip:bob@host:",
            "sip:bob@host:99999",
            "sip:bob@host:50x",
            "sip:bob@[::1",
            "sip:bob@ho st",
            "sip:bob@host\r\nX: y",
            "sip:a%0d%0ab@host",
            "sip:<bob>@host",
            'sip:"bob"@host',
            "s\u0131p:bob@host",
        ],
    )
    def test_what_is_no_uri_is_refused(self, text: str) -> None:
        with pytest.raises(BadSip):
            Uri.parse(text)


class TestComparison:
    """RFC 3261 19.1.4."""

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("sip:%61lice@atlanta.test;transport=TCP", "sip:alice@AtLanTa.test;Transport=tcp"),
            ("sip:carol@chicago.test", "sip:carol@chicago.test;newparam=5"),
            ("sip:carol@chicago.test;newparam=5", "sip:carol@chicago.test;security=on"),
        ],
    )
    def test_these_are_the_same(self, one: str, other: str) -> None:
        assert Uri.parse(one).matches(Uri.parse(other))
        assert Uri.parse(other).matches(Uri.parse(one))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("sip:ALICE@atlanta.test", "sip:alice@atlanta.test"),
            ("sip:bob@biloxi.test", "sip:bob@biloxi.test:5060"),
            ("sip:bob@biloxi.test", "sip:bob@biloxi.test;transport=udp"),
            ("sip:bob@biloxi.test", "sips:bob@biloxi.test"),
            ("sip:carol@chicago.test;a=1", "sip:carol@chicago.test;a=2"),
            ("sip:carol@chicago.test", "sip:carol@chicago.test?Subject=next"),
        ],
    )
    def test_these_differ(self, one: str, other: str) -> None:
        assert not Uri.parse(one).matches(Uri.parse(other))

    def test_an_address_of_record_is_user_and_host_alone(self) -> None:
        uri = Uri.parse("sips:%61lice:pw@WSPhone.test:5061;transport=tls")
        assert address_of_record(uri) == "sip:alice@wsphone.test"


class TestNameAddr:
    def test_a_display_name_is_never_taken_for_the_address(self) -> None:
        address = NameAddr.parse(r'"Eve <sip:admin@d>\" <sip:x@y>" <sip:eve@evil.test>;tag=1')
        assert str(address.uri) == "sip:eve@evil.test"
        assert address.display_name == 'Eve <sip:admin@d>" <sip:x@y>'
        assert address.parameter("tag") == "1"

    @pytest.mark.parametrize(
        "name", ['"Eve <sip:admin@d>"', '"<sip:admin@d>"', '"Eve <sip:admin@d>, <sip:x@y>"', '"<"']
    )
    def test_brackets_in_a_quoted_name_are_part_of_the_name(self, name: str) -> None:
        """The same without a backslash, which takes the parser's short way."""
        address = NameAddr.parse(f"{name} <sip:eve@evil.test>;tag=1")
        assert (str(address.uri), address.display_name) == ("sip:eve@evil.test", name[1:-1])

    def test_a_quoted_name_alone_is_no_address(self) -> None:
        with pytest.raises(BadSip):
            NameAddr.parse('"Eve <sip:admin@d>"')

    def test_without_brackets_the_parameters_are_the_headers(self) -> None:
        address = NameAddr.parse("sip:bob@host;tag=5")
        assert (address.uri.parameters, address.parameter("tag")) == ("", "5")

    def test_without_brackets_a_quoted_parameter_is_the_headers_too(self) -> None:
        address = NameAddr.parse('sip:bob@host;a="b@c";tag=5')
        assert (address.uri.host, address.parameter("a")) == ("host", "b@c")

    @STEADY
    @given(
        st.sampled_from(ADDRESSES),
        st.lists(
            st.tuples(st.integers(0, 60), st.integers(0, 2), st.sampled_from(PIECES)), max_size=4
        ),
    )
    def test_what_was_understood_is_understood_again_when_we_write_it(
        self, text: str, edits: list[tuple[int, int, str]]
    ) -> None:
        for at, length, piece in edits:
            text = text[:at] + piece + text[at + length :]
        try:
            address = NameAddr.parse(text)
        except BadSip:
            return
        again = NameAddr.parse(str(address))
        assert (again.uri, again.parameters) == (address.uri, address.parameters)

    def test_instance_and_push_parameters_stay_as_they_came(self) -> None:
        text = (
            "<sip:alice@192.0.2.1;pn-prid=a:b&c=d>"
            ';+sip.instance="<urn:uuid:6f0a93c4-55f7-4a5c-9c6f-9d0ba4a6b6a1>";reg-id=1'
        )
        address = NameAddr.parse(text)
        assert str(address) == text
        assert address.parameter("+sip.instance") == (
            "<urn:uuid:6f0a93c4-55f7-4a5c-9c6f-9d0ba4a6b6a1>"
        )

    def test_a_name_from_elsewhere_cannot_break_out_of_its_quotes(self) -> None:
        address = NameAddr(Uri.parse("sip:a@b"), 'x" <sip:admin@d>\r\nX: "')
        assert "\r" not in str(address)
        assert str(NameAddr.parse(str(address)).uri) == "sip:a@b"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "Bob",
            "<sip:a@b",
            '"Bob <sip:a@b>',
            '"Bob" sip:a@b',
            'B"o"b <sip:a@b>',
            "<sip:a@b>tag=1",
            "a;b <sip:a@b>",
            "a, b <sip:a@b>",
            "sip:a@b <sip:c@d",
            "<>",
            "*",
            "sip:a@b?subject=x",
        ],
    )
    def test_what_is_no_address_is_refused(self, text: str) -> None:
        with pytest.raises(BadSip):
            NameAddr.parse(text)
