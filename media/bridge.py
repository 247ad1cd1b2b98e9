"""The join of two legs: which way each side's packets take to the other."""

import asyncio
import struct
import time

from media import places
from media.codec import make_decoder, make_encoder
from media.dtmf import EventRelay
from media.g711 import LAWS, translation
from media.jitter import JitterBuffer, Packet
from media.negotiate import Agreement
from media.packet import AUDIO, EVENT, HEADER_SIZE, payload_end, payload_offset
from media.places import Places
from media.side import Side, Sink
from media.transcode import Course, Transcoder
from signaling.shared.errors import WrongState
from signaling.shared.timers import call_later

_HEADER = struct.Struct("!BBHII")
# Opus' frames of one or two bytes say that silence goes on (RFC 6716, section 3.1).
_OPUS_PAUSE_BYTES = 2


class Bridge:
    """Joins sides two by two: through as they are where it can be, else from codec to codec."""

    def __init__(self, most_transcoded: int) -> None:
        self.places = Places(most_transcoded)
        self._clock: asyncio.TimerHandle | None = None

    def join(self, one: Side, two: Side) -> None:
        """Bridge two sides; each leaves the side it was joined to.

        TryAgain, and nothing changes, when they need transcoding and there is no room for it.
        """
        if one is two:
            raise WrongState("a leg cannot be joined to itself")
        ours, theirs = _agreed(one), _agreed(two)
        if one.other is two:
            return
        # A call that moves gives its old place back.
        moves = one.on_part is not None or two.on_part is not None
        if _is_transcoded(ours, theirs) and not moves:
            self.places.check()
        for side in (one, two):
            side.part()
            side.stream.forget_source()
        one.other, two.other = two, one
        self._wire(one, two)

    def agree(self, side: Side, agreement: Agreement) -> None:
        """Have a side speak what was negotiated; a joined one goes on, with another codec too.

        TryAgain, and nothing changes, when it needs transcoding now and there is no room for it.
        """
        other, before = side.other, side.agreement
        if other is None or before is None:
            side.agree(agreement)
            return
        theirs = _agreed(other)
        if _is_transcoded(agreement, theirs) and not _is_transcoded(before, theirs):
            self.places.check()
        side.agree(agreement)
        if _sounds(agreement) != _sounds(before):
            self._unwire(side, other)
            side.stream.forget_source()
            self._wire(side, other)

    def take_places(self, places: int) -> None:
        """Take places for work that is no join; TryAgain without room."""
        self.places.check(places)
        self.places.take(places)
        self._start_clock()

    def stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _wire(self, one: Side, two: Side) -> None:
        ours, theirs = _agreed(one), _agreed(two)
        if not _is_transcoded(ours, theirs):
            one.sink, two.sink = _through(two, ours, theirs), _through(one, theirs, ours)
            return
        self.places.take()
        there, back = Way(one, two, ours, theirs), Way(two, one, theirs, ours)
        one.sink, two.sink = there, back

        def ended() -> None:
            one.on_part = two.on_part = None
            there.close()
            back.close()
            self.places.give_back()

        one.on_part = two.on_part = ended
        self._start_clock()

    @staticmethod
    def _unwire(one: Side, two: Side) -> None:
        if one.on_part is not None:
            one.on_part()
        one.sink = two.sink = None

    def _start_clock(self) -> None:
        if self._clock is None:
            due = time.monotonic() + places.CLOCK_SECONDS
            loop = asyncio.get_running_loop()
            self._clock = loop.call_later(places.CLOCK_SECONDS, self._tick, due)

    def _tick(self, due: float) -> None:
        """Note how late the loop is: what it has to do for each packet waits as long."""
        self._clock = None
        self.places.note_lateness(max(0.0, time.monotonic() - due))
        if self.places.taken:
            self._start_clock()


class Through:
    """One direction between codecs that differ in nothing but a table, or in their events only."""

    def __init__(self, target: Side, table: bytes | None, events: EventRelay | None) -> None:
        self._target = target
        self._table = table
        self._events = events

    def put(self, length: int, kind: int, now: float) -> None:
        """See Sink: sound stays in its packet."""
        target = self._target
        buffer = target.buffer
        offset = HEADER_SIZE if buffer[0] == 0x80 else payload_offset(buffer, length)
        if kind == EVENT and self._events is not None:
            timestamp = int.from_bytes(buffer[4:8], "big")
            running = target.stream.timestamp_at(now)
            event = self._events.relay(timestamp, bytes(buffer[offset:length]), running)
            if event is not None:
                target.say(event.payload, event.timestamp, now, marker=event.marker, kind=EVENT)
            return
        if kind == AUDIO and self._table is not None:
            end = payload_end(buffer, length)
            buffer[offset:end] = buffer[offset:end].translate(self._table)
        target.put(length, kind, now)


class Way:
    """One direction of a join that transcodes: a side's packets into order, and on to the other."""

    def __init__(self, source: Side, target: Side, heard: Agreement, spoken: Agreement) -> None:
        self._source = source
        self._target = target
        self._loss = 0.0
        self._jitter = JitterBuffer(heard.clock_rate, source.tally)
        rate = 8000 if heard.codec in LAWS or spoken.codec in LAWS else 16000
        course = Course(
            rate=rate,
            source_clock=heard.clock_rate,
            target_clock=spoken.clock_rate,
            frame_ms=spoken.ptime_ms,
            source_event_rate=heard.event_rate,
            target_event_rate=spoken.event_rate,
            takes_noise=spoken.noise_type is not None,
            pause_bytes=_OPUS_PAUSE_BYTES if heard.codec.startswith("opus/") else 0,
        )
        self._transcoder = Transcoder(
            course,
            make_decoder(heard.codec, rate),
            make_encoder(spoken.codec, rate, spoken.ptime_ms, dtx=spoken.wants_pauses),
            target.stream,
            target.say,
            source.tally,
        )
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0

    def put(self, length: int, kind: int, now: float) -> None:
        """See Sink."""
        buffer = self._source.buffer
        first, second, sequence, timestamp, source = _HEADER.unpack_from(buffer)
        offset = HEADER_SIZE if first == 0x80 else payload_offset(buffer, length)
        payload = bytes(buffer[offset : payload_end(buffer, length)])
        packet = Packet(payload, timestamp, kind, second >= 0x80)
        if self._target.loss != self._loss:
            self._loss = self._target.loss
            self._transcoder.expect_loss(self._loss)
        for ready in self._jitter.put(source, sequence, packet, now, timed=kind == AUDIO):
            self._transcoder.hear(ready, now)
        self._arm(now)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, now: float) -> None:
        """Wake up when a packet was waited for long enough, or silence is to be filled."""
        dues = [due for due in (self._jitter.due, self._transcoder.due) if due is not None]
        if not dues or (self._timer is not None and self._timer_due <= min(dues)):
            return
        self.close()
        self._timer_due = min(dues)
        self._timer = call_later(self._timer_due - now, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = time.monotonic()
        for ready in self._jitter.poll(now):
            self._transcoder.hear(ready, now)
        self._transcoder.poll(now)
        self._arm(now)


def other_codec(side: Side) -> tuple[str, ...]:
    """What the side that it is joined to speaks, if it is."""
    other = side.other
    return (other.agreement.codec,) if other is not None and other.agreement is not None else ()


def passes(codec: str, others: tuple[str, ...]) -> bool:
    """Whether sound of a codec needs no transcoding for a side that speaks one of `others`."""
    return codec in others or (codec in LAWS and any(other in LAWS for other in others))


def _agreed(side: Side) -> Agreement:
    if side.agreement is None:
        raise WrongState("a leg that has not agreed on its media cannot be joined")
    return side.agreement


def _is_transcoded(one: Agreement, two: Agreement) -> bool:
    return not passes(one.codec, (two.codec,))


def _sounds(agreement: Agreement) -> tuple[object, ...]:
    """What the way to the other side depends on."""
    return agreement.codec, agreement.event_rate, agreement.ptime_ms, agreement.noise_type


def _through(target: Side, heard: Agreement, spoken: Agreement) -> Sink:
    if heard.codec == spoken.codec and heard.event_rate == spoken.event_rate:
        return target
    table = translation(heard.codec, spoken.codec) if heard.codec != spoken.codec else None
    events = None
    if heard.event_rate != spoken.event_rate:
        events = EventRelay(source_rate=heard.event_rate, target_rate=spoken.event_rate)
    return Through(target, table, events)
