import pytest

from push.schedule import ATTEMPT_SECONDS, Schedule
from push.sender import Outcome, Verdict

NOW = 1_700_000_000.0
RETRY = Outcome(Verdict.RETRY, "InternalServerError")
UNSENT = Outcome(Verdict.UNSENT, "GOAWAY")


def waits(schedule: Schedule, outcome: Outcome, now: float, random: float = 0.5) -> list[float]:
    """How long it waits each time when every attempt takes no time and fails alike."""
    found = []
    while (wait := schedule.wait_seconds(outcome, now=now, random=random)) is not None:
        found.append(wait)
        now += wait
    return found


class TestDelays:
    def test_what_may_have_been_processed_is_tried_four_times_more(self) -> None:
        assert waits(Schedule(NOW + 45), RETRY, NOW) == [0.5, 1.5, 4.0, 9.0]

    def test_the_delays_are_spread_by_a_fifth(self) -> None:
        assert waits(Schedule(NOW + 45), RETRY, NOW, random=0.0) == pytest.approx(
            [0.4, 1.2, 3.2, 7.2]
        )
        assert max(waits(Schedule(NOW + 45), RETRY, NOW, random=0.999)) < 10.8

    def test_the_last_eight_seconds_are_left_to_the_phone(self) -> None:
        assert waits(Schedule(NOW + 10), RETRY, NOW) == [0.5, 1.5]
        assert waits(Schedule(NOW + 9.9), RETRY, NOW) == [0.5]

    def test_a_call_that_rings_shortly_is_tried_once(self) -> None:
        assert waits(Schedule(NOW + 5), RETRY, NOW) == []


class TestUnsent:
    def test_what_was_surely_not_processed_goes_again_at_once(self) -> None:
        assert Schedule(NOW + 45).wait_seconds(UNSENT, now=NOW, random=0.5) == 0.0

    def test_also_when_it_rings_shortly(self) -> None:
        assert waits(Schedule(NOW + 5), UNSENT, NOW) == [0.0]

    def test_a_provider_that_is_down_is_not_asked_without_end(self) -> None:
        assert waits(Schedule(NOW + 45), UNSENT, NOW) == [0, 0.5, 0, 1.5, 0, 4.0, 0, 9.0, 0]

    def test_an_expired_one_does_not_go_again(self) -> None:
        assert Schedule(NOW).wait_seconds(UNSENT, now=NOW, random=0.5) is None


class TestRetryAfter:
    def test_it_is_obeyed_where_it_is_longer(self) -> None:
        busy = Outcome(Verdict.RETRY, "TooManyRequests", retry_after=6.0)
        assert waits(Schedule(NOW + 45), busy, NOW) == [6.0, 6.0, 6.0, 9.0]

    def test_one_beyond_the_ring_window_means_giving_up(self) -> None:
        busy = Outcome(Verdict.RETRY, "ServiceUnavailable", retry_after=40.0)
        assert waits(Schedule(NOW + 45), busy, NOW) == []

    def test_nobody_holds_a_job_for_an_hour(self) -> None:
        busy = Outcome(Verdict.RETRY, "ServiceUnavailable", retry_after=3600.0)
        assert waits(Schedule(NOW + 86400), busy, NOW) == []

    def test_it_holds_for_what_was_not_sent_as_well(self) -> None:
        busy = Outcome(Verdict.UNSENT, "connecting again later", retry_after=2.0)
        assert Schedule(NOW + 45).wait_seconds(busy, now=NOW, random=0.5) == 2.0


class TestAttempt:
    def test_it_takes_three_seconds_at_most(self) -> None:
        assert Schedule(NOW + 45).attempt_seconds(NOW) == ATTEMPT_SECONDS == 3.0

    def test_it_ends_with_the_job(self) -> None:
        assert Schedule(NOW + 45).attempt_seconds(NOW + 44) == 1.0
        assert Schedule(NOW + 45).attempt_seconds(NOW + 45) <= 0
