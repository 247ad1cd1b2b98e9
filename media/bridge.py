"""The join of two legs: what becomes of each packet between the wire and the other leg."""

import asyncio
import time
from collections.abc import Callable, Iterable

from media import rtcp
from media.dtmf import EventReceiver, EventSender
from media.engine import Connected, Digit, Figures, MediaEvent, Silent
from media.negotiate import Agreement
from media.packet import HEADER_SIZE, Outgoing, payload_offset
from media.reception import Delivery, Incoming
from signaling.shared.errors import BadMessage, IncompatibleMedia, WrongState

BUFFER_SIZE = 2048


# What a payload type stands for; plain numbers, since an Enum costs more than all else here.
_UNKNOWN, _AUDIO, _EVENT = range(3)
_NOTHING = bytes(128)

# What monotonic time lacks to Unix time, read once: a clock that is set spoils no round trip.
_EPOCH = time.time() - time.monotonic()


class Side:
    """One leg as the bridge sees it: its streams both ways, and the side it is joined to.

    Packets lie in a buffer that all sides of an engine share: each is handled to its end before
    the next is read. `send` puts the first n bytes of it on the wire and says whether it could.
    """

    __slots__ = (
        "leg",
        "heard",
        "heard_at",
        "agreement",
        "other",
        "stream",
        "buffer",
        "_send",
        "_emit",
        "_incoming",
        "_delivery",
        "_kinds",
        "_numbers",
        "_events",
        "_digits",
        "_timer",
        "_connected",
        "_sent",
        "_octets",
        "_told_sent",
        "_dropped",
    )

    def __init__(
        self,
        leg: str,
        stream: Outgoing,
        buffer: bytearray,
        send: Callable[[int], bool],
        emit: Callable[[MediaEvent], None],
    ) -> None:
        self.leg = leg
        # Rises with every packet that proves the peer alive; the watch compares it.
        self.heard = 0
        # When the last RTP packet came, in monotonic seconds.
        self.heard_at = 0.0
        self.agreement: Agreement | None = None
        self.other: Side | None = None
        self.stream = stream
        self.buffer = buffer
        self._send = send
        self._emit = emit
        self._incoming = Incoming()
        self._delivery = Delivery(stream.source, stream.sequence)
        self._kinds = _NOTHING
        # What we send with, by kind: None is not sent.
        self._numbers: tuple[int | None, ...] = (None, None, None)
        self._events = EventReceiver()
        self._digits = EventSender()
        self._timer: asyncio.TimerHandle | None = None
        self._connected = False
        self._sent = 0
        self._octets = 0
        # How many were sent by the report before, and by the one before that.
        self._told_sent = (0, 0)
        self._dropped = 0

    def agree(self, agreement: Agreement) -> None:
        """Speak what was negotiated from now on."""
        joined = self.other is not None and self.agreement is not None
        if joined and self.agreement and self.agreement.codec != agreement.codec:
            raise IncompatibleMedia("the codec cannot change while the leg is joined")
        self.agreement = agreement
        kinds = bytearray(_NOTHING)
        for number in agreement.heard_events:
            kinds[number] = _EVENT
        for number in agreement.heard:
            kinds[number] = _AUDIO
        self._kinds = bytes(kinds)
        if agreement.peer_listens:
            # What was held back from a peer that held us is not lost to it.
            if self._numbers[_AUDIO] is None:
                self.stream.forget_source()
            self._numbers = (None, agreement.payload_type, agreement.event_type)
        else:
            self._numbers = (None, None, None)
        for part in (self.stream, self._incoming, self._delivery, self._events, self._digits):
            part.set_clock_rate(agreement.clock_rate)

    def connected(self) -> None:
        """The transport is up; told once."""
        if not self._connected:
            self._connected = True
            self._emit(Connected(self.leg))

    def knows(self, payload_type: int) -> bool:
        """Whether the peer may use the payload type."""
        return self._kinds[payload_type & 0x7F] != _UNKNOWN

    def drop(self) -> None:
        """Count a packet that was not the peer's, or none at all."""
        self._dropped += 1

    def take(self, length: int) -> None:
        """Handle an RTP packet of the peer, whose first 12 bytes at least are in the buffer."""
        buffer = self.buffer
        self.heard += 1
        kind = self._kinds[buffer[1] & 0x7F]
        if kind == _UNKNOWN:
            # Comfort noise, say: not for the other side, but the peer lives.
            self._dropped += 1
            return
        self.heard_at = now = time.monotonic()
        self._incoming.note(buffer, now, timed=kind == _AUDIO)
        finished = self._hear_event(length, now) if kind == _EVENT else ()
        if self.other is not None:
            self.other.put(length, kind, now)
        # Last, since a listener may use the buffer.
        self._report(finished)

    def put(self, length: int, kind: int, now: float) -> None:
        """Send the joined leg's packet on to the peer; audio waits while we send digits."""
        number = self._numbers[kind]
        if number is None:
            self._dropped += 1
            return
        if self._timer is not None:
            return
        buffer = self.buffer
        self.stream.rewrite(buffer, number, now)
        size = length - (HEADER_SIZE if buffer[0] == 0x80 else payload_offset(buffer, length))
        if self._send(length):
            self._sent += 1
            self._octets += size
        else:
            self._dropped += 1

    def send_digits(self, digits: str, duration_ms: int) -> None:
        """Queue digits for the peer; they go out by a timer of their own."""
        if self.agreement is None:
            raise WrongState("the leg has not agreed on its media yet")
        if self._numbers[_EVENT] is None:
            raise IncompatibleMedia("the other side takes no telephone-events")
        if not self._digits.add(digits, duration_ms, time.monotonic()):
            raise BadMessage("the digits are too many, or not of 0-9 * # A-D")
        if self._timer is None:
            self._send_events()

    def figures(self) -> Figures:
        """How well the streams travelled so far."""
        trip = self._delivery.round_trip
        return Figures(
            codec=self.agreement.codec if self.agreement else "",
            received=self._incoming.direction(trip),
            sent=self._delivery.direction(self._sent),
            round_trip_ms=None if trip is None else round(trip * 1000, 1),
            dropped=self._dropped,
        )

    def hear_reports(self, packet: bytes) -> bool:
        """Take the peer's RTCP; whether it proves that the peer lives and stays."""
        heard = rtcp.read(packet)
        if heard is None:
            return False
        now = time.monotonic()
        for source, sender in heard.senders:
            self._incoming.hear(source, sender, now)
        ntp = rtcp.ntp_time(_EPOCH + now)
        for block in heard.blocks:
            self._delivery.hear(block, ntp)
        self.heard += heard.stays
        return heard.stays

    def report(self, cname: str) -> bytes:
        """Our report for the peer: a sender's, if we sent since the one before the last."""
        now = time.monotonic()
        sender = None
        if self._sent != self._told_sent[1]:
            sender = rtcp.SenderInfo(
                ntp=rtcp.ntp_time(_EPOCH + now),
                timestamp=self.stream.timestamp_at(now),
                packets=self._sent,
                octets=self._octets,
            )
        self._told_sent = (self._sent, self._told_sent[0])
        return rtcp.report(self.stream.source, cname, sender, self._incoming.block(now))

    def expire_event(self, now: float) -> None:
        """Report an event whose end never came."""
        self._report(self._events.expire(now))

    def part(self) -> None:
        """Leave the joined side; both fall silent."""
        if self.other is not None:
            self.other.other = None
            self.other = None

    def close(self) -> None:
        """Leave the bridge for good; nothing is sent or reported after this."""
        self.part()
        self._kinds = _NOTHING
        self._numbers = (None, None, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hear_event(self, length: int, now: float) -> Iterable[tuple[str, int]]:
        offset = payload_offset(self.buffer, length)
        if not offset:
            return ()
        timestamp = int.from_bytes(self.buffer[4:8], "big")
        return self._events.hear(timestamp, bytes(self.buffer[offset:length]), now)

    def _report(self, finished: Iterable[tuple[str, int]]) -> None:
        for digit, duration_ms in finished:
            self._emit(Digit(self.leg, digit, duration_ms))

    def _send_events(self) -> None:
        now = time.monotonic()
        number = self._numbers[_EVENT]
        for event in self._digits.poll(now, self.stream.timestamp_at(now)):
            if number is None:
                break
            self.stream.write_header(self.buffer, number, event.timestamp, now, marker=event.marker)
            length = HEADER_SIZE + len(event.payload)
            self.buffer[HEADER_SIZE:length] = event.payload
            if self._send(length):
                self._sent += 1
                self._octets += len(event.payload)
        due = self._digits.due
        if due is None:
            self._timer = None
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, due - now), self._send_events)


def join(one: Side, two: Side) -> None:
    """Bridge two sides of one codec; each leaves the side it was joined to."""
    if one is two:
        raise WrongState("a leg cannot be joined to itself")
    if one.agreement is None or two.agreement is None:
        raise WrongState("a leg that has not agreed on its media cannot be joined")
    if one.agreement.codec != two.agreement.codec:
        raise IncompatibleMedia(
            f"the legs speak {one.agreement.codec} and {two.agreement.codec}; they share no codec"
        )
    if one.other is two:
        return
    for side in (one, two):
        side.part()
        side.stream.forget_source()
    one.other, two.other = two, one


class Watch:
    """Reports joined legs that fell silent, by one timer for all of them."""

    def __init__(
        self,
        sides: Callable[[], Iterable[Side]],
        emit: Callable[[MediaEvent], None],
        *,
        silent_seconds: float,
    ) -> None:
        self._sides = sides
        self._emit = emit
        self._silent_seconds = silent_seconds
        self._period = min(1.0, silent_seconds / 4)
        # The count of what was heard, since when it stands still, and whether we said so.
        self._still: dict[Side, tuple[int, float, bool]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look; the timer ends by itself when no leg is left."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._period, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        now = time.monotonic()
        sides = list(self._sides())
        for side in sides:
            side.expire_event(now)
        joined = [side for side in sides if side.other is not None]
        before, self._still = self._still, {}
        for side in joined:
            self._still[side] = self._look(side, before.get(side), now)
        if sides:
            self.start()

    def _look(
        self, side: Side, before: tuple[int, float, bool] | None, now: float
    ) -> tuple[int, float, bool]:
        held = side.agreement is not None and not side.agreement.peer_talks
        if before is None or before[0] != side.heard or held:
            return side.heard, now, False
        heard, since, told = before
        if not told and now - since >= self._silent_seconds:
            self._emit(Silent(side.leg, now - since))
            told = True
        return heard, since, told
