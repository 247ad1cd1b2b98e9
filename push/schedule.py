"""When a push is tried again: within the time that a phone may still ring, and not for ever."""

from push.sender import Outcome, Verdict

ATTEMPT_SECONDS = 3.0
DELAYS_SECONDS = (0.5, 1.5, 4.0, 9.0)
SPREAD = 0.2
# A phone that is woken later has hardly rung before the caller is told that nobody answers.
WAKE_SECONDS = 8.0
# A job that waits longer would keep its place from others; only ordinary notices live so long.
LONGEST_WAIT_SECONDS = 60.0


class Schedule:
    """The attempts of one job; times are in Unix seconds."""

    def __init__(self, expires_at: float) -> None:
        self._expires_at = expires_at
        self._delays = iter(DELAYS_SECONDS)
        self._resent_at_once = False

    def attempt_seconds(self, now: float) -> float:
        """How long the attempt that begins now may take; 0 or less: the job has expired."""
        return min(ATTEMPT_SECONDS, self._expires_at - now)

    def wait_seconds(self, outcome: Outcome, *, now: float, random: float) -> float | None:
        """How long to wait before the next attempt, None to give up; `random` is in [0, 1).

        What was surely not processed goes again at once, but not twice in a row: a provider that
        is down refuses as fast as one asks.
        """
        unsent = outcome.verdict is Verdict.UNSENT
        if unsent and not self._resent_at_once and outcome.retry_after is None:
            self._resent_at_once = True
            return 0.0 if now < self._expires_at else None
        self._resent_at_once = False
        delay = next(self._delays, None)
        if delay is None:
            return None
        wait = delay * (1 + SPREAD * (2 * random - 1))
        if outcome.retry_after is not None:
            wait = max(wait, outcome.retry_after)
        too_late = now + wait > self._expires_at - WAKE_SECONDS
        return None if too_late or wait > LONGEST_WAIT_SECONDS else wait
