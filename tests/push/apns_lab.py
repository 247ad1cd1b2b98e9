"""Pushes to Apple and what a server may do to them: what the tests of the sender share."""

import asyncio
import uuid
from collections.abc import Callable

from push.apns import ApnsSender
from push.sender import ApnsPush, Outcome, Verdict
from tests.push.fake_apns import APP
from tests.push.fake_http2 import REFUSED_STREAM, FakeConnection, Heard

ACCEPTED = Outcome(Verdict.ACCEPTED, "200 OK")
TOKEN = 32 * "ab"
SECONDS = 20.0
"""More than any test needs, so that only what is meant to time out does."""

MakeApns = Callable[..., ApnsSender]


def voip(token: str = TOKEN, *, sandbox: bool = False) -> ApnsPush:
    return ApnsPush(
        str(uuid.uuid4()), token, f"{APP}.voip", "voip", 10, 0, b'{"aps":{}}', sandbox=sandbox
    )


def tokens(count: int) -> list[str]:
    return [f"{number:064x}" for number in range(count)]


async def delivered(apns: ApnsSender, push: ApnsPush) -> Outcome:
    """Send again what was surely not processed, as the worker does."""
    while (outcome := await apns.send(push, seconds=SECONDS)).verdict is Verdict.UNSENT:
        pass
    return outcome


class Holding:
    """Answers nothing until it is told to; `full` once so many pushes have come."""

    def __init__(self, count: int) -> None:
        self.held: list[tuple[FakeConnection, Heard]] = []
        self.full = asyncio.Event()
        self._count = count

    def __call__(self, connection: FakeConnection, heard: Heard) -> None:
        self.held.append((connection, heard))
        if len(self.held) >= self._count:
            self.full.set()

    def answer_all(self) -> None:
        for connection, heard in self.held:
            connection.answer(heard.stream, 200, {}, b"")


def silence(connection: FakeConnection, heard: Heard) -> None:
    """No answer ever comes."""


def drop(connection: FakeConnection, heard: Heard) -> None:
    connection.drop()


def refuse_stream(connection: FakeConnection, heard: Heard) -> None:
    connection.reset(heard.stream, REFUSED_STREAM)
