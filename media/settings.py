"""What an engine of ours is told at its start, and what it tells of itself."""

from dataclasses import dataclass, replace
from itertools import pairwise

from signaling.shared.errors import MediaError


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """`host` is an address, or "auto"; `loopback`: browsers of this machine are served too.

    Phones' media in `trusted_networks` is sent to wherever their signalling comes from.
    """

    host: str = "auto"
    advertised_address: str | None = None
    port_min: int = 10000
    port_max: int = 20000
    loopback: bool = False
    trusted_networks: tuple[str, ...] = ()
    silent_seconds: float = 30.0
    rest_seconds: float = 60.0
    connect_seconds: float = 15.0
    report_seconds: float = 5.0
    max_transcoded: int = 0
    """How many calls may change their codec here; 0: as many as one core carries."""
    browser_codec: str = "auto"
    """"opus": browsers are asked for it even where the other side speaks another codec."""

    def divided(self, parts: int) -> list["MediaSettings"]:
        """The same for engines beside each other, each with its own part of the ports.

        MediaError where the ports are too few to give each an even one and the odd one above it.
        """
        pairs = range(self.port_min + self.port_min % 2, self.port_max, 2)
        if len(pairs) < parts:
            raise MediaError(f"{len(pairs)} port pairs are too few for {parts} engines")
        cuts = [pairs[len(pairs) * part // parts] for part in range(parts)]
        ends = [*cuts, pairs[-1] + 2]
        return [replace(self, port_min=low, port_max=high - 1) for low, high in pairwise(ends)]


@dataclass(frozen=True, slots=True)
class Counts:
    """What an engine holds right now; `transcoded` are calls whose sound changes its codec."""

    legs: int = 0
    sockets: int = 0
    tasks: int = 0
    ports: int = 0
    transcoded: int = 0
