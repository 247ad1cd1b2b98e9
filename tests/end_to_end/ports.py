"""Ports that no two programs of a test run share."""

import itertools
from dataclasses import dataclass

# below the ports that the kernel hands out by itself
FEW = 20
BLOCK = 10 * FEW
_firsts = itertools.count(12000, FEW)


@dataclass(frozen=True)
class Ports:
    """Neighbouring ports of one program."""

    first: int
    count: int = BLOCK

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
    def tls(self) -> int:
        return self.first + 3

    @property
    def media_min(self) -> int:
        return self.first + 10

    @property
    def media_max(self) -> int:
        return self.first + self.count - 1


def take_ports(blocks: int = 1) -> Ports:
    return _take(blocks * BLOCK)


def take_few() -> Ports:
    """For one of many telephones, with one call at a time."""
    return _take(FEW)


def _take(count: int) -> Ports:
    first, *_ = [next(_firsts) for _ in range(count // FEW)]
    return Ports(first, count)
