"""Our engine, and the floor that only moves packets, as the benchmark's bridges."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from bench.media_ends import End, PlainEnd, WebEnd, plain_ends
from bench.media_voice import Voice
from bench.subject import ADDRESS
from media.sdp import parse

Voices = tuple[Voice, Voice]
"""What the browser says, and what the phone does; each hears the other in its own codec."""


class Bridge(Protocol):
    """A program that is measured: it carries one more call each time it is asked to."""

    pid: int

    async def call(self, voices: Voices) -> tuple[End, End]:
        """The ends, browser and phone, of a call that is up."""


class Child:
    """Our process, asked by lines of JSON; several may ask at once."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self._process = process
        self._asking = asyncio.Lock()

    async def ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin
        async with self._asking:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            return await self.heard()

    async def heard(self) -> Any:
        """Its next reply; the first says that it is ready."""
        assert self._process.stdout
        return json.loads(await self._process.stdout.readline())

    async def stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()


class Own:
    """WSPhone's media engine."""

    def __init__(self, child: Child) -> None:
        self.pid = child.pid
        self._child = child

    async def call(self, voices: Voices) -> tuple[End, End]:
        """See Bridge."""
        web, phone = WebEnd(voices[0]), PlainEnd(voices[1])
        phone.open()
        reply = await self._child.ask({"web": await web.offer(), "phone": phone.description()})
        phone.target = (ADDRESS, parse(reply["phone"]).media[0].port)
        await web.connect(reply["web"])
        return web, phone


class Floor:
    """The same packets, and nothing done to them."""

    def __init__(self, child: Child) -> None:
        self.pid = child.pid
        self._child = child

    async def call(self, voices: Voices) -> tuple[End, End]:
        """See Bridge."""
        web, phone = plain_ends(voices)
        reply = await self._child.ask({"web": web.port, "phone": phone.port})
        web.target, phone.target = (ADDRESS, reply["web"]), (ADDRESS, reply["phone"])
        return web, phone


@asynccontextmanager
async def own() -> AsyncIterator[Bridge]:
    async with _child("engine") as child:
        yield Own(child)


@asynccontextmanager
async def floor() -> AsyncIterator[Bridge]:
    async with _child("floor") as child:
        yield Floor(child)


@asynccontextmanager
async def _child(kind: str) -> AsyncIterator[Child]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.subject", kind, stdin=pipe, stdout=pipe, limit=1 << 20
    )
    child = Child(process)
    await child.heard()
    try:
        yield child
    finally:
        await child.stop()
