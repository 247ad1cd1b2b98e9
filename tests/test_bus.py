"""The bus, within one process and over Redis."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from msgspec import Struct

from signaling.shared.bus import Bus
from signaling.shared.bus_memory import MemoryBus
from signaling.shared.bus_redis import RedisBus
from signaling.shared.redis_link import connect
from tests.redis_server import RedisServer


class Word(Struct, frozen=True):
    text: str


class NewWord(Struct, frozen=True):
    number: int


class Ears:
    """Keeps what was heard, and waits for it."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._news = asyncio.Event()

    def listener(self, name: str = "") -> Callable[[Word], None]:
        def hear(word: Word) -> None:
            self.heard.append(f"{name}{word.text}")
            self._news.set()

        return hear

    async def until(self, *words: str) -> None:
        while not set(words) <= set(self.heard):
            self._news.clear()
            await self._news.wait()


MakeBus = Callable[..., RedisBus]


@pytest.fixture
async def make_bus(redis: RedisServer) -> AsyncIterator[MakeBus]:
    """Makes buses as different processes have them."""
    made = []

    def make_one(*words: type, prefix: str = "wsphone") -> RedisBus:
        client = connect(redis.url)
        bus = RedisBus(client, prefix=prefix, words=words or (Word,))
        made.append((bus, client))
        bus.start()
        return bus

    yield make_one
    for bus, client in made:
        await bus.aclose()
        await client.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture(params=["memory", "redis"])
async def bus(request: pytest.FixtureRequest, make_bus: MakeBus) -> Bus:
    return MemoryBus() if request.param == "memory" else make_bus()


class _Watch(logging.Handler):
    """Sets an event at the first warning."""

    def __init__(self, told: asyncio.Event) -> None:
        super().__init__(logging.WARNING)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told.set()


@pytest.fixture
async def outage_told() -> AsyncIterator[asyncio.Event]:
    """Set once the bus has noticed that Redis is away."""
    told = asyncio.Event()
    watch, log = _Watch(told), logging.getLogger("signaling.shared.redis_link")
    log.addHandler(watch)
    yield told
    log.removeHandler(watch)


class TestEveryBus:
    async def test_a_message_reaches_those_who_listen_when_it_is_sent(self, bus: Bus) -> None:
        ears = Ears()
        end_first = bus.subscribe("topic", ears.listener("first "))
        bus.publish("topic", Word("1"))
        await ears.until("first 1")
        bus.subscribe("topic", ears.listener("second "))
        bus.publish("another", Word("2"))
        bus.publish("topic", Word("3"))
        await ears.until("second 3")
        end_first()
        end_first()
        bus.publish("topic", Word("4"))
        await ears.until("second 4")
        assert ears.heard == ["first 1", "first 3", "second 3", "second 4"]

    async def test_a_listener_may_leave_while_it_is_told(self, bus: Bus) -> None:
        ears = Ears()
        hear = ears.listener("once ")

        def once(word: Word) -> None:
            hear(word)
            end()

        end = bus.subscribe("topic", once)
        bus.subscribe("topic", ears.listener())
        bus.publish("topic", Word("1"))
        bus.publish("topic", Word("2"))
        await ears.until("2")
        assert sorted(ears.heard) == ["1", "2", "once 1"]

    async def test_messages_keep_their_order(self, bus: Bus) -> None:
        ears = Ears()
        bus.subscribe("topic", ears.listener())
        for number in range(1000):
            bus.publish("topic", Word(str(number)))
        await ears.until("999")
        assert ears.heard == [str(number) for number in range(1000)]


class TestRedisBus:
    async def test_one_process_hears_the_other(self, make_bus: MakeBus) -> None:
        here, there, ears = make_bus(), make_bus(), Ears()
        here.subscribe("topic", ears.listener())
        # Once it hears itself, it is connected.
        here.publish("topic", Word("ready"))
        await ears.until("ready")
        there.publish("topic", Word("hello"))
        await ears.until("hello")

    async def test_another_installation_on_the_same_redis_is_not_heard(
        self, make_bus: MakeBus
    ) -> None:
        here, other, ears = make_bus(prefix="one"), make_bus(prefix="two"), Ears()
        here.subscribe("topic", ears.listener())
        other.subscribe("topic", ears.listener("other "))
        other.publish("topic", Word("1"))
        await ears.until("other 1")
        here.publish("topic", Word("2"))
        await ears.until("2")
        assert ears.heard == ["other 1", "2"]

    async def test_what_is_said_while_redis_is_away_is_said_later(
        self, make_bus: MakeBus, redis: RedisServer, outage_told: asyncio.Event
    ) -> None:
        bus, ears = make_bus(), Ears()
        bus.subscribe("topic", ears.listener())
        bus.publish("topic", Word("before"))
        await ears.until("before")
        redis.stop()
        async with asyncio.timeout(10):
            await outage_told.wait()
        bus.publish("topic", Word("meanwhile"))
        redis.start()
        await ears.until("meanwhile")

    async def test_a_word_of_a_newer_version_is_passed_over(self, make_bus: MakeBus) -> None:
        old, new, ears = make_bus(Word), make_bus(Word, NewWord), Ears()
        old.subscribe("topic", ears.listener())
        old.publish("topic", Word("ready"))
        await ears.until("ready")
        new.publish("topic", NewWord(1))
        new.publish("topic", Word("known"))
        await ears.until("known")
        assert ears.heard == ["ready", "known"]

    async def test_a_listener_that_breaks_does_not_end_the_bus(
        self, make_bus: MakeBus, caplog: pytest.LogCaptureFixture
    ) -> None:
        bus, ears = make_bus(), Ears()

        def break_at_once(_word: Word) -> None:
            raise ValueError("broken")

        bus.subscribe("broken", break_at_once)
        bus.subscribe("topic", ears.listener())
        bus.publish("broken", Word("1"))
        bus.publish("topic", Word("2"))
        await ears.until("2")
        assert "could not be heard" in caplog.text

    async def test_it_refuses_what_it_does_not_carry(self, make_bus: MakeBus) -> None:
        with pytest.raises(TypeError, match="NewWord"):
            make_bus().publish("topic", NewWord(1))
