"""SIP on a stream: bytes in, whole messages and keep-alives out (RFC 3261 18.3, RFC 5626 3.5.1)."""

import re
from collections.abc import Iterator

from signaling.sip.message import MAX_MESSAGE
from signaling.sip.syntax import BadSip, number

KEEP_ALIVE = b"\r\n\r\n"

_BLANK = b"\r\n\r\n"
# Folded values included; the alternatives begin with different bytes, so a match is one pass.
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:((?:[^\r]|\r\n[ \t])*)", re.IGNORECASE)
# A message begins with a method or `SIP`, both tokens; a TLS hello, say, does not.
_BEGINNINGS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")


class Framer:
    """Cuts one stream into messages. After BadSip the stream cannot be read any further."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        # Where the search for the blank line goes on, so that a slow sender costs no rescans.
        self._searched = 0
        # The length of the message at the front, once its headers are whole.
        self._whole: int | None = None

    @property
    def is_inside(self) -> bool:
        """Whether a message has begun and is not whole; line ends before one are none of it."""
        return bool(self._buffer) and self._buffer[:1] != b"\r"

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that `data` completes, and KEEP_ALIVE for pings; read it to the end.

        Raises BadSip after what was whole: nobody can tell where the next message begins.
        """
        self._buffer += data
        while message := self._next():
            yield message
        if len(self._buffer) > MAX_MESSAGE:
            raise BadSip("a message on a stream does not end")

    def _next(self) -> bytes | None:
        if self._whole is None:
            if self._skip_line_ends():
                return KEEP_ALIVE
            self._whole = self._measure()
        if self._whole is None or len(self._buffer) < self._whole:
            return None
        message = bytes(self._buffer[: self._whole])
        del self._buffer[: self._whole]
        self._searched, self._whole = 0, None
        return message

    def _skip_line_ends(self) -> bool:
        """Drop line ends before a message; whether a ping was among them.

        However many come in one read, they get one pong: it proves as much.
        """
        end = 0
        while self._buffer[end : end + 2] == b"\r\n":
            end += 2
        # A single line end may be the first half of a ping that is still under way.
        if end == 2 and bytes(self._buffer[2:4]) in (b"", b"\r"):
            return False
        del self._buffer[:end]
        return end >= len(KEEP_ALIVE)

    def _measure(self) -> int | None:
        """How long the message at the front is; None while its headers are not whole."""
        if not self._buffer or self._buffer[:1] == b"\r":
            self._check_line_end()
            return None
        if self._buffer[0] not in _BEGINNINGS:
            raise BadSip("this is not SIP")
        at = self._buffer.find(_BLANK, self._searched)
        if at < 0:
            self._searched = max(0, len(self._buffer) - len(_BLANK) + 1)
            return None
        lengths = _LENGTH.findall(self._buffer, 0, at)
        if len(lengths) != 1:
            raise BadSip("a stream takes exactly one Content-Length a message")
        text = lengths[0].decode("ascii", "replace").strip(" \t\r\n")
        return at + len(_BLANK) + number(text, "Content-Length", maximum=MAX_MESSAGE)

    def _check_line_end(self) -> None:
        if bytes(self._buffer[:4]) not in (b"", b"\r", b"\r\n", b"\r\n\r"):
            raise BadSip("this is not SIP")
