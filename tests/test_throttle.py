from signaling.throttle import Throttle


def test_a_burst_of_failures_passes_and_then_one_a_while() -> None:
    throttle = Throttle(burst=3, refill_seconds=10)
    for _ in range(3):
        assert throttle.wait("a", 100.0) == 0
        throttle.fail("a", 100.0)
    assert throttle.wait("a", 100.0) == 10
    assert throttle.wait("a", 104.0) == 6
    assert throttle.wait("a", 110.0) == 0
    throttle.fail("a", 110.0)
    assert throttle.wait("a", 110.0) == 10


def test_failures_of_tries_at_the_same_time_are_all_paid_for() -> None:
    throttle = Throttle(burst=1, refill_seconds=10)
    for _ in range(4):
        throttle.fail("a", 0.0)
    assert throttle.wait("a", 0.0) == 40


def test_waiting_longer_than_needed_gains_no_more_than_a_burst() -> None:
    throttle = Throttle(burst=2, refill_seconds=10)
    throttle.fail("a", 0.0)
    for _ in range(2):
        assert throttle.wait("a", 1e9) == 0
        throttle.fail("a", 1e9)
    assert throttle.wait("a", 1e9) == 10


def test_asking_costs_nothing() -> None:
    throttle = Throttle(burst=1, refill_seconds=10)
    assert [throttle.wait("a", 0.0) for _ in range(5)] == [0.0] * 5


def test_what_is_taken_counts_and_what_is_refused_does_not() -> None:
    throttle = Throttle(burst=2, refill_seconds=10)
    assert [throttle.take("a", 0.0) for _ in range(4)] == [True, True, False, False]
    assert throttle.take("a", 10.0)


def test_each_key_has_its_own() -> None:
    throttle = Throttle(burst=1, refill_seconds=10)
    throttle.fail("a", 0.0)
    assert throttle.wait("a", 0.0) == 10
    assert throttle.wait("b", 0.0) == 0


def test_beyond_its_bound_it_forgets_the_key_that_failed_longest_ago() -> None:
    throttle = Throttle(burst=1, refill_seconds=10, max_keys=2)
    for key in ("a", "b", "a", "c"):
        throttle.fail(key, 0.0)
    assert throttle.wait("a", 0.0) > 0
    assert throttle.wait("b", 0.0) == 0
    assert throttle.wait("c", 0.0) > 0
