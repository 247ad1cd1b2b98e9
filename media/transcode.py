"""One direction of a joined call, from the packets of one codec to those of another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from media.codec import Decoder, Encoder
from media.comfort import ComfortNoise, measure
from media.dtmf import EventRelay
from media.jitter import Packet, Tally
from media.packet import AUDIO, EVENT, NOISE
from media.pcm import WIDTH
from signaling.shared.errors import CodecError

MAX_CONCEALED_MS = 60
"""What is made up for a row of lost packets; a longer one is a pause, as it comes too late."""

_WORD = 0xFFFFFFFF
_SIGN = 0x80000000
_USUAL_MS = 20
# A source whose time leapt further than this, and not by what passed here, set its clock.
_LEAP_SECONDS = 0.5
# Silence is filled when a packet is this late, in frames, and not for a time when nobody polled.
_MISSED = 1.5
_MAX_FILLED_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Course:
    """What one direction has to turn into what; rates in Hz, clocks as of RTP timestamps."""

    rate: int
    source_clock: int
    target_clock: int
    frame_ms: int
    source_event_rate: int = 8000
    target_event_rate: int = 8000
    takes_noise: bool = False
    """Whether the target may be sent comfort noise."""
    pause_bytes: int = 0
    """The source's payloads up to this length say that its silence goes on (opus' DTX)."""


class Stream(Protocol):
    """What is spoken in: a peer's stream, or one side of a recording."""

    @property
    def timestamp(self) -> int:
        """That of the newest audio; before the first, the one it will have."""

    def next_timestamp(self, now: float) -> int:
        """That of sound which begins now."""


class Say(Protocol):
    """Sends a packet to the target; see media.side.Side.say."""

    def __call__(
        self, payload: bytes, timestamp: int, now: float, *, marker: bool, kind: int = AUDIO
    ) -> None: ...


class Transcoder:
    """Decodes packets that are in order, fills what is missing, and encodes frames of its own.

    A frame's timestamp is that of its sound in the source's time, so the source's clock and the
    unevenness of its packets reach the target as they are.
    """

    def __init__(
        self,
        course: Course,
        decoder: Decoder,
        encoder: Encoder,
        stream: Stream,
        say: Say,
        tally: Tally,
    ) -> None:
        """`stream` is where `say` sends to; others may speak in it, too."""
        # When `poll` has something to say though nothing came; None: not before a packet comes.
        self.due: float | None = None
        self._course = course
        self._decoder = decoder
        self._encoder = encoder
        self._stream = stream
        self._say = say
        self._tally = tally
        self._events = EventRelay(
            source_rate=course.source_event_rate, target_rate=course.target_event_rate
        )
        self._frame_bytes = course.rate * course.frame_ms // 1000 * WIDTH
        self._frame_units = course.target_clock * course.frame_ms // 1000
        # The sound that does not fill a frame yet, and the timestamp of its first sample.
        self._pending = b""
        self._timestamp = 0
        self._marker = True
        # Of the stream after our last packet: another one now is somebody else's.
        self._left = -1
        # What the source's next packet is stamped with, when the last came, and its samples.
        self._expected = 0
        self._heard_at = 0.0
        self._samples = course.rate * _USUAL_MS // 1000
        # What makes the sound of the source's silence, while it sends none, and how much it made.
        self._background: Callable[[int], bytes] | None = None
        self._filled = 0
        self._noise: ComfortNoise | None = None

    def hear(self, packet: Packet, now: float) -> None:
        """Take the source's next packet."""
        if packet.kind == EVENT:
            self._relay_event(packet, now)
            return
        if not packet.payload:
            # It keeps a NAT's door open, and says nothing.
            return
        if packet.begins or self._stream.timestamp != self._left:
            self._restart(now)
        else:
            self._catch_up(packet, now)
        self._filled = 0
        self._heard_at = now
        if packet.kind == NOISE:
            self._expected = packet.timestamp
            self._noise = self._noise or ComfortNoise(self._course.rate)
            self._noise.describe(packet.payload)
            self._rest(self._noise.make, packet.payload, 0, now)
        else:
            self._decode(packet, now)
        self._left = self._stream.timestamp

    def poll(self, now: float) -> None:
        """Say what goes on in the source's silence."""
        if self.due is None or self._background is None:
            return
        if self._stream.timestamp != self._left:
            # Somebody else speaks, music say, and nobody waits for our silence.
            self.due = None
            return
        if now - self.due > _MAX_FILLED_SECONDS:
            self.due = now
        while self.due <= now:
            self._filled += self._samples
            self._feed(self._background(self._samples), now)
            self.due += self._samples / self._course.rate
        self._left = self._stream.timestamp

    def expect_loss(self, fraction: float) -> None:
        """What part of what is said the target loses."""
        self._encoder.expect_loss(fraction)

    def _decode(self, packet: Packet, now: float) -> None:
        try:
            pcm = self._decoder.decode(packet.payload)
            self._samples = len(pcm) // WIDTH
        except CodecError:
            pcm = self._decoder.conceal(self._samples)
            self._tally.concealed_ms += self._samples * 1000 / self._course.rate
        self._expected = (packet.timestamp + self._to_source(self._samples)) & _WORD
        if len(packet.payload) > self._course.pause_bytes:
            self._background = self.due = None
            self._marker = self._marker or packet.marker
            self._feed(pcm, now)
            return
        self._rest(self._decoder.conceal, measure(pcm), self._samples, now)
        if not self._course.takes_noise:
            self._feed(pcm, now)

    def _rest(
        self, background: Callable[[int], bytes], payload: bytes, samples: int, now: float
    ) -> None:
        """The source is silent from here on; `payload` describes so many samples of it."""
        self._background = background
        if self._course.takes_noise:
            self._skip(0)
            self._say(payload, self._timestamp, now, marker=False, kind=NOISE)
            self._skip(samples)
        else:
            self.due = now + _MISSED * self._samples / self._course.rate

    def _catch_up(self, packet: Packet, now: float) -> None:
        """Bring our time to that of the packet: over what was lost, or not said at all."""
        gap = ((packet.timestamp - self._expected + _SIGN) & _WORD) - _SIGN
        seconds = gap / self._course.source_clock
        if abs(seconds) > _LEAP_SECONDS < abs(seconds - (now - self._heard_at)):
            self._restart(now)
            return
        samples = gap * self._course.rate // self._course.source_clock - self._filled
        if samples <= 0:
            return
        if packet.lost and packet.kind == AUDIO:
            self._stand_in(packet, samples, now)
        else:
            self._skip(samples)

    def _stand_in(self, packet: Packet, samples: int, now: float) -> None:
        """Make up for the packets lost before this one, and pass over what they did not hold."""
        frame = min(self._samples, samples)
        unknown = min(samples, packet.lost * self._samples) - frame
        if unknown + frame > MAX_CONCEALED_MS * self._course.rate // 1000:
            unknown = 0
        if samples > unknown + frame:
            self._skip(samples - frame - unknown)
        pcm = self._decoder.conceal(unknown) if unknown else b""
        # It is as long as a whole packet, which the gap need not be.
        pcm += self._decoder.recover(packet.payload)[-frame * WIDTH :]
        self._feed(pcm, now)
        self._tally.concealed_ms += len(pcm) / WIDTH * 1000 / self._course.rate

    def _skip(self, samples: int) -> None:
        """Let time pass without sound; what did not fill a frame is not said."""
        left = len(self._pending) // WIDTH + samples
        self._pending = b""
        self._timestamp += left * self._course.target_clock // self._course.rate
        self._timestamp &= _WORD
        self._marker = True

    def _restart(self, now: float) -> None:
        self._pending = b""
        self._timestamp = self._stream.next_timestamp(now)
        self._marker = True

    def _feed(self, pcm: bytes, now: float) -> None:
        self._pending += pcm
        while len(self._pending) >= self._frame_bytes:
            frame = self._pending[: self._frame_bytes]
            self._pending = self._pending[self._frame_bytes :]
            payload = self._encoder.encode(frame)
            if payload:
                self._say(payload, self._timestamp, now, marker=self._marker)
            # After a pause a talk spurt begins (RFC 3551, section 4.1).
            self._marker = not payload
            self._timestamp = (self._timestamp + self._frame_units) & _WORD

    def _relay_event(self, packet: Packet, now: float) -> None:
        running = self._stream.next_timestamp(now)
        event = self._events.relay(packet.timestamp, packet.payload, running)
        if event is not None:
            self._say(event.payload, event.timestamp, now, marker=event.marker, kind=EVENT)

    def _to_source(self, samples: int) -> int:
        return samples * self._course.source_clock // self._course.rate
