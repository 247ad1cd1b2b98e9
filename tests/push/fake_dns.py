"""A name server whose answers are the test's."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiohttp.abc import AbstractResolver, ResolveResult

from tests.push.fake_https import LOOPBACK


@dataclass
class Names(AbstractResolver):
    """A name server that gives the answers of `script`, and the last one for ever."""

    script: list[Iterable[str]] = field(default_factory=lambda: [(LOOPBACK,)])
    asked: list[str] = field(default_factory=list)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        addresses = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if not addresses:
            raise OSError(None, "no such name")
        return [self._result(host, port, address) for address in addresses]

    async def close(self) -> None:
        pass

    @staticmethod
    def _result(host: str, port: int, address: str) -> ResolveResult:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return ResolveResult(
            hostname=host, host=address, port=port, family=family, proto=0, flags=0
        )
