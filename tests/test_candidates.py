"""Descriptions and candidates that go from one browser to another, and what is left out of them."""

import pytest

from signaling.candidates import screened, told
from signaling.shared.messages import MAX_CANDIDATES, Candidate

# As Chromium writes it, its lines of candidates apart.
DESCRIPTION = (
    "v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9\r\nc=IN IP4 0.0.0.0\r\n"
    "a=rtcp:9 IN IP4 0.0.0.0\r\n{}a=ice-ufrag:Pj7q\r\na=ice-options:trickle\r\na=x-odd:  kept \r\n"
)


def good(line: str) -> bool:
    return line.startswith("candidate:") and "good" in line and "\r" not in line


def with_lines(*lines: str, end: str = "\r\n") -> str:
    return DESCRIPTION.format("".join(f"a={line}{end}" for line in lines))


def test_all_but_what_is_refused_stays_as_it_was() -> None:
    lines = ["candidate:1 good", "candidate:2 bad", "candidate:3 good", "end-of-candidates"]
    kept = [line for line in lines if "bad" not in line]
    assert screened(with_lines(*lines), good) == with_lines(*kept)
    assert screened(with_lines(), good) == with_lines()
    for text in ("", "\n", "no description", "a=candidates:bad\r\na=x-candidate:bad", "\u2028\x85"):
        assert screened(text, good) == text


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\n\r", "\r\r\n"])
@pytest.mark.parametrize(
    "line", ["a=candidate:bad", " a=candidate:bad", "A=CANDIDATE:bad", "a = candidate : bad"]
)
def test_no_way_to_write_one_is_overlooked(line: str, end: str) -> None:
    before, after = "v=0" + end, "a=mid:0" + end
    assert "bad" not in screened(before + line + end + after, good)
    assert "bad" not in screened(before + line, good)
    assert screened(before + after, good) == before + after


def test_only_so_many_go_on() -> None:
    lines = [f"candidate:{number} good" for number in range(MAX_CANDIDATES + 5)]
    bad = ["candidate:bad"] * 5
    kept = screened(with_lines(*bad, *lines), good)
    assert kept == with_lines(*lines[:MAX_CANDIDATES])


def test_candidates_that_come_later_are_no_exception() -> None:
    lines = ["candidate:1 good", "candidate:2 bad", "candidate:3 good\r\na=candidate:4", ""]
    kept = told([Candidate(line) for line in lines], good)
    assert [each.candidate for each in kept] == ["candidate:1 good", ""]
