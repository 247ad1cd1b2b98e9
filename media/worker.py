"""A process that carries media: one engine, asked over a socket by the process that started it."""

import asyncio
import ctypes
import gc
import logging
import signal
import socket
import sys
from typing import cast

import msgspec
import uvloop

from media import seam
from media.aiortc_engine import AiortcEngine
from media.codec import prepare as prepare_codecs
from media.engine import MediaEvent
from media.settings import MediaSettings
from media.wire import Frames, framed
from signaling.shared.errors import BadMessage, MediaError, OperatorError, WSPhoneError

log = logging.getLogger(__name__)

MAX_TASKS = 4_096
"""Requests in hand at once; whoever sends more than the fleet does is not the fleet."""
MAX_UNREAD = 8 << 20
"""Bytes that the other side may leave unread, after which it is taken for dead."""
CLOSE_SECONDS = 2.0
_PR_SET_PDEATHSIG = 1
# All of them come from a terminal or a service manager to us and to whoever started us, who ends
# calls first and us then.
_NOT_OURS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Worker(asyncio.Protocol):
    """Does what the socket asks of the engine; over when the socket is."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self._frames = Frames()
        self._engine: AiortcEngine | None = None
        self._transport: asyncio.Transport
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is none by inheritance.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=MAX_UNREAD)

    def connection_lost(self, error: Exception | None) -> None:
        self.over.set()

    def pause_writing(self) -> None:
        log.error("whoever started this process reads nothing any more")
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._frames.feed(data):
                self._take(seam.read_request(message))
        except BadMessage:
            log.exception("what came is no request")
            self._transport.abort()

    async def aclose(self) -> None:
        """Take back what is in hand, and close all legs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._engine is not None:
            await self._engine.aclose()

    def _take(self, request: seam.Request) -> None:
        match request:
            case seam.Setup(settings=settings) if self._engine is None:
                self._engine = AiortcEngine(msgspec.msgpack.decode(settings, type=MediaSettings))
                self._engine.listen(self._tell)
                self._tell_counts(self._engine)
            case seam.Ask() if self._engine is not None and len(self._tasks) < MAX_TASKS:
                task = asyncio.create_task(self._answer(self._engine, request))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            case seam.Ping() if self._engine is not None:
                self._tell_counts(self._engine)
            case _:
                raise BadMessage(f"it is not the time for {type(request).__name__}")

    async def _answer(self, engine: AiortcEngine, ask: seam.Ask) -> None:
        answer: seam.Report
        try:
            method = seam.METHODS.get(ask.method)
            if method is None:
                raise BadMessage(f"there is no method {ask.method[:40]}")
            answer = seam.Answer(ask.number, await method.call(engine, ask.arguments))
        except WSPhoneError as error:
            answer = seam.refusal_of(ask.number, error)
        except Exception:  # the edge of a request: the other calls go on
            log.exception("%s broke", ask.method[:40])
            fault = MediaError("the media process has a fault; its log tells")
            answer = seam.refusal_of(ask.number, fault)
        self._send(answer)

    def _tell(self, event: MediaEvent) -> None:
        self._send(seam.told(event))

    def _tell_counts(self, engine: AiortcEngine) -> None:
        self._send(seam.Pong(engine.counts()))

    def _send(self, report: seam.Report) -> None:
        if not self._transport.is_closing():
            self._transport.write(framed(seam.pack(report)))


async def serve(sock: socket.socket) -> None:
    """Work for whoever has the other end, until that is closed."""
    prepare_codecs()
    loop = asyncio.get_running_loop()
    _, worker = await loop.create_connection(Worker, sock=sock)
    gc.freeze()
    await worker.over.wait()
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await worker.aclose()
    except TimeoutError:
        log.warning("legs would not close in time")


def main(descriptor: int) -> int:
    """Serve on an inherited socket; returns the exit status."""
    for number in _NOT_OURS:
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        # So that one that hangs does not outlive the server either, as it sees no socket close.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s media %(process)d: %(message)s",
    )
    for noisy in ("aioice", "aiortc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with (
        socket.socket(fileno=descriptor) as sock,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        try:
            runner.run(serve(sock))
        except OperatorError as error:
            log.error("%s", error)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
