"""The lexical rules that SIP's headers and URIs share: numbers, tokens, quoted strings, lists."""

import re

from signaling.shared.errors import BadMessage

MAX_NUMBER = 2**32 - 1

TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
QUOTED = r'"(?:[^"\\]|\\.)*"'
"""The two alternatives exclude each other, so a match is one pass."""

_TOKEN = re.compile(TOKEN)
_QUOTED = re.compile(QUOTED, re.DOTALL)
# A value without commas that separate, as nearly every Contact is: a bracket and a quoted string
# at most. It gives nothing back, so a text that is otherwise was still looked at once.
_SINGLE = re.compile(r'[^,"<]*+(?:<[^>]*+>)?+[^,"<]*+(?:"[^"\\]*+")?+[^,"<]*+')
# What closes comes whole, so a quote or bracket alone is one that never does.
_MARKS = {
    separator: re.compile(rf'"[^"\\]*"|{QUOTED}|<[^>]*>|["<{separator}]', re.DOTALL)
    for separator in ",;"
}
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
    if separator == "," and _SINGLE.fullmatch(text):
        return [text.strip()]
    parts = []
    start = 0
    for mark in _MARKS[separator].finditer(text):
        found = mark[0]
        if found == separator:
            parts.append(text[start : mark.start()].strip())
            start = mark.end()
        elif len(found) == 1:
            raise BadSip("a quoted string or an angle bracket does not close")
    parts.append(text[start:].strip())
    return parts


def is_quoted(text: str) -> bool:
    """Whether the text is one quoted string and nothing else."""
    return _QUOTED.fullmatch(text) is not None


def unquote(text: str) -> str:
    """The content of a quoted string; any other text as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    content = text[1:-1]
    return _ESCAPED.sub(r"\1", content) if "\\" in content else content


def quote(text: str) -> str:
    """A quoted string; characters that no header may hold become spaces."""
    clean = _UNPRINTABLE.sub(" ", text)
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parameter(text: str, name: str) -> str | None:
    """The value of a parameter in `;a=1;b`: unquoted, empty for a flag, None when absent."""
    # The first part is the nothing before the first semicolon.
    parts = split_list(text, ";")[1:]
    if "" in parts[:-1]:
        raise BadSip("an empty parameter")
    for part in parts:
        key, _, value = part.partition("=")
        if key == name or key.rstrip().lower() == name:
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
