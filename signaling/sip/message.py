"""SIP messages: header lines kept byte for byte, values decoded when they are asked for."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

from signaling.sip.syntax import TOKEN, BadSip, is_token, number, split_list
from signaling.sip.uri import NameAddr, Uri
from signaling.sip.via import Via

MAX_MESSAGE = 65_536
MAX_LINES = 128
MAX_LINE = 8_192
MAX_ADDRESSES = 64
"""Of one kind in one message: each has to be parsed, often before anybody is authenticated."""

_COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
}
_CONTROL = bytes(octet for octet in (*range(32), 127) if octet != ord("\t"))
_VERSION = re.compile(r"SIP/[0-9]\.[0-9]", re.IGNORECASE)
_CSEQ = re.compile(rf"([0-9]+)[ \t]+({TOKEN})")
_CODE = re.compile(r"[1-6][0-9]{2}")

Pair = tuple[str, str]
Value = TypeVar("Value")


class _Once(Generic[Value]):
    """functools.cached_property without its lock, which costs more than most values here do."""

    def __init__(self, read: Callable[[Any], Value]) -> None:
        self._read = read
        self._name = read.__name__
        self.__doc__ = read.__doc__

    def __get__(self, message: Any, owner: type) -> Value:
        value = message.__dict__[self._name] = self._read(message)
        return value


class Headers:
    """Header lines as they came and in order, found by name in one look-up.

    A folded header is one line that holds its line ends (RFC 3261 7.3.1). Bytes that are not
    UTF-8 survive in the lines and become U+FFFD in the values.
    """

    __slots__ = ("_index", "lines")

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = tuple(lines)
        self._index: dict[str, list[str]] = {}
        index = self._index
        for line in self.lines:
            written, colon, _ = line.partition(":")
            if not colon:
                raise BadSip("a header without a colon")
            name = _name_of(written)
            if name in index:
                index[name].append(line)
            else:
                index[name] = [line]

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> "Headers":
        """Headers of our own; ValueError when a value would start a header of its own."""
        lines = []
        for name, value in pairs:
            if "\r" in value or "\n" in value or "\0" in value:
                raise ValueError(f"a line end in our own {name}")
            lines.append(f"{name}: {value}")
        return cls(lines)

    def named(self, name: str) -> Sequence[str]:
        """The lines of one header as they came; `name` in lower case and long form."""
        return self._index.get(name, ())

    def first(self, name: str) -> str | None:
        """The value of the first line of that name, None without one."""
        lines = self._index.get(name)
        return value_of(lines[0]) if lines else None

    def only(self, name: str) -> str:
        """The value of a header that must stand exactly once; BadSip otherwise."""
        lines = self._index.get(name, ())
        if len(lines) != 1:
            raise BadSip(f"{name} must stand exactly once")
        return value_of(lines[0])

    def at_most_one(self, name: str) -> str | None:
        """The value of a header that may stand once, None without it; BadSip when it repeats."""
        lines = self._index.get(name)
        if lines is None:
            return None
        if len(lines) > 1:
            raise BadSip(f"{name} stands more than once")
        return value_of(lines[0])

    def values(self, name: str) -> list[str]:
        """All values of a list header, over its lines and their commas."""
        values: list[str] = []
        for line in self._index.get(name, ()):
            values += split_list(value_of(line), ",")
        return values if all(values) else [value for value in values if value]


# The names are few and come with every message; an attacker's are soon pushed out.
@lru_cache(maxsize=256)
def _name_of(written: str) -> str:
    name = written.rstrip(" \t").lower()
    if not is_token(name):
        raise BadSip("malformed header name")
    return _COMPACT.get(name, name)


def value_of(line: str) -> str:
    """The value of one header line, unfolded."""
    value = line.partition(":")[2].strip(" \t\r\n")
    if "\r\n" in value:
        value = " ".join(part.strip(" \t") for part in value.split("\r\n"))
    if value.isascii():
        return value
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class CSeq(NamedTuple):
    """A request's place in its dialog, and the method that a response belongs to."""

    number: int
    method: str


class Message:
    """What requests and responses share; every accessor raises BadSip for what it cannot read."""

    def __init__(self, headers: Headers, rest: bytes) -> None:
        self.headers = headers
        # All that follows the blank line; Content-Length says how much of it is ours.
        self._rest = rest

    @_Once
    def body(self) -> bytes:
        """The body as Content-Length bounds it (RFC 3261 18.3)."""
        bound = self.headers.at_most_one("content-length")
        if bound is None:
            return self._rest
        length = number(bound, "Content-Length")
        if length > len(self._rest):
            raise BadSip("Content-Length is beyond the end")
        return self._rest[:length]

    @_Once
    def via(self) -> Via:
        """The topmost hop."""
        first = self.headers.first("via")
        if first is None:
            raise BadSip("Via is missing")
        return Via.parse(split_list(first, ",")[0])

    @_Once
    def from_(self) -> NameAddr:
        """Who sent the request, as the sender says."""
        return NameAddr.parse(self.headers.only("from"))

    @_Once
    def to(self) -> NameAddr:
        """Whom the request was meant for at first."""
        return NameAddr.parse(self.headers.only("to"))

    @_Once
    def from_tag(self) -> str:
        """Empty when there is none."""
        return _tag(self.from_)

    @_Once
    def to_tag(self) -> str:
        """Empty when there is none."""
        return _tag(self.to)

    @_Once
    def call_id(self) -> str:
        """Printable ASCII, at most 256 characters."""
        value = self.headers.only("call-id")
        if not (0 < len(value) <= 256 and value.isascii() and " " not in value):
            raise BadSip("malformed Call-ID")
        return value

    @_Once
    def cseq(self) -> CSeq:
        """Number and method."""
        cseq = _CSEQ.fullmatch(self.headers.only("cseq"))
        if cseq is None:
            raise BadSip("malformed CSeq")
        digits, method = cseq.groups()
        return CSeq(number(digits, "CSeq"), method)

    @_Once
    def contacts(self) -> list[NameAddr]:
        """The Contact headers; `*` is not an address and has to be looked for before."""
        return list(map(NameAddr.parse, self._addresses("contact")))

    @_Once
    def record_routes(self) -> list[str]:
        """The Record-Route headers as they came, each of them a readable address."""
        routes = self._addresses("record-route")
        for route in routes:
            # A later request of ours asks for `lr`, when there is nobody left to refuse.
            NameAddr.parse(route).uri.parameter("lr")
        return routes

    def _addresses(self, name: str) -> list[str]:
        values = self.headers.values(name)
        if len(values) > MAX_ADDRESSES:
            raise BadSip(f"too many of {name}")
        return values

    @property
    def content_type(self) -> str:
        """The kind of the body, in lower case and without parameters; empty when none is named."""
        return (self.headers.first("content-type") or "").partition(";")[0].strip().lower()

    @property
    def sdp(self) -> str | None:
        """The session description, None when there is no body or one of another kind."""
        if not self.body or self.content_type != "application/sdp":
            return None
        return self.body.decode("utf-8", "replace")

    def _written(self, start_line: str) -> bytes:
        head = "\r\n".join((start_line, *self.headers.lines, "", ""))
        return head.encode("utf-8", "surrogateescape") + self._rest


def _tag(address: NameAddr) -> str:
    if not address.parameters:
        return ""
    # Nearly always the tag is all there is.
    tag = address.parameters.removeprefix(";tag=")
    if not is_token(tag):
        named = address.parameter("tag")
        if named is None:
            return ""
        if not is_token(named):
            raise BadSip("malformed tag")
        tag = named
    if len(tag) > 256:
        raise BadSip("a tag is too long")
    return tag


class Request(Message):
    """A request; `target` is the Request-URI as it came."""

    def __init__(
        self,
        method: str,
        target: str,
        headers: Headers,
        rest: bytes = b"",
        *,
        version: str = "SIP/2.0",
    ) -> None:
        super().__init__(headers, rest)
        self.method = method
        self.target = target
        self.version = version

    @_Once
    def uri(self) -> Uri:
        """The Request-URI."""
        return Uri.parse(self.target)

    @property
    def max_forwards(self) -> int:
        """How many hops are left; 70 where nothing is said (RFC 3261 16.6, step 3)."""
        left = self.headers.at_most_one("max-forwards")
        return 70 if left is None else number(left, "Max-Forwards", maximum=255)

    def __bytes__(self) -> bytes:
        return self._written(f"{self.method} {self.target} {self.version}")


class Response(Message):
    """A response; `phrase` is for people only."""

    def __init__(self, code: int, phrase: str, headers: Headers, rest: bytes = b"") -> None:
        super().__init__(headers, rest)
        self.code = code
        self.phrase = phrase

    def __bytes__(self) -> bytes:
        return self._written(f"SIP/2.0 {self.code} {self.phrase}")


def parse(data: bytes) -> Request | Response:
    """One whole message, as a datagram brings it; BadSip if its lines are not those of SIP.

    Only the framing is checked here: values raise BadSip when they are asked for.
    """
    if len(data) > MAX_MESSAGE:
        raise BadSip("message too large")
    head, blank, rest = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not blank:
        raise BadSip("the headers do not end")
    start, *headers = _lines(head)
    if start[:4].upper() == "SIP/":
        return _response(start, Headers(headers), rest)
    return _request(start, Headers(headers), rest)


def _lines(head: bytes) -> list[str]:
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    # CR and LF come in pairs, where the lines were split, and else no control but the tab.
    if len(head.translate(None, _CONTROL)) != len(head) - 2 * (len(lines) - 1):
        raise BadSip("control characters in the headers")
    if min(lines) < "!":  # some line begins with a blank
        lines = _unfolded(lines)
    if len(lines) > MAX_LINES + 1:
        raise BadSip("too many headers")
    if len(head) > MAX_LINE and any(len(line) > MAX_LINE for line in lines):
        raise BadSip("a header is too long")
    return lines


def _unfolded(lines: list[str]) -> list[str]:
    whole: list[list[str]] = []
    for line in lines:
        if line[:1] not in (" ", "\t"):
            whole.append([line])
        elif len(whole) > 1:
            whole[-1].append(line)
        else:
            raise BadSip("a continued line continues nothing")
    return ["\r\n".join(parts) for parts in whole]


def _request(start: str, headers: Headers, rest: bytes) -> Request:
    words = start.split(" ")
    if len(words) != 3:
        raise BadSip("malformed request line")
    method, target, version = words
    # No other control character came this far.
    if not (
        is_token(method)
        and target
        and "\t" not in target
        and (version == "SIP/2.0" or _VERSION.fullmatch(version))
    ):
        raise BadSip("malformed request line")
    return Request(method, target, headers, rest, version=version.upper())


def _response(start: str, headers: Headers, rest: bytes) -> Response:
    version, _, status = start.partition(" ")
    code, _, phrase = status.partition(" ")
    if version.upper() != "SIP/2.0" or not _CODE.fullmatch(code):
        raise BadSip("malformed status line")
    return Response(int(code), phrase, headers, rest)
