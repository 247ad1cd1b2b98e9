"""The port pairs of the configured range: an even one for RTP, the next for RTCP."""

import errno
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from signaling.shared.errors import MediaError

_MAX_TRIES = 200

T = TypeVar("T")


class PortPool:
    """Hands out pairs, the longest unused first; one that was given back rests.

    The rest keeps a new call from hearing the packets of an old one whose peer talks on.
    """

    def __init__(
        self, port_min: int, port_max: int, *, rest_seconds: float, first: int = 0
    ) -> None:
        """`first` picks the pair to begin with, any number will do: random in production."""
        self._range = f"{port_min}-{port_max}"
        self._rest_seconds = rest_seconds
        self._free = deque(range(port_min + port_min % 2, port_max, 2))
        self._free.rotate(-first)
        self._resting: deque[tuple[float, int]] = deque()
        self.taken = 0

    def take(self, bind: Callable[[int], T], now: float) -> tuple[int, T]:
        """Bind a pair by `bind(even port)`, which raises OSError for ports that others hold.

        MediaError when no pair is left.
        """
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])
        for _ in range(min(len(self._free), _MAX_TRIES)):
            port = self._free.popleft()
            try:
                bound = bind(port)
            except OSError as error:
                self._free.append(port)
                if error.errno == errno.EADDRINUSE:
                    continue
                raise MediaError(f"port {port} cannot be bound: {error.strerror}") from error
            self.taken += 1
            return port, bound
        raise MediaError(
            f"no port pair is free in {self._range}: {self.taken} in use, {len(self._resting)} "
            "resting, others held elsewhere; widen media.port_min and media.port_max"
        )

    def give_back(self, port: int, now: float) -> None:
        """Let a pair rest, then be used again."""
        self.taken -= 1
        self._resting.append((now + self._rest_seconds, port))
