"""What tests of several modules share."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from signaling.call_model import Endpoint
from signaling.records import Records
from tests.api_client import Client, api_client
from tests.client import World
from tests.exchange import Exchange, MakeExchange, until
from tests.installation import PASSWORD, Clock, Stored, installation
from tests.night import Night
from tests.postgresql import PostgresServer, postgres_server
from tests.redis_server import RedisServer, redis_server


class FilesTogether(LoadScopeScheduling):
    """Shares the work among processes by files: their fixtures are dear.

    The tests of the media engine bind the same ports: these files stay together, too.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "media" if path.startswith("tests/media/") else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesTogether:
    """xdist's own groups are lost with pytest 9.2, which does not read what it writes for them."""
    return FilesTogether(config, log)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def redis_of_session() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(redis_of_session: RedisServer) -> RedisServer:
    """A server that runs and holds nothing."""
    redis_of_session.empty()
    return redis_of_session


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of either kind in turn."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/data/wsphone.db"
    server: PostgresServer = request.getfixturevalue("postgresql")
    return server.emptied_database()


@pytest.fixture
def stored(database: str, tmp_path: Path) -> Stored:
    return Stored(database, tmp_path)


@pytest.fixture
async def make() -> AsyncIterator[MakeExchange]:
    """Makes exchanges; in the end none of them may have anything left."""
    made: list[Exchange] = []

    def make_one(*here: Endpoint, ring_seconds: float = 30.0, direct: bool = True) -> Exchange:
        made.append(Exchange(*here, ring_seconds=ring_seconds, direct=direct))
        return made[-1]

    yield make_one
    for exchange in made:
        await exchange.board.stop()
        assert exchange.board.count() == 0
        assert not exchange.engine.held
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A server on a real socket; in the end it may have nothing left."""
    async with World() as world:
        yield world
    assert world.hub.count() == 0
    assert world.board.count() == 0
    assert not world.engine.held
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    """A store that knows alice."""
    async with installation(tmp_path) as records:
        await records.accounts.add("alice", PASSWORD, display_name="Alice")
        yield records


@pytest.fixture
def ready() -> dict[str, bool]:
    return {"ready": True}


@pytest.fixture
def registered() -> set[str]:
    """The ids of the phones that are registered."""
    return set()


@pytest.fixture
async def client(
    records: Records,
    clock: Clock,
    ready: dict[str, bool],
    registered: set[str],
    unused_tcp_port_factory: Callable[[], int],
) -> AsyncIterator[Client]:
    """A client of the HTTP API."""
    async with api_client(records, clock, ready, registered, unused_tcp_port_factory()) as client:
        yield client


@pytest.fixture
async def night(tmp_path: Path, clock: Clock) -> AsyncIterator[Night]:
    """Bob's devices sleep; in the end nothing may be left of their calls."""
    async with installation(tmp_path, clock) as records:
        night = await Night.falls(records, clock)
        yield night
        await night.exchange.board.stop()
        await night.waking.stop()
        assert not night.exchange.engine.held
        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
