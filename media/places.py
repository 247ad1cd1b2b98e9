"""How many calls may be transcoded at once, and when there is no room for another."""

from signaling.shared.errors import TryAgain

CALL_COST = 0.01
"""What a call between opus and G.722, the dearest pair, takes of a core: see docs/decisions.md."""
RECORDING = 2
"""The places of a recording: it encodes opus for both sides, whatever the call does."""
SHARE, SHARE_ALONE = 0.6, 0.4
"""What transcoding may take of the one core of our loop, and of a machine that has no other."""

CLOCK_SECONDS = 0.1
"""How often the lateness of the loop is to be noted."""
# Sound that is this late on average has used up what the peers' buffers can even out.
_LATE, _ON_TIME = 0.02, 0.01
# The part of the newest in the average: half of it is of the last second.
_NEWEST = 0.07
_RETRY_SECONDS = 10.0


def default_places(cores: int) -> int:
    """How many calls one process should transcode on a machine of so many cores."""
    return int((SHARE if cores > 1 else SHARE_ALONE) / CALL_COST)


class Places:
    """The places of one process; without room a new call is refused, and those that run go on."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self._lateness = 0.0
        self._overloaded = False

    @property
    def has_room(self) -> bool:
        return self.taken < self.most and not self._overloaded

    def check(self, places: int = 1) -> None:
        """Raise TryAgain when there is no room for so many more."""
        if self.taken + places > self.most or self._overloaded:
            why = "the machine is behind" if self._overloaded else f"{self.most} are transcoded"
            raise TryAgain(f"no room for another call: {why}", retry_after=_RETRY_SECONDS)

    def take(self, places: int = 1) -> None:
        """Take places that `check` found or a call that runs already needs."""
        self.taken += places

    def give_back(self, places: int = 1) -> None:
        """Leave places; nobody notes lateness after the last, so it counts no longer."""
        self.taken -= places
        if not self.taken:
            self._lateness, self._overloaded = 0.0, False

    def note_lateness(self, seconds: float) -> None:
        """Hear how late the loop was, each `CLOCK_SECONDS` while calls are transcoded."""
        self._lateness += (seconds - self._lateness) * _NEWEST
        self._overloaded = self._lateness > (_ON_TIME if self._overloaded else _LATE)
