"""One leg as the bridge sees it: what becomes of each packet between the wire and the other leg."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from media import rtcp
from media.dtmf import EventReceiver, EventSender
from media.engine import Connected, Digit, Figures, MediaEvent
from media.fast_path import Wire
from media.fields import SideFields
from media.jitter import Tally
from media.negotiate import Agreement
from media.packet import AUDIO, EVENT, HEADER_SIZE, NOISE, UNKNOWN, Outgoing, payload_offset
from media.reception import Delivery, Incoming
from signaling.shared.errors import BadMessage, IncompatibleMedia, WrongState
from signaling.shared.timers import call_later

BUFFER_SIZE = 2048


_NOTHING = bytes(128)
_SILENT = (None, None, None, None)
# No payload type: the fast path has none to send by.
_NO_TYPE = -1

# What monotonic time lacks to Unix time, read once: a clock that is set spoils no round trip.
_EPOCH = time.time() - time.monotonic()


class Sink(Protocol):
    """What takes a side's packets: the side it is joined to, or what makes other sound of them."""

    def put(self, length: int, kind: int, now: float) -> None:
        """Take the RTP packet of `length` bytes in the shared buffer, of a kind of media.packet.

        The buffer is the sink's until this returns; `now` is in monotonic seconds.
        """


class Side(SideFields):
    """One leg as the bridge sees it: its streams both ways, and the side it is joined to.

    Packets lie in a buffer that all sides of an engine share: each is handled to its end before
    the next is read. `send` puts the first n bytes of it on the wire and says whether it could.
    """

    __slots__ = (
        "leg",
        "agreement",
        "other",
        "on_part",
        "tally",
        "buffer",
        "_send",
        "_emit",
        "_delivery",
        "_numbers",
        "_events",
        "_digits",
        "_connected",
        "_told_sent",
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
        # What takes this side's packets; None: they are counted, and nobody hears them.
        self.sink: Sink | None = None
        # By which the joined side passes packets on at once; without one each comes to `take`.
        self.wire: Wire | None = None
        # Called once when the join ends, by whichever side.
        self.on_part: Callable[[], None] | None = None
        # What takes them as well, and changes nothing: a recording.
        self.tap: Sink | None = None
        # Of this side's packets, where they are made into another codec.
        self.tally = Tally()
        self.stream = stream
        self.buffer = buffer
        self._send = send
        self._emit = emit
        self._incoming = Incoming()
        self._delivery = Delivery(stream.source, stream.sequence)
        self._kinds = _NOTHING
        # What we send with, by kind: None is not sent.
        self._numbers: tuple[int | None, ...] = _SILENT
        self._audio_type = _NO_TYPE
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
        self.agreement = agreement
        kinds = bytearray(_NOTHING)
        for number in agreement.heard_events:
            kinds[number] = EVENT
        if agreement.noise_type is not None:
            kinds[agreement.noise_type] = NOISE
        for number in agreement.heard:
            kinds[number] = AUDIO
        self._kinds = bytes(kinds)
        if agreement.peer_listens:
            # What was held back from a peer that held us is not lost to it.
            if self._numbers[AUDIO] is None:
                self.stream.forget_source()
            self._speak_by(
                (None, agreement.payload_type, agreement.event_type, agreement.noise_type)
            )
        else:
            self._speak_by(_SILENT)
        for part in (self.stream, self._incoming, self._delivery):
            part.set_clock_rate(agreement.clock_rate)
        for events in (self._events, self._digits):
            events.set_clock_rate(agreement.event_rate)

    def connected(self) -> None:
        """The transport is up; told once."""
        if not self._connected:
            self._connected = True
            self._emit(Connected(self.leg))

    def knows(self, payload_type: int) -> bool:
        """Whether the peer may use the payload type."""
        return self._kinds[payload_type & 0x7F] != UNKNOWN

    def drop(self) -> None:
        """Count a packet that was not the peer's, or none at all."""
        self._dropped += 1

    def take(self, length: int) -> None:
        """Handle an RTP packet of the peer, whose first 12 bytes at least are in the buffer."""
        buffer = self.buffer
        self.heard += 1
        kind = self._kinds[buffer[1] & 0x7F]
        if kind == UNKNOWN:
            # Comfort noise, say: not for the other side, but the peer lives.
            self._dropped += 1
            return
        self.heard_at = now = time.monotonic()
        self._incoming.note(buffer, now, timed=kind == AUDIO)
        finished = self._hear_event(length, now) if kind == EVENT else ()
        if self.tap is not None:
            # First, since the sink makes another packet of it where it lies.
            self.tap.put(length, kind, now)
        if self.sink is not None:
            self.sink.put(length, kind, now)
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

    def say(
        self, payload: bytes, timestamp: int, now: float, *, marker: bool, kind: int = AUDIO
    ) -> None:
        """Send audio made here as the next packet of the peer's stream.

        `timestamp` is the stream's own: `stream.next_timestamp(now)` where sound begins, from
        then on counted by its samples. Nothing is sent to a peer that does not listen, nor during
        digits.
        """
        number = self._numbers[kind]
        if number is None or self._timer is not None:
            return
        length = HEADER_SIZE + len(payload)
        if kind == EVENT:
            self.stream.write_header(self.buffer, number, timestamp, now, marker=marker)
        else:
            self.stream.write_audio_header(self.buffer, number, timestamp, now, marker=marker)
        self.buffer[HEADER_SIZE:length] = payload
        if self._send(length):
            self._sent += 1
            self._octets += len(payload)

    def send_digits(self, digits: str, duration_ms: int) -> None:
        """Queue digits for the peer; they go out by a timer of their own."""
        if self.agreement is None:
            raise WrongState("the leg has not agreed on its media yet")
        if self._numbers[EVENT] is None:
            raise IncompatibleMedia("the other side takes no telephone-events")
        if not self._digits.add(digits, duration_ms, time.monotonic()):
            raise BadMessage("the digits are too many, or not of 0-9 * # A-D")
        if self._timer is None:
            self._send_events()

    @property
    def loss(self) -> float:
        """What part of our packets the peer lost lately, by its newest report."""
        return self._delivery.loss

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
        for source, asked_at in heard.asks:
            self._incoming.hear_asked(source, asked_at, now)
        for reply in heard.replies:
            self._delivery.hear_reply(reply, ntp)
        self.heard += heard.stays
        return heard.stays

    def report(self, cname: str) -> bytes:
        """Our report for the peer: a sender's, if we sent since the one before the last."""
        now = time.monotonic()
        sender, ntp = None, rtcp.ntp_time(_EPOCH + now)
        if self._sent != self._told_sent[1]:
            sender = rtcp.SenderInfo(
                ntp=ntp,
                timestamp=self.stream.timestamp_at(now),
                packets=self._sent,
                octets=self._octets,
            )
        self._told_sent = (self._sent, self._told_sent[0])
        # A sender learns the round trip from the peer's reports; who only listens has to ask.
        asks = sender is None and self._incoming.asks
        return rtcp.report(
            self.stream.source,
            cname,
            sender,
            self._incoming.block(now),
            asked_at=ntp if asks else None,
            reply=self._incoming.reply(now),
        )

    def expire_event(self, now: float) -> None:
        """Report an event whose end never came."""
        self._report(self._events.expire(now))

    def part(self) -> None:
        """Leave the joined side; both fall silent."""
        other, self.other = self.other, None
        self.sink = None
        if self.on_part is not None:
            ended, self.on_part = self.on_part, None
            ended()
        if other is not None:
            other.part()

    def close(self) -> None:
        """Leave the bridge for good; nothing is sent or reported after this."""
        self.part()
        self.tap = None
        self._kinds = _NOTHING
        self._speak_by(_SILENT)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _speak_by(self, numbers: tuple[int | None, ...]) -> None:
        audio = numbers[AUDIO]
        self._numbers, self._audio_type = numbers, _NO_TYPE if audio is None else audio

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
        number = self._numbers[EVENT]
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
            self._timer = call_later(due - now, self._send_events)
