"""The bus over several processes: topics are channels of Redis."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from signaling.shared.bus_memory import MemoryBus
from signaling.shared.redis_link import TROUBLE, Outage

log = logging.getLogger(__name__)

OUTBOX = 10_000
_BATCH = 256
_GOODBYE_SECONDS = 1.0


class RedisBus:
    """Carries messages of the given types; what is said while Redis is away is said later.

    Whoever is not connected when a message passes never hears it: nothing may depend on one.
    """

    def __init__(self, redis: Redis, *, prefix: str, words: tuple[type, ...]) -> None:
        self._redis = redis
        self._prefix = f"{prefix}:bus:"
        self._words = {word.__name__: word for word in words}
        self._here = MemoryBus()
        self._listeners: dict[str, int] = {}
        self._heard: set[str] = set()
        """The topics that Redis sends to us."""
        self._outbox: deque[tuple[str, bytes]] = deque(maxlen=OUTBOX)
        self._news = asyncio.Event()
        self._silent = asyncio.Event()
        self._silent.set()
        self._running: asyncio.Task[None] | None = None
        self._closed = False

    def start(self) -> None:
        self._running = asyncio.create_task(self._run(), name="bus")

    async def aclose(self) -> None:
        """Leave; what waits to be said is said first, if that takes no time."""
        if self._running is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await self._silent.wait()
            self._closed = True
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def publish(self, topic: str, message: Any) -> None:
        """Have `message` said to all processes; when too much waits, the oldest is not said."""
        name = type(message).__name__
        if self._words.get(name) is not type(message):
            raise TypeError(f"the bus does not carry {name}")
        self._silent.clear()
        self._outbox.append((topic, msgspec.msgpack.encode((name, message))))
        self._news.set()

    def subscribe(self, topic: str, listener: Callable[[Any], None]) -> Callable[[], None]:
        """Hear a topic; what this process publishes from now on is heard, if Redis stays."""
        end_here = self._here.subscribe(topic, listener)
        self._listeners[topic] = self._listeners.get(topic, 0) + 1
        self._news.set()
        ended = False

        def end() -> None:
            nonlocal ended
            if not ended:
                ended = True
                end_here()
                self._listeners[topic] -= 1
                if not self._listeners[topic]:
                    del self._listeners[topic]
                self._news.set()

        return end

    async def _run(self) -> None:
        outage = Outage("bus")
        # A task group that fails while it is cancelled forgets the cancellation.
        while not self._closed:
            pubsub = self._redis.pubsub()
            try:
                # A connection that listens to nothing is none; this topic is never used.
                await pubsub.subscribe(self._prefix)
                outage.over()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._listen(pubsub))
                    group.create_task(self._talk(pubsub))
            except* (*TROUBLE, RuntimeError) as errors:
                # RuntimeError is what the client says of a connection that is gone.
                self._heard.clear()
                await outage.wait(errors.exceptions[0])
            finally:
                await pubsub.aclose()  # type: ignore[no-untyped-call]

    async def _talk(self, pubsub: PubSub) -> None:
        while True:
            self._news.clear()
            if strange := self._listeners.keys() - self._heard:
                await pubsub.subscribe(*map(self._channel, strange))
            if idle := self._heard - self._listeners.keys():
                self._heard -= idle
                await pubsub.unsubscribe(*map(self._channel, idle))
            # Before anything is said: that is what `subscribe` promises.
            if not strange:
                await self._say_all()
            await self._news.wait()

    async def _say_all(self) -> None:
        while self._outbox:
            batch = list(islice(self._outbox, _BATCH))
            async with self._redis.pipeline(transaction=False) as pipe:
                for topic, packed in batch:
                    pipe.publish(self._channel(topic), packed)
                await pipe.execute()
            for _ in batch:
                self._outbox.popleft()
        self._silent.set()

    async def _listen(self, pubsub: PubSub) -> None:
        while True:
            message = await pubsub.get_message(timeout=None)
            if message is None:
                continue
            topic = message["channel"].decode().removeprefix(self._prefix)
            if message["type"] == "subscribe" and topic in self._listeners:
                self._heard.add(topic)
                self._news.set()
            elif message["type"] == "message":
                self._hear(topic, message["data"])

    def _hear(self, topic: str, packed: bytes) -> None:
        try:
            name, body = msgspec.msgpack.decode(packed, type=tuple[str, msgspec.Raw])
            word = self._words.get(name)
            # A newer version has words that this one does not know.
            if word is not None:
                self._here.publish(topic, msgspec.msgpack.decode(body, type=word))
        except Exception:
            log.exception("a message of the bus could not be heard")

    def _channel(self, topic: str) -> str:
        return self._prefix + topic
