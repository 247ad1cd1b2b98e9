"""Opus at 8 or 16 kHz, mono, by libopus; with its own concealment and error correction."""

import ctypes

from media import libopus
from media.pcm import MAX_CONCEALED_SECONDS, WIDTH, Octets
from signaling.shared.errors import CodecError

_MONO = 1
# The longest packet there is, and the step in which lengths are counted (RFC 6716, section 2.1.4).
_MAX_MS = 120
_STEPS_PER_SECOND = 400
# More than any datagram of ours holds; libopus reads lengths of frames from the payload itself.
_MAX_PAYLOAD = 1500
_FRAMES_MS = (5, 10, 20, 40, 60, 80, 100, 120)

# How the numbers here were found is in docs/decisions.md.
_BITRATES = {8000: 16000, 16000: 24000}
_COMPLEXITY = 6
# Redundancy is paid for where losses are reported: with more bits, or every frame would suffer.
# libopus gives up the more of a frame for it the more loss it expects; 10 % serves more as well.
_LOSSY = 0.01
_REDUNDANT_BITS = 8000
_TOLD_PERCENT = 10
# Shorter ones say only "silence goes on" (opus_encode's documentation).
_WORTH_SENDING = 3


class OpusDecoder:
    """One direction of an opus stream: stereo comes out mixed to mono."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._library = libopus.load()
        # Memory of ours, so that nothing has to be freed.
        self._state = ctypes.create_string_buffer(self._library.opus_decoder_get_size(_MONO))
        _check(self._library.opus_decoder_init(self._state, rate, _MONO))
        self._step = rate // _STEPS_PER_SECOND
        self._capacity = rate * _MAX_MS // 1000
        self._buffer = ctypes.create_string_buffer(self._capacity * WIDTH)
        self._sound = memoryview(self._buffer)
        self._last = 0

    def decode(self, payload: Octets) -> bytes:
        """The sound of one packet, 2.5 to 120 ms; CodecError when it is not opus."""
        if not 0 < len(payload) <= _MAX_PAYLOAD:
            raise CodecError(f"{len(payload)} bytes of opus")
        samples = self._decode(bytes(payload), self._capacity)
        if samples <= 0:
            raise CodecError(f"libopus refuses the packet: {samples}")
        self._last = samples
        return self._sound[: samples * WIDTH].tobytes()

    def recover(self, payload: Octets) -> bytes:
        """The packet before this one from the redundancy in it, as long as the last one decoded.

        Where there is none, or the payload is not opus, libopus' concealment fills the time.
        """
        data = bytes(payload[:_MAX_PAYLOAD])
        samples = self._last or self._length(data)
        if data and self._decode(data, samples, correct=True) == samples:
            return self._sound[: samples * WIDTH].tobytes()
        return self.conceal(samples)

    def conceal(self, samples: int) -> bytes:
        """What libopus makes of a gap: the voice goes on and fades into the noise behind it."""
        if not 0 <= samples <= MAX_CONCEALED_SECONDS * self.rate:
            raise ValueError(f"{samples} samples to conceal")
        parts = []
        for start in range(0, samples, self._capacity):
            wanted = min(samples - start, self._capacity)
            _check(self._decode(None, -(-wanted // self._step) * self._step))
            parts.append(self._sound[: wanted * WIDTH].tobytes())
        return b"".join(parts)

    def _decode(self, data: bytes | None, samples: int, *, correct: bool = False) -> int:
        size = len(data) if data else 0
        decoded: int = self._library.opus_decode(
            self._state, data, size, self._buffer, samples, correct
        )
        return decoded

    def _length(self, data: bytes) -> int:
        """How many samples a packet holds; those of 20 ms for what is none."""
        samples: int = self._library.opus_decoder_get_nb_samples(self._state, data, len(data))
        return samples if 0 < samples <= self._capacity else 8 * self._step


class OpusEncoder:
    """One direction of an opus stream: speech, variable bit rate, error correction within."""

    def __init__(self, rate: int, frame_ms: int, *, dtx: bool) -> None:
        if frame_ms not in _FRAMES_MS:
            raise ValueError(f"opus has no frames of {frame_ms} ms")
        self.rate = rate
        self._library = libopus.load()
        self._state = ctypes.create_string_buffer(self._library.opus_encoder_get_size(_MONO))
        _check(self._library.opus_encoder_init(self._state, rate, _MONO, libopus.APPLICATION_VOIP))
        self._samples = rate * frame_ms // 1000
        self._size = self._samples * WIDTH
        self._buffer = ctypes.create_string_buffer(_MAX_PAYLOAD)
        self._payload = memoryview(self._buffer)
        self._dtx = dtx
        self._lossy = False
        self._set(libopus.SET_BITRATE, _BITRATES[rate])
        self._set(libopus.SET_VBR, 1)
        self._set(libopus.SET_COMPLEXITY, _COMPLEXITY)
        self._set(libopus.SET_SIGNAL, libopus.SIGNAL_VOICE)
        self._set(libopus.SET_INBAND_FEC, 1)
        self._set(libopus.SET_DTX, int(dtx))

    def encode(self, pcm: bytes) -> bytes:
        """The payload of one frame; empty in silence that goes on, when `dtx` was asked for."""
        if len(pcm) != self._size:
            raise ValueError(f"{len(pcm)} bytes are not a frame of {self._size}")
        size = self._library.opus_encode(
            self._state, pcm, self._samples, self._buffer, _MAX_PAYLOAD
        )
        _check(size)
        if self._dtx and size < _WORTH_SENDING:
            return b""
        return self._payload[:size].tobytes()

    def expect_loss(self, fraction: float) -> None:
        """From 1 % on, each packet also holds the one before it, more coarsely."""
        lossy = fraction >= _LOSSY
        if lossy != self._lossy:
            self._lossy = lossy
            self._set(libopus.SET_BITRATE, _BITRATES[self.rate] + lossy * _REDUNDANT_BITS)
            self._set(libopus.SET_PACKET_LOSS_PERC, lossy * _TOLD_PERCENT)

    def _set(self, request: int, value: int) -> None:
        _check(self._library.opus_encoder_ctl(self._state, request, ctypes.c_int32(value)))


def _check(result: int) -> None:
    """What cannot fail with our arguments, whatever a peer sends."""
    if result < 0:
        raise RuntimeError(f"libopus failed: {result}")
