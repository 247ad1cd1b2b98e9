"""One media process as the one that started it sees it: asked by messages, watched by pings."""

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable
from typing import Any, Protocol, cast

from media import seam
from media.engine import MediaEvent
from media.pulse import Pulse
from media.settings import Counts, MediaSettings
from media.wire import Frames, framed
from signaling.shared.errors import BadMessage, MediaError

log = logging.getLogger(__name__)

MAX_ASKED = 4_000
"""Requests that may wait for one process; more of them mean that it is lost in its work."""
GRACE_SECONDS = 3.0
"""How long a process may take to close its legs."""


class Owner(Protocol):
    """Who is told what a link hears."""

    def ready(self, link: "WorkerLink") -> None:
        """The process takes work from now on."""

    def heard(self, link: "WorkerLink", event: MediaEvent) -> None:
        """Its engine reported something."""

    def ended(self, link: "WorkerLink") -> None:
        """It is dead, and its legs are gone; said once, before what waits for it is told."""


class WorkerLink(asyncio.Protocol):
    """Our end of the socket."""

    def __init__(self, owner: Owner, pulse: Pulse) -> None:
        self.counts = Counts()
        self.is_ready = False
        self.is_over = False
        self.hangs = False
        self._owner = owner
        self._pulse = pulse
        self._frames = Frames()
        self._transport: asyncio.Transport
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._last = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is none by inheritance.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_ready, self.is_over = False, True
        self._owner.ended(self)
        for future in self._asked.values():
            if not future.done():
                future.set_exception(MediaError("the media process died"))

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._frames.feed(data):
                self._take(seam.read_report(message))
        except BadMessage as error:
            log.error("a media process makes no sense: %s", error)
            self.drop()

    def set_up(self, settings: MediaSettings) -> None:
        self._send(seam.setup_of(settings))

    async def ask(self, method: seam.Method, arguments: dict[str, Any]) -> Any:
        """Have its engine do something; raises what that raises, MediaError when it dies."""
        if self.is_over:
            raise MediaError("the media process died")
        if len(self._asked) >= MAX_ASKED:
            raise MediaError(f"{MAX_ASKED} requests wait for the media process")
        self._last += 1
        number = self._last
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._send(seam.Ask(number, method.name, method.pack(arguments)))
        self._asked[number] = future
        try:
            return method.unpack_result(await future)
        finally:
            del self._asked[number]

    def ping(self) -> None:
        """To be called in even intervals; drops a process that hangs, by its pulse."""
        if self._pulse.stopped():
            log.error("a media process hangs")
            self.hangs = True
            self.drop()
            return
        self._send(seam.Ping())

    def drop(self) -> None:
        """Have no more to do with it: it ends by itself when it can."""
        self._transport.abort()

    def _take(self, report: seam.Report) -> None:
        match report:
            case seam.Answer(number=number, result=result):
                self._settle(number, lambda future: future.set_result(result))
            case seam.Refusal(number=number):
                error = seam.error_of(report)
                self._settle(number, lambda future: future.set_exception(error))
            case seam.Told():
                self._owner.heard(self, seam.event_of(report))
            case seam.Pong(counts=counts):
                self._pulse.beat()
                self.counts = counts
                if not self.is_ready:
                    self.is_ready = True
                    self._owner.ready(self)

    def _settle(self, number: int, settle: Callable[[asyncio.Future[Any]], None]) -> None:
        """An answer that nobody waits for any more comes late: a race, not an error."""
        future = self._asked.get(number)
        if future is not None and not future.done():
            settle(future)

    def _send(self, request: seam.Request) -> None:
        if not self._transport.is_closing():
            self._transport.write(framed(seam.pack(request)))


class WorkerProcess:
    """A media process and the link to it."""

    def __init__(self, process: asyncio.subprocess.Process, link: WorkerLink) -> None:
        self.link = link
        self._process = process

    @classmethod
    async def start(cls, owner: Owner, settings: MediaSettings) -> "WorkerProcess":
        """Start a process; its link tells when it is ready. MediaError when it cannot be."""
        ours, theirs = socket.socketpair()
        try:
            # Not with the working directory among the paths, where anything may be called like a
            # module.
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "media.worker", str(theirs.fileno())),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
            )
            loop = asyncio.get_running_loop()
            pulse = Pulse(process.pid)
            _, link = await loop.create_connection(lambda: WorkerLink(owner, pulse), sock=ours)
        except BaseException as error:
            # A process that was started ends with the socket.
            ours.close()
            if isinstance(error, OSError):
                why = error.strerror
                raise MediaError(f"a media process cannot be started: {why}") from error
            raise
        finally:
            theirs.close()
        link.set_up(settings)
        started = cls(process, link)
        if link.is_over:
            await started.end()
            raise MediaError("a media process died at once")
        return started

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def end(self, seconds: float = GRACE_SECONDS) -> None:
        """Let it close its legs and end; one that does not within this time is killed."""
        self.link.drop()
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
