"""The ng protocol's messages: what goes in comes out, and nothing else gets through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import ng
from signaling.shared.errors import BadMessage

TEXT = st.text(max_size=40)
VALUES = st.recursive(
    TEXT | st.integers(-(2**62), 2**62),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
COOKIES = st.from_regex(r"[a-z0-9_-]{1,40}", fullmatch=True)


class TestEncoding:
    def test_it_is_the_protocols_own_example(self) -> None:
        assert ng.encode("5323_1", {"command": "ping"}) == b"5323_1 d7:command4:pinge"
        assert ng.decode(b"5323_1 d6:result4:ponge") == ("5323_1", {"result": "pong"})

    @given(COOKIES, st.dictionaries(TEXT, VALUES, max_size=6))
    def test_what_was_encoded_is_read_back(self, cookie: str, message: ng.Message) -> None:
        assert ng.decode(ng.encode(cookie, message)) == (cookie, message)

    def test_a_message_that_no_datagram_holds_is_refused(self) -> None:
        with pytest.raises(BadMessage):
            ng.encode("1", {"sdp": "v" * ng.MAX_MESSAGE})


class TestDecoding:
    @given(st.binary(max_size=200))
    def test_any_octets_are_read_or_refused(self, data: bytes) -> None:
        try:
            ng.decode(data)
        except BadMessage:
            pass

    @given(COOKIES, st.dictionaries(TEXT, VALUES, min_size=1, max_size=4), st.data())
    def test_a_message_cut_short_is_refused(
        self, cookie: str, message: ng.Message, data: st.DataObject
    ) -> None:
        whole = ng.encode(cookie, message)
        with pytest.raises(BadMessage):
            ng.decode(whole[: data.draw(st.integers(0, len(whole) - 1))])

    @pytest.mark.parametrize(
        "body",
        [
            b"i1e",
            b"le",
            b"d1:ai1eee",
            b"d1:ae",
            b"di1e1:ae",
            b"d1:a-1:e",
            b"d1:a999999999:xe",
            b"d1:aie",
            b"d1:ai--1ee",
            b"d1:ai" + b"9" * 30 + b"ee",
            b"d1:a" + b"l" * 2000 + b"e" * 2001,
            b"",
        ],
    )
    def test_what_is_no_dictionary_is_refused(self, body: bytes) -> None:
        with pytest.raises(BadMessage):
            ng.decode(b"1 " + body)

    @pytest.mark.parametrize("data", [b"", b" de", b"d4:spame", b"c" * 100 + b" de", b"\xff de"])
    def test_a_cookie_comes_first(self, data: bytes) -> None:
        with pytest.raises(BadMessage):
            ng.decode(data)


class TestLooking:
    def test_what_is_of_another_kind_is_not_there(self) -> None:
        message: ng.Message = {"text": "a", "number": 1, "list": [{"x": 1}, 2], "map": {"y": "z"}}
        assert (ng.text_of(message, "text"), ng.text_of(message, "number")) == ("a", "")
        assert (ng.number_of(message, "number"), ng.number_of(message, "text")) == (1, 0)
        assert ng.dictionaries_of(message, "list") == [{"x": 1}]
        assert ng.dictionaries_of(message, "text") == ng.dictionaries_of(message, "map") == []
        assert ng.dictionary_of(message, "map") == {"y": "z"}
        assert ng.dictionary_of(message, "list") == ng.dictionary_of(message, "none") == {}
