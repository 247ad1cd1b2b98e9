"""Messages on a stream between two of our processes: four bytes of length, then the message."""

from signaling.shared.errors import BadMessage

MAX_FRAME = 1 << 20
"""Bytes of one message: several times the longest session description that signalling takes."""
_LENGTH_SIZE = 4


def framed(message: bytes) -> bytes:
    """A message as it goes onto the stream; BadMessage when it is too long."""
    if len(message) > MAX_FRAME:
        raise BadMessage(f"a message of {len(message)} bytes is too long")
    return len(message).to_bytes(_LENGTH_SIZE, "big") + message


class Frames:
    """Cuts what was read into messages, however the stream came in pieces."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now; BadMessage for a length that nobody of ours sends."""
        waiting = self._waiting
        waiting += data
        found = []
        start = 0
        while len(waiting) - start >= _LENGTH_SIZE:
            begin = start + _LENGTH_SIZE
            length = int.from_bytes(waiting[start:begin], "big")
            if length > MAX_FRAME:
                raise BadMessage(f"a message of {length} bytes is announced")
            if len(waiting) < begin + length:
                break
            found.append(bytes(waiting[begin : begin + length]))
            start = begin + length
        del waiting[:start]
        return found
