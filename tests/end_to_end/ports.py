"""Ports that no two programs of a test run share."""

import itertools
from dataclasses import dataclass

# below the ports that the kernel hands out by itself
_firsts = itertools.count(12000, 200)


@dataclass(frozen=True)
class Ports:
    """Two hundred neighbouring ports of one program."""

    first: int

    @property
    def http(self) -> int:
        return self.first

    @property
    def sip(self) -> int:
        return self.first + 1

    @property
    def relay(self) -> int:
        return self.first + 2

    @property
    def media_min(self) -> int:
        return self.first + 10

    @property
    def media_max(self) -> int:
        return self.first + 199


def take_ports() -> Ports:
    return Ports(next(_firsts))
