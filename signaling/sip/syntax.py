"""The lexical rules that SIP's headers and URIs share: numbers, tokens, quoted strings, lists."""

import re
from collections.abc import Iterator

from signaling.shared.errors import BadMessage

MAX_NUMBER = 2**32 - 1

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_MARKS = {",": re.compile(r'[",<]'), ";": re.compile(r'[";<]')}
# The two alternatives exclude each other, so a match is one pass; callers give up when it fails.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class BadSip(BadMessage):
    """What came is not SIP; the text quotes nothing of it, so that it can be sent back."""


def number(text: str, what: str, *, maximum: int = MAX_NUMBER) -> int:
    """The value of ASCII digits, nothing else; BadSip beyond `maximum`."""
    # The length is checked first: int() of thousands of digits costs quadratic time.
    if not (0 < len(text) <= 10 and text.isascii() and text.isdigit()):
        raise BadSip(f"{what} is not a number")
    value = int(text)
    if value > maximum:
        raise BadSip(f"{what} is too large")
    return value


def is_token(text: str) -> bool:
    """Whether the text is a token (RFC 3261 25.1)."""
    return _TOKEN.fullmatch(text) is not None


def split_list(text: str, separator: str) -> list[str]:
    """The parts between separators (`,` or `;`) that stand outside quotes and <>, stripped."""
    if '"' not in text and "<" not in text:
        return [part.strip() for part in text.split(separator)]
    parts = []
    start = 0
    for at in _top_level(text, separator):
        parts.append(text[start:at].strip())
        start = at + 1
    parts.append(text[start:].strip())
    return parts


def _top_level(text: str, separator: str) -> Iterator[int]:
    at = 0
    marks = _MARKS[separator]
    while mark := marks.search(text, at):
        at = mark.end()
        if mark[0] == '"':
            at = end_of_quoted(text, mark.start())
        elif mark[0] == "<":
            at = end_of_angled(text, mark.start())
        else:
            yield mark.start()


def end_of_quoted(text: str, start: int) -> int:
    """The place after the quoted string that begins at `start`; BadSip if it never ends."""
    quoted = _QUOTED.match(text, start)
    if quoted is None:
        raise BadSip("a quoted string does not end")
    return quoted.end()


def end_of_angled(text: str, start: int) -> int:
    """The place after the `>` that closes the `<` at `start`; BadSip if there is none."""
    end = text.find(">", start)
    if end < 0:
        raise BadSip("an angle bracket does not close")
    return end + 1


def unquote(text: str) -> str:
    """The content of a quoted string; any other text as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return _ESCAPED.sub(r"\1", text[1:-1])


def quote(text: str) -> str:
    """A quoted string; characters that no header may hold become spaces."""
    clean = _UNPRINTABLE.sub(" ", text)
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parameter(text: str, name: str) -> str | None:
    """The value of a parameter in `;a=1;b`: unquoted, empty for a flag, None when absent."""
    parts = split_list(text, ";")
    if "" in parts[1:-1]:
        raise BadSip("an empty parameter")
    for part in parts:
        key, _, value = part.partition("=")
        if key.rstrip().lower() == name:
            return unquote(value.lstrip())
    return None


def without_parameters(text: str, *names: str) -> str:
    """The same `;a=1;b` without the named parameters, all others as they came."""
    kept = [
        part
        for part in split_list(text, ";")
        if part and part.partition("=")[0].rstrip().lower() not in names
    ]
    return "".join(f";{part}" for part in kept)
