"""Talk spurts: the first packet after silence has the marker, no other (RFC 3551, section 4.1)."""

from dataclasses import replace

from media.codec import OPUS, make_encoder
from tests.media.test_transcode import NARROW, PCMU, Direction


def test_one_that_the_source_marks_is_marked() -> None:
    direction = Direction()
    for number in range(6):
        direction.put(bytes(160), number * 160, 10.0 + number * 0.02, marker=number == 3)
    assert [number for number, one in enumerate(direction.said) if one.marker] == [0, 3]


def test_one_that_begins_in_a_frame_not_yet_full_is_marked() -> None:
    direction = Direction(replace(NARROW, frame_ms=40))
    for number in range(6):
        direction.put(bytes(160), number * 160, 10.0 + number * 0.02, marker=number == 3)
    assert [one.marker for one in direction.said] == [True, True, False]


def test_one_after_silence_that_we_do_not_send_is_marked() -> None:
    course = replace(NARROW, target_clock=48000)
    direction = Direction(course, target=OPUS, dtx=True)
    silence = make_encoder(PCMU, 8000, 20).encode(bytes(320))
    for number in range(100):
        if 20 <= number < 80:
            direction.put(silence, number * 160, 10.0 + number * 0.02)
        else:
            direction.hear(number, 10.0 + number * 0.02)
    gaps = [step > 960 for step in direction.steps()]
    assert gaps.count(True) > 1
    assert [one.marker for one in direction.said] == [True, *gaps]
