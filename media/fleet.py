"""A media engine made of processes: each call lives in one of them, chosen by load."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from media import negotiate, sdp, seam
from media.engine import Gone, MediaEngine, MediaEvent
from media.listeners import Listeners
from media.settings import Counts, MediaSettings
from media.worker_link import WorkerLink, WorkerProcess
from signaling.shared.errors import MediaError, OperatorError

log = logging.getLogger(__name__)

PING_SECONDS = 0.2
START_SECONDS = 30.0
"""How long a process may take until it is ready."""
STEADY_SECONDS = 10.0
"""A process that lived for less is started again more and more slowly."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
_LAST_WORDS_SECONDS = 0.2
_TRANSCODED_WEIGHT = 10
"""What a call that is transcoded weighs, in legs: see the figures in docs/decisions.md."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)
class _Slot:
    """The place of one process, with its own part of the ports."""

    settings: MediaSettings
    process: WorkerProcess | None = None
    began_at: float = 0.0
    # Deaths in a row soon after the start.
    failures: int = 0


@dataclass(slots=True)
class _Place:
    """Where a leg is, or is being opened."""

    call: str
    link: WorkerLink
    is_open: bool = False


def _forwarded(
    method: Callable[Concatenate[MediaEngine, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate["Fleet", P], Coroutine[Any, Any, R]]:
    """The method of MediaEngine, done by the process that has the leg."""
    known = seam.METHODS[method.__name__]

    async def forward(fleet: "Fleet", /, *args: P.args, **kwargs: P.kwargs) -> R:
        result: R = await fleet.forward(known, known.bind(*args, **kwargs))
        return result

    return forward


class Fleet:
    """Implements media.engine.MediaEngine; belongs to the event loop it is started on.

    All legs of a call are in one process. When that dies each of them is reported Gone, and what
    the call opens then is in another one.
    """

    open = _forwarded(MediaEngine.open)
    accept = _forwarded(MediaEngine.accept)
    update = _forwarded(MediaEngine.update)
    reoffer = _forwarded(MediaEngine.reoffer)
    candidates = _forwarded(MediaEngine.candidates)
    join = _forwarded(MediaEngine.join)
    play = _forwarded(MediaEngine.play)
    dtmf = _forwarded(MediaEngine.dtmf)
    record = _forwarded(MediaEngine.record)
    stop_recording = _forwarded(MediaEngine.stop_recording)
    query = _forwarded(MediaEngine.query)
    close = _forwarded(MediaEngine.close)

    def __init__(self, settings: MediaSettings, workers: int) -> None:
        """`settings` are for all of them, but for the ports, of which each gets its part."""
        self.restarts = 0
        self._slots = [_Slot(part) for part in settings.divided(workers)]
        # Which process writes which recording.
        self._recordings: dict[str, WorkerLink] = {}
        self._places: dict[str, _Place] = {}
        self._calls: dict[str, WorkerLink] = {}
        self._legs_of: Counter[str] = Counter()
        self._load: Counter[WorkerLink] = Counter()
        self._listeners = Listeners()
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._is_running = False

    async def start(self) -> None:
        """Start all processes, and wait until they are ready; raises OperatorError."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await asyncio.gather(*(self._begin(slot) for slot in self._slots))
                while self.alive() < len(self._slots):
                    await self._next_news()
                    if any(slot.process and slot.process.link.is_over for slot in self._slots):
                        raise MediaError("a process ended at once; the log says why")
        except (MediaError, TimeoutError) as error:
            await self.aclose()
            why = str(error) or f"not ready within {START_SECONDS:g} s"
            raise OperatorError(f"media.workers: {why}") from error
        self._is_running = True
        self._spawn(self._watch())

    async def aclose(self) -> None:
        """End all processes, in order where they obey."""
        self._is_running = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(slot.process.end() for slot in self._slots if slot.process))

    def alive(self) -> int:
        """Processes that take work."""
        return len(self._ready())

    def pids(self) -> list[int]:
        """The processes, in the order of their ports."""
        return [slot.process.pid for slot in self._slots if slot.process is not None]

    def counts(self) -> Counts:
        """What all of them hold, as they told last; legs are those that calls hold."""
        told = [link.counts for link in self._ready()]
        return Counts(
            legs=len(self._places),
            sockets=sum(counts.sockets for counts in told),
            tasks=sum(counts.tasks for counts in told),
            ports=sum(counts.ports for counts in told),
            transcoded=sum(counts.transcoded for counts in told),
        )

    # --- the seam

    def codecs(self, offer: str) -> tuple[str, ...]:
        """See MediaEngine."""
        return negotiate.carried(sdp.parse(offer))

    def listen(self, sink: Callable[[MediaEvent], None]) -> None:
        """Have every event given to `sink`; several may listen."""
        self._listeners.add(sink)

    async def forward(self, method: seam.Method, arguments: dict[str, Any]) -> Any:
        """Have a method done where the leg is that it is about."""
        if method.name == "open":
            return await self._open(method, arguments)
        if method.name == "close":
            return await self._close(method, arguments)
        link = self._link_of(arguments)
        if method.name == "stop_recording":
            # The legs may be closed already.
            link = self._recordings.pop(arguments["recording"], None)
            return None if link is None else await link.ask(method, arguments)
        if link is not None:
            result = await link.ask(method, arguments)
            if method.name == "record":
                self._recordings[arguments["recording"]] = link
            return result
        if method.name != "candidates":
            raise MediaError("no leg of this name is open")
        return None

    async def _open(self, method: seam.Method, arguments: dict[str, Any]) -> Any:
        """Once more, in another process, when the first dies over it."""
        call, leg = arguments["call"], arguments["leg"]
        for is_last in (False, True):
            link = self._calls.get(call) or await self._least_loaded()
            place = self._seat(call, leg, link)
            try:
                text = await link.ask(method, arguments)
            except BaseException as error:
                self._unseat(leg, place)
                if isinstance(error, asyncio.CancelledError):
                    # The process goes on with it, and nobody would know of the leg.
                    self._spawn(self._let_go(link, leg))
                if is_last or not (isinstance(error, MediaError) and link.is_over):
                    raise
                continue
            if self._places.get(leg) is not place:
                raise MediaError("the leg was closed while it opened")
            place.is_open = True
            return text
        return None

    async def _close(self, method: seam.Method, arguments: dict[str, Any]) -> None:
        leg = arguments["leg"]
        place = self._places.get(leg)
        if place is None:
            return
        self._unseat(leg, place)
        try:
            await place.link.ask(method, arguments)
        except MediaError:
            if not place.link.is_over:
                raise

    async def _let_go(self, link: WorkerLink, leg: str) -> None:
        try:
            await link.ask(seam.METHODS["close"], {"leg": leg})
        except MediaError as error:
            log.info("leg %s could not be closed: %s", leg, error)

    # --- who has what

    def _link_of(self, arguments: dict[str, Any]) -> WorkerLink | None:
        """Where the first leg is that the arguments name; those of a call are together."""
        names = (value for value in arguments.values() if isinstance(value, str))
        return next((self._places[name].link for name in names if name in self._places), None)

    def _seat(self, call: str, leg: str, link: WorkerLink) -> _Place:
        if leg in self._places:
            raise MediaError("a leg of this name is open already")
        place = self._places[leg] = _Place(call, link)
        self._calls[call] = link
        self._legs_of[call] += 1
        self._load[link] += 1
        return place

    def _unseat(self, leg: str, place: _Place) -> None:
        """A leg is gone; the last of a call takes the call's choice of a process with it."""
        if self._places.get(leg) is not place:
            return
        del self._places[leg]
        self._load[place.link] -= 1
        self._legs_of[place.call] -= 1
        if not self._legs_of[place.call]:
            del self._legs_of[place.call]
            self._calls.pop(place.call, None)

    def _ready(self) -> list[WorkerLink]:
        links = (slot.process.link for slot in self._slots if slot.process is not None)
        return [link for link in links if link.is_ready]

    async def _least_loaded(self) -> WorkerLink:
        """Legs count as soon as they are asked for, transcoded calls when they were told of."""
        try:
            async with asyncio.timeout(START_SECONDS):
                while not (ready := self._ready()):
                    await self._next_news()
        except TimeoutError:
            raise MediaError("no media process is ready") from None
        return min(
            ready, key=lambda link: self._load[link] + _TRANSCODED_WEIGHT * link.counts.transcoded
        )

    # --- what processes do

    def ready(self, link: WorkerLink) -> None:
        """See worker_link.Owner."""
        self._news.set()

    def heard(self, link: WorkerLink, event: MediaEvent) -> None:
        """See worker_link.Owner; what comes of a leg that was closed meanwhile is late."""
        place = self._places.get(event.leg)
        if place is not None and place.link is link:
            self._listeners.tell(event)

    def ended(self, link: WorkerLink) -> None:
        """See worker_link.Owner: the calls go elsewhere, and another process takes its place."""
        lost = {leg: place for leg, place in self._places.items() if place.link is link}
        for leg, place in lost.items():
            self._unseat(leg, place)
        self._load.pop(link, None)
        self._news.set()
        if not self._is_running:
            return
        for slot in self._slots:
            if slot.process is not None and slot.process.link is link:
                log.error("media process %d is gone, with %d legs", slot.process.pid, len(lost))
                if link.hangs:
                    # It would go on with old sound, should it wake up.
                    slot.process.kill()
                self._spawn(self._replace(slot, slot.process))
        for leg, place in lost.items():
            if place.is_open:
                self._listeners.tell(Gone(leg))

    async def _begin(self, slot: _Slot) -> None:
        slot.began_at = asyncio.get_running_loop().time()
        slot.process = await WorkerProcess.start(self, slot.settings)

    async def _replace(self, slot: _Slot, process: WorkerProcess) -> None:
        lived = asyncio.get_running_loop().time() - slot.began_at
        slot.failures = 0 if lived >= STEADY_SECONDS else slot.failures + 1
        # What is dead is only to be waited for.
        await process.end(_LAST_WORDS_SECONDS)
        while True:
            if slot.failures:
                await asyncio.sleep(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (slot.failures - 1)))
            self.restarts += 1
            try:
                await self._begin(slot)
                return
            except MediaError as error:
                log.error("%s", error)
                slot.failures += 1

    async def _watch(self) -> None:
        """Ping those that are ready, and give those up that never will be."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(PING_SECONDS)
            for slot in self._slots:
                link = slot.process.link if slot.process is not None else None
                if link is None or link.is_over:
                    continue
                if link.is_ready:
                    link.ping()
                elif loop.time() - slot.began_at > START_SECONDS:
                    link.drop()

    async def _next_news(self) -> None:
        self._news.clear()
        await self._news.wait()

    def _spawn(self, step: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(step)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
