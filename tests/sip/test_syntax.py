"""Numbers, tokens, quoted strings and lists (RFC 3261 25)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sip.syntax import (
    BadSip,
    number,
    parameter,
    quote,
    split_list,
    unquote,
    without_parameters,
)
from tests.sip.steady import STEADY


def letter_by_letter(text: str, separator: str) -> list[str] | None:
    """The parts of a list, None when a quoted string or a bracket does not close."""
    parts = [""]
    end = ""
    escaped = False
    for letter in text:
        if end:
            if letter == end and not escaped:
                end = ""
            escaped = end == '"' and letter == "\\" and not escaped
        elif letter in ('"', "<"):
            end = {'"': '"', "<": ">"}[letter]
        elif letter == separator:
            parts.append("")
            continue
        parts[-1] += letter
    return None if end else [part.strip() for part in parts]


class TestNumber:
    @pytest.mark.parametrize(
        "text", ["", "-1", "+1", "1_0", " 1", "1.0", "0x1", "١٢", "²", "9" * 11, "9" * 5_000]
    )
    def test_only_ascii_digits_of_a_sane_length_are_a_number(self, text: str) -> None:
        with pytest.raises(BadSip):
            number(text, "it")

    def test_the_bound_is_kept(self) -> None:
        assert number("4294967295", "it") == 2**32 - 1
        with pytest.raises(BadSip):
            number("4294967296", "it")
        with pytest.raises(BadSip):
            number("70000", "it", maximum=65_535)


class TestSplitList:
    def test_commas_in_quotes_and_brackets_do_not_separate(self) -> None:
        text = r'"a, \" <b" <sip:a,b@c>;x="1,2", <sip:d@e> ,f'
        assert split_list(text, ",") == [r'"a, \" <b" <sip:a,b@c>;x="1,2"', "<sip:d@e>", "f"]

    @pytest.mark.parametrize("text", ['"abc', '<sip:a, "b"', '"a\\"', 'x, "'])
    def test_what_does_not_close_is_refused(self, text: str) -> None:
        with pytest.raises(BadSip):
            split_list(text, ",")

    @STEADY
    @given(st.text(alphabet='ab,;"<>\\ ', max_size=60))
    def test_nothing_is_lost_but_blanks(self, text: str) -> None:
        try:
            parts = split_list(text, ",")
        except BadSip:
            return
        assert ",".join(parts).replace(" ", "") == text.replace(" ", "")

    @STEADY
    @given(
        st.lists(st.sampled_from(['"', "\\", "<", ">", ",", ";", " ", "a", '"b"', "<c>"])),
        st.sampled_from(",;"),
    )
    def test_the_parts_are_those_that_reading_letter_by_letter_finds(
        self, pieces: list[str], separator: str
    ) -> None:
        text = "".join(pieces)
        expected = letter_by_letter(text, separator)
        if expected is None:
            with pytest.raises(BadSip):
                split_list(text, separator)
        else:
            assert split_list(text, separator) == expected

    def test_many_unclosed_quotes_are_looked_at_once(self) -> None:
        # The first that does not close ends it, so no text is scanned once per quote.
        with pytest.raises(BadSip):
            split_list('"\\' * 4_000, ",")


class TestQuotedStrings:
    @STEADY
    @given(st.text(alphabet=st.characters(min_codepoint=32, exclude_categories=["Cs"])))
    def test_quoting_is_undone_by_unquoting(self, text: str) -> None:
        clean = text.replace("\x7f", " ")
        assert unquote(quote(text)) == clean

    def test_line_ends_cannot_be_quoted_into_a_header(self) -> None:
        assert quote("a\r\nX: b\0\ud800") == '"a  X: b  "'


class TestParameter:
    TEXT = ';A=1;flag ; b = "x;y\\"z" ;c='

    def test_values_are_found_whatever_the_case_of_their_names(self) -> None:
        assert parameter(self.TEXT, "a") == "1"
        assert parameter(self.TEXT, "b") == 'x;y"z'
        assert parameter(self.TEXT, "flag") == ""
        assert parameter(self.TEXT, "c") == ""
        assert parameter(self.TEXT, "d") is None

    def test_the_others_stay_as_they_came(self) -> None:
        assert without_parameters(self.TEXT, "a", "c") == ';flag;b = "x;y\\"z"'

    def test_467_bytes_of_quoted_parameters_are_no_work(self) -> None:
        text = ';a="' + '\\"' * 230 + "x"
        assert len(text) > 460
        with pytest.raises(BadSip):
            parameter(text, "b")
