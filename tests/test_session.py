"""The numbered events of a session: in order, none twice, bounded."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.session import MAX_BYTES, MAX_EVENTS, EventLog
from signaling.shared.messages import CallProgress, DtmfReceived, MediaOffered

CALL = "2f5c0f4e-7a3e-4c0e-8b63-0d6f1a2b3c4d"


def digits(text: str) -> DtmfReceived:
    return DtmfReceived(CALL, text)


def filled(count: int) -> EventLog:
    log = EventLog("epoch")
    for number in range(1, count + 1):
        log.append(digits(str(number)))
    return log


def numbers(frames: list[str] | None) -> list[int]:
    assert frames is not None
    return [json.loads(frame)["params"]["seq"] for frame in frames]


class TestNumbering:
    def test_an_event_is_a_notification_numbered_from_1(self) -> None:
        log = EventLog("epoch")
        frame: Any = json.loads(log.append(digits("5")))
        assert frame == {
            "jsonrpc": "2.0",
            "method": "call.dtmf",
            "params": {"call": CALL, "digits": "5", "seq": 1},
        }
        assert json.loads(log.append(digits("6")))["params"]["seq"] == 2

    def test_fields_that_say_nothing_are_left_out(self) -> None:
        frame: Any = json.loads(EventLog("epoch").append(CallProgress(CALL, "ringing")))
        assert frame["params"] == {"call": CALL, "state": "ringing", "seq": 1}

    def test_text_of_any_script_survives(self) -> None:
        frame: Any = json.loads(EventLog("epoch").append(MediaOffered(CALL, 1, 'a"\\\n\u2028é')))
        assert frame["params"]["offer"] == 'a"\\\n\u2028é'


class TestReplay:
    def test_what_was_missed_follows_in_order(self) -> None:
        assert numbers(filled(5).resume("epoch", 2)) == [3, 4, 5]

    def test_nothing_follows_for_one_that_missed_nothing(self) -> None:
        assert filled(5).resume("epoch", 5) == []
        assert EventLog("epoch").resume("epoch", 0) == []

    def test_resuming_acknowledges(self) -> None:
        log = filled(5)
        log.resume("epoch", 3)
        assert numbers(log.resume("epoch", 3)) == [4, 5]
        assert log.resume("epoch", 2) is None

    def test_another_epoch_is_another_history(self) -> None:
        assert filled(5).resume("another", 2) is None

    def test_a_client_from_the_future_cannot_resume(self) -> None:
        assert filled(5).resume("epoch", 6) is None

    def test_numbers_go_on_after_a_replay(self) -> None:
        log = filled(2)
        log.resume("epoch", 2)
        assert numbers([log.append(digits("3"))]) == [3]

    @settings(max_examples=200, derandomize=True)
    @given(st.lists(st.sampled_from(["event", "cut", "acknowledge", "move"]), max_size=60))
    def test_a_client_hears_every_event_once_over_any_number_of_cuts(
        self, story: list[str]
    ) -> None:
        log, heard, is_cut, made = EventLog("epoch"), list[int](), False, 0
        for what in story:
            if what == "event":
                made += 1
                frame = log.append(digits(str(made)))
                heard += [] if is_cut else numbers([frame])
            elif what == "cut":
                is_cut = not is_cut
                heard += [] if is_cut else numbers(log.resume("epoch", len(heard)))
            elif what == "acknowledge":
                log.acknowledge(len(heard))
            else:
                log = EventLog.restore(json.loads(json.dumps(log.snapshot())))
        heard += numbers(log.resume("epoch", len(heard)))
        assert heard == list(range(1, made + 1))


class TestBounds:
    def test_acknowledged_events_are_forgotten(self) -> None:
        log = filled(5)
        log.acknowledge(4)
        assert numbers([frame for _, frame in log.kept]) == [5]
        log.acknowledge(5)
        assert log.kept_bytes == 0

    def test_an_acknowledgement_of_what_was_never_sent_is_harmless(self) -> None:
        log = filled(2)
        log.acknowledge(99)
        assert numbers([log.append(digits("3"))]) == [3]
        assert numbers(log.resume("epoch", 2)) == [3]

    def test_beyond_the_number_of_events_the_oldest_go(self) -> None:
        log = filled(MAX_EVENTS + 3)
        assert len(log.kept) == MAX_EVENTS
        assert log.resume("epoch", 2) is None
        assert len(log.resume("epoch", 3) or ()) == MAX_EVENTS

    def test_beyond_the_size_of_events_the_oldest_go(self) -> None:
        log = EventLog("epoch")
        for _ in range(80):
            log.append(MediaOffered(CALL, 1, "v" * 30_000))
        assert log.kept_bytes <= MAX_BYTES
        assert log.kept_bytes == sum(len(frame) for _, frame in log.kept)
        assert log.resume("epoch", 0) is None


class TestSnapshot:
    def test_another_process_goes_on_with_the_same_numbers(self) -> None:
        log = filled(5)
        log.acknowledge(2)
        moved = EventLog.restore(msgspec.json.decode(msgspec.json.encode(log.snapshot())))
        assert moved == log
        assert moved.append(digits("6")) == log.append(digits("6"))
        assert numbers(moved.resume("epoch", 3)) == [4, 5, 6]
