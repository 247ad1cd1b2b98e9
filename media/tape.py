"""One recording: what two sides say, on one timeline, as the pages of an Ogg file."""

from typing import NamedTuple

from media.codec import make_decoder
from media.jitter import JitterBuffer, Packet, Tally
from media.negotiate import Agreement
from media.ogg import OggWriter
from media.opus import OpusEncoder
from media.packet import AUDIO, EVENT
from media.pcm import WIDTH
from media.transcode import Course, Transcoder

RATE = 16_000
FRAME_MS = 20
DELAY_SECONDS = 1.0
"""How long the timeline waits for what is late; nobody listens yet."""
PAGE_FRAMES = 50
"""A second a page: a crash loses that, and what did not fill a chunk of the file."""

_FRAME = RATE * FRAME_MS // 1000
_WORD = 0xFFFFFFFF
_SIGN = 0x80000000
# A side's clock is followed: its quickest packet of a window lies this near to its place.
_WINDOW_SECONDS = 5.0
_ADRIFT_SECONDS = 0.06
# What claims to be of a later time than this is not kept: memory is bounded, whatever peers send.
_AHEAD_SECONDS = 0.5


class Taken(NamedTuple):
    """A packet of side 0 or 1 as it came, at `at` in monotonic seconds.

    Its payload is empty where it is not to be recorded; its number still tells that it came.
    """

    side: int
    at: float
    agreement: Agreement
    source: int
    sequence: int
    packet: Packet


class Tape:
    """Takes packets of both sides as they arrive; gives pages of what can change no more."""

    def __init__(self, serial: int, began_at: float) -> None:
        """`serial` is any number of 32 bits; times are in monotonic seconds."""
        self._began_at = began_at
        self._voices = (_Voice(began_at), _Voice(began_at))
        self._encoders = tuple(OpusEncoder(RATE, FRAME_MS, dtx=False) for _ in self._voices)
        self._ogg = OggWriter(serial)
        self._pages = bytearray(self._ogg.headers(RATE))
        self._frames = 0

    @property
    def seconds(self) -> float:
        """What is recorded so far."""
        return self._ogg.seconds

    @property
    def waiting_seconds(self) -> float:
        """What is kept in memory of the longer side, which is bounded."""
        return max(voice.waiting for voice in self._voices) / RATE

    def hear(self, taken: Taken) -> None:
        """Take a side's next packet, in the order in which they arrived."""
        self._voices[taken.side].hear(taken)

    def pages(self, now: float, *, ends: bool = False) -> bytes:
        """The next whole pages; to the end, when it `ends`.

        All that arrived before `now` was heard already.
        """
        until = now if ends else now - DELAY_SECONDS
        for voice in self._voices:
            voice.settle(now, ends=ends)
        while (self._frames + 1) * _FRAME <= (until - self._began_at) * RATE:
            left, right = (
                encoder.encode(voice.take())
                for encoder, voice in zip(self._encoders, self._voices, strict=True)
            )
            self._pages += self._ogg.put(left, right)
            self._frames += 1
            if self._frames % PAGE_FRAMES == 0:
                self._pages += self._ogg.flush()
        if ends:
            self._pages += self._ogg.flush(ends=True)
        given, self._pages = bytes(self._pages), bytearray()
        return given


class _Voice:
    """One side on the timeline, as sound from `_start` on; implements media.transcode.Stream.

    A stream lies where its first packet arrived, and goes on by its own clock from there, so that
    neither jitter nor loss shows; where the clock runs away from ours it is put right.
    """

    def __init__(self, began_at: float) -> None:
        self._began_at = began_at
        self._sound = bytearray()
        self._start = 0
        # Where the newest frame lies, in samples since the beginning; -1 frame before the first.
        self._newest = -_FRAME
        self._agreement: Agreement | None = None
        self._jitter: JitterBuffer | None = None
        self._transcoder: Transcoder | None = None
        # How far the quickest packet of this window came before its place in time, in samples.
        self._lead: int | None = None
        self._window_began = began_at
        self._adrift = False

    @property
    def timestamp(self) -> int:
        return self._newest & _WORD

    @property
    def waiting(self) -> int:
        """The samples that are kept."""
        return len(self._sound) // WIDTH

    def next_timestamp(self, now: float) -> int:
        """Where sound lies that begins now: as it arrives, but not within what is there."""
        here, end = self._place(now), self._newest + _FRAME
        return (end if here < end <= here + _ADRIFT_SECONDS * RATE else here) & _WORD

    def hear(self, taken: Taken) -> None:
        if taken.agreement is not self._agreement:
            self._retune(taken.agreement)
        if self._jitter is None or self._transcoder is None:
            return
        packet, timed = taken.packet, taken.packet.kind == AUDIO
        if packet.kind == EVENT:
            # Digits may be a secret; in their place is nothing.
            packet = Packet(b"", packet.timestamp, AUDIO, marker=False)
        at, transcoder = taken.at, self._transcoder
        if self._adrift:
            # The transcoder sees that its stream moved, and begins anew where that lies.
            self._adrift, self._newest = False, self._place(at) - _FRAME
        for ready in self._jitter.put(taken.source, taken.sequence, packet, at, timed=timed):
            transcoder.hear(ready, at)

    def settle(self, now: float, *, ends: bool) -> None:
        """Wait no longer for what should have come by now; at the end for nothing at all."""
        if self._jitter is None or self._transcoder is None:
            return
        for ready in self._jitter.poll(now + DELAY_SECONDS if ends else now):
            self._transcoder.hear(ready, now)

    def take(self) -> bytes:
        """The next frame; silence where there was none."""
        size = _FRAME * WIDTH
        frame = bytes(self._sound[:size]).ljust(size, b"\0")
        del self._sound[:size]
        self._start += _FRAME
        return frame

    def say(
        self, payload: bytes, timestamp: int, now: float, *, marker: bool, kind: int = AUDIO
    ) -> None:
        """See media.transcode.Say: put a frame of sound where it belongs."""
        place = self._newest + ((timestamp - self._newest + _SIGN) & _WORD) - _SIGN
        here = self._place(now)
        if place - here > _AHEAD_SECONDS * RATE:
            self._adrift = True
            return
        self._newest = place
        self._write(payload, place - self._start)
        self._follow(place - here, now)

    def _write(self, sound: bytes, samples: int) -> None:
        if samples < 0:
            # It came too late for its time, which was given out.
            sound, samples = sound[-samples * WIDTH :], 0
        first = samples * WIDTH
        if len(self._sound) < first:
            self._sound += bytes(first - len(self._sound))
        self._sound[first : first + len(sound)] = sound

    def _follow(self, lead: int, now: float) -> None:
        self._lead = lead if self._lead is None else max(lead, self._lead)
        if now - self._window_began < _WINDOW_SECONDS:
            return
        self._adrift = abs(self._lead) > _ADRIFT_SECONDS * RATE
        self._lead, self._window_began = None, now

    def _retune(self, agreement: Agreement) -> None:
        """Another codec, or the same of another media generation."""
        self._agreement = agreement
        tally = Tally()
        self._jitter = JitterBuffer(agreement.clock_rate, tally)
        course = Course(
            rate=RATE,
            source_clock=agreement.clock_rate,
            target_clock=RATE,
            frame_ms=FRAME_MS,
        )
        decoder = make_decoder(agreement.codec, RATE)
        self._transcoder = Transcoder(course, decoder, _Plain(), self, self.say, tally)

    def _place(self, now: float) -> int:
        return round((now - self._began_at) * RATE)


class _Plain:
    """The encoder of sound that stays what it is; implements media.codec.Encoder."""

    rate = RATE

    def encode(self, pcm: bytes) -> bytes:
        return pcm

    def expect_loss(self, fraction: float) -> None:
        """Nothing is sent that could be lost."""
