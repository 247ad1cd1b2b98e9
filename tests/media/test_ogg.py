"""Ogg pages of two voices, as other programs read them."""

import io
import struct

import pytest
import soundfile

from media.codec import OPUS, make_encoder
from media.ogg import OggWriter, checksum, delimited, seconds_of
from tests.media.speech import tone


def file_of(seconds: int, *, frames_a_page: int = 50) -> bytes:
    """A file with a tone on the left, and nothing on the right."""
    left, right = (make_encoder(OPUS, 16000, 20) for _ in range(2))
    pcm = tone(16000, 440, 1000 * seconds)
    ogg = OggWriter(7)
    made = ogg.headers(16000)
    for number in range(50 * seconds):
        frame = pcm[number * 640 : (number + 1) * 640]
        made += ogg.put(left.encode(frame), right.encode(bytes(640)))
        if number % frames_a_page == frames_a_page - 1:
            made += ogg.flush()
    return made + ogg.flush(ends=True)


class TestFile:
    def test_others_read_two_channels_of_its_length(self) -> None:
        sound, rate = soundfile.read(io.BytesIO(file_of(3)))
        assert sound.shape == (pytest.approx(3 * rate, abs=rate / 50), 2)
        assert abs(sound[:, 0]).max() > 0.1
        assert abs(sound[:, 1]).max() < 0.001

    def test_a_page_that_nobody_ends_ends_when_it_is_full(self) -> None:
        made = file_of(6, frames_a_page=1_000_000)
        assert seconds_of(made) == pytest.approx(6, abs=0.01)
        assert len(soundfile.read(io.BytesIO(made))[0]) > 0

    def test_its_length_is_told_by_its_end_alone(self) -> None:
        made = file_of(4)
        assert seconds_of(made[-20_000:]) == pytest.approx(4, abs=0.01)
        # Without its last page, and with a page that was cut, the whole page before counts.
        assert seconds_of(made[: made.rfind(b"OggS")]) == pytest.approx(4, abs=0.01)
        assert seconds_of(made[: made.rfind(b"OggS") - 1]) == pytest.approx(3, abs=0.01)
        assert seconds_of(b"OggS" * 20) == 0.0


class TestParts:
    def test_the_checksum_is_that_of_the_specification(self) -> None:
        # A polynomial of 0x04c11db7, highest bit first: shifted through bit by bit.
        page, crc = bytes(range(200)), 0
        for byte in page:
            crc ^= byte << 24
            for _ in range(8):
                crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
        assert checksum(page) == crc

    @pytest.mark.parametrize("size", [0, 1, 251, 252, 253, 1000])
    def test_a_delimited_packet_says_its_length(self, size: int) -> None:
        packet = b"\x48" + bytes(size)
        inside = delimited(packet)
        first = inside[1]
        told, used = (first, 1) if first < 252 else (first + 4 * inside[2], 2)
        assert (told, inside[1 + used :]) == (size, packet[1:])

    @pytest.mark.parametrize("packet", [b"", b"\x49ab", b"\x4b\x01a"])
    def test_a_packet_of_several_frames_is_refused(self, packet: bytes) -> None:
        with pytest.raises(ValueError, match="one frame"):
            delimited(packet)

    def test_the_headers_are_those_of_two_streams_of_one_voice_each(self) -> None:
        headers = OggWriter(1).headers(16000)
        at = headers.index(b"OpusHead")
        version, channels, skip, rate = struct.unpack_from("<BBHI", headers, at + 8)
        assert (version, channels, skip, rate) == (1, 2, 312, 16000)
        assert headers[at + 18 : at + 23] == bytes([1, 2, 0, 0, 1])
