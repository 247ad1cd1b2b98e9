"""The messages of rtpengine's ng protocol: a cookie, and a dictionary in bencode."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from signaling.shared.errors import BadMessage

MAX_MESSAGE = 65507
"""What a UDP datagram holds."""
_MAX_DEPTH = 8
_MAX_DIGITS = 19
_MAX_COOKIE = 64

Value: TypeAlias = "str | int | Sequence[Value] | Mapping[str, Value]"
Message = dict[str, Value]


def encode(cookie: str, message: Mapping[str, Value]) -> bytes:
    """A request as a datagram; BadMessage when it is too long for one."""
    data = cookie.encode() + b" " + _bencode(message)
    if len(data) > MAX_MESSAGE:
        raise BadMessage("the message does not fit into a datagram")
    return data


def decode(data: bytes) -> tuple[str, Message]:
    """The cookie and the dictionary of a datagram; BadMessage for what is none."""
    cookie, space, body = data[:MAX_MESSAGE].partition(b" ")
    if not space or not 0 < len(cookie) <= _MAX_COOKIE or not cookie.isascii():
        raise BadMessage("a message begins with a cookie and a space")
    value, end = _read(body, 0, 0)
    if not isinstance(value, dict) or end != len(body):
        raise BadMessage("a message is one dictionary")
    return cookie.decode(), value


def text_of(message: Mapping[str, Value], key: str) -> str:
    """A string of a dictionary; empty where there is none."""
    value = message.get(key)
    return value if isinstance(value, str) else ""


def number_of(message: Mapping[str, Value], key: str) -> int:
    """A number of a dictionary; 0 where there is none."""
    value = message.get(key)
    return value if isinstance(value, int) else 0


def dictionary_of(message: Mapping[str, Value], key: str) -> Mapping[str, Value]:
    """A dictionary in a dictionary; empty where there is none."""
    value = message.get(key)
    return value if isinstance(value, Mapping) else {}


def dictionaries_of(message: Mapping[str, Value], key: str) -> list[Mapping[str, Value]]:
    """The dictionaries of a list in a dictionary."""
    value = message.get(key)
    if isinstance(value, str) or not isinstance(value, Sequence):
        return []
    return [each for each in value if isinstance(each, Mapping)]


def _bencode(value: Value) -> bytes:
    if isinstance(value, str):
        data = value.encode()
        return b"%d:%b" % (len(data), data)
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, Mapping):
        pairs = (_bencode(key) + _bencode(value[key]) for key in sorted(value))
        return b"d" + b"".join(pairs) + b"e"
    return b"l" + b"".join(map(_bencode, value)) + b"e"


def _read(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    """The value that begins at a place, and the place behind it."""
    if depth > _MAX_DEPTH:
        raise BadMessage("the message is nested too deep")
    head = data[at : at + 1]
    if head == b"i":
        return _read_number(data, at + 1, b"e")
    if head == b"l":
        return _read_list(data, at + 1, depth)
    if head == b"d":
        items, end = _read_list(data, at + 1, depth)
        keys = items[::2]
        if len(items) % 2 or not all(isinstance(key, str) for key in keys):
            raise BadMessage("a dictionary is made of names and values")
        return {str(key): item for key, item in zip(keys, items[1::2], strict=True)}, end
    length, start = _read_number(data, at, b":")
    end = start + length
    if length < 0 or end > len(data):
        raise BadMessage("a string is longer than its message")
    # What is no text is nothing that we read: only that it is there may matter.
    return data[start:end].decode(errors="replace"), end


def _read_list(data: bytes, at: int, depth: int) -> tuple[list[Value], int]:
    items: list[Value] = []
    while data[at : at + 1] != b"e":
        item, at = _read(data, at, depth + 1)
        items.append(item)
    return items, at + 1


def _read_number(data: bytes, at: int, stop: bytes) -> tuple[int, int]:
    end = data.find(stop, at, at + _MAX_DIGITS + 2)
    digits = data[at:end].removeprefix(b"-") if end >= 0 else b""
    if not digits.isdigit():
        raise BadMessage("a number is missing or malformed")
    return int(data[at:end]), end + 1
