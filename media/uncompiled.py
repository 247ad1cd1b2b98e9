"""The sockets of an engine and libsrtp, where media/compiled.pyx could not be compiled."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, Protocol

from cffi import FFI

from media.fields import SideFields

log = logging.getLogger(__name__)

Address = tuple[Any, ...]
Received = Callable[[bytes, Address], None]

_ffi = FFI()


class Sources(Protocol):
    """Those that a key of libsrtp's knows; `last` is whose packet it opened before."""

    last: int

    def note(self, source: int) -> None:
        """Another than the `last` one was heard."""


class Keys(Protocol):
    """What protects our packets in the buffer, and opens the peer's if nothing else is to be done.

    Each takes a packet's length and returns the new one, 0 for one refused.
    """

    @property
    def protect(self) -> Callable[[int], int]: ...

    @property
    def opener(self) -> Callable[[int], int] | None: ...


class SrtpFunction:
    """One of libsrtp's functions at work in a buffer; takes a packet's length, returns the new one.

    `sources`, if any, are told whose packets it opened, by the SSRC at `place`. `kept` is for its
    life's sake: libsrtp's context ends with it.
    """

    __slots__ = ("_function", "_context", "_packet", "_buffer", "_room", "_size", "_rest")

    def __init__(
        self,
        function: int,
        context: int,
        buffer: bytearray,
        room: int,
        sources: Sources | None,
        place: int,
        kept: object,
    ) -> None:
        """`function` and `context` are addresses."""
        self._function = _ffi.cast("int (*)(void *, void *, int *)", function)
        self._context = _ffi.cast("void *", context)
        self._packet = _ffi.from_buffer("char[]", buffer, require_writable=True)
        self._buffer = buffer
        self._room = room
        self._size = _ffi.new("int *")
        self._rest = (sources, slice(place, place + 4), kept)

    def __call__(self, length: int) -> int:
        if not 0 <= length <= self._room:
            return 0
        self._size[0] = length
        if self._function(self._context, self._packet, self._size):
            return 0
        sources, place, _ = self._rest
        if sources is not None:
            source = int.from_bytes(self._buffer[place], "big")
            if source != sources.last:
                sources.note(source)
        return int(self._size[0])


class Wire:
    """The network as one leg has it: where its packets go, and whose may take the fast path.

    There is none here: what is heard is told by nobody but the leg itself.
    """

    __slots__ = ("keys", "side", "last_source", "_view", "_sock", "_target")

    def __init__(self, buffer: bytearray) -> None:
        # None: RTP is plain.
        self.keys: Keys | None = None
        self.side: SideFields | None = None
        # The SSRC of the last packet that was taken; -1 before there was one.
        self.last_source = -1
        self._view = memoryview(buffer)
        self._sock: socket.socket | None = None
        self._target: Address | None = None

    @property
    def is_aimed(self) -> bool:
        """Whether there is somewhere to send to."""
        return self._sock is not None and self._target is not None

    def aim(self, sock: socket.socket, address: Address | None) -> None:
        """Send from a socket to an address; without one, nothing can be sent."""
        self._sock, self._target = sock, address

    def hear(self, address: Address | None) -> None:
        """Packets from this address may take the fast path, and no others."""

    def hear_all(self) -> None:
        """Packets from anywhere may: their keys say whose they are."""

    def close(self) -> None:
        """Send and hear nothing more, before the sockets close."""
        self._sock = self._target = self.side = None

    def send(self, length: int) -> bool:
        """Protect the packet of this length in the buffer, and send it; whether that could be."""
        if not self.is_aimed:
            return False
        if self.keys is not None:
            length = self.keys.protect(length)
        return length > 0 and self.write(length)

    def write(self, size: int) -> bool:
        """Send the first octets of the buffer as they are; whether that could be."""
        if self._sock is None or self._target is None:
            return False
        try:
            self._sock.sendto(self._view[:size], self._target)
        except OSError:
            # A full socket buffer, or a network that just went: audio that is late is lost.
            return False
        return True


class Reader:
    """Reads the sockets of an engine."""

    def __init__(self, buffer: bytearray) -> None:
        self._size = len(buffer)
        self._sockets: set[socket.socket] = set()

    def add(self, sock: socket.socket, received: Received, wire: Wire | None = None) -> None:
        """Have `received` called with each datagram and its source, but for those that `wire`'s
        side could pass on at once."""
        asyncio.get_running_loop().add_reader(sock.fileno(), self._read, sock, received)
        self._sockets.add(sock)

    def remove(self, sock: socket.socket) -> None:
        """Read a socket no more, before it is closed; one that was never read is passed over."""
        if sock in self._sockets:
            self._sockets.remove(sock)
            asyncio.get_running_loop().remove_reader(sock.fileno())

    def _read(self, sock: socket.socket, received: Received) -> None:
        try:
            data, address = sock.recvfrom(self._size)
        except OSError:
            return
        try:
            received(data, address)
        except Exception:
            # Whatever a datagram brings about, the others are read.
            log.exception("a datagram could not be handled")
