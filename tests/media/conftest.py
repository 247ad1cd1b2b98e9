"""Fixtures of the media tests: an engine on loopback and its events."""

import socket
from collections.abc import AsyncIterator, Iterator

import aioice.ice
import pytest

from media.engine import OwnEngine
from media.settings import MediaSettings
from tests.media.harness import Events, by_rtpengine, in_this_process, quick
from tests.rtpengine_daemon import Rtpengine, free_port, rtpengine


@pytest.fixture(scope="session", autouse=True)
def one_process(testrun_uid: str) -> Iterator[None]:
    """The tests here bind the same ports: of those that share a run, one process may have them."""
    with socket.socket(socket.AF_UNIX) as mark:
        mark.bind(f"\0wsphone media {testrun_uid}")
        yield


@pytest.fixture
def loopback_ice(monkeypatch: pytest.MonkeyPatch) -> None:
    """aioice leaves 127.0.0.1 out when it gathers; our test browsers have nothing else."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])


@pytest.fixture
def settings() -> MediaSettings:
    return quick()


@pytest.fixture(scope="session")
def daemon() -> Iterator[Rtpengine]:
    """rtpengine in user space, which tells of digits at a port of ours."""
    with rtpengine(ports=(28000, 28999), digits=free_port()) as running:
        yield running


@pytest.fixture
async def engine(
    request: pytest.FixtureRequest, settings: MediaSettings, loopback_ice: None
) -> AsyncIterator[OwnEngine]:
    """In this process, or as the test is parametrised (BOTH_ENGINES, EVERY_ENGINE)."""
    make = getattr(request, "param", in_this_process)
    daemons = [request.getfixturevalue("daemon")] if make is by_rtpengine else []
    engine = await make(settings, *daemons)
    yield engine
    await engine.aclose()
    assert (engine.counts().legs, engine.counts().sockets, engine.counts().tasks) == (0, 0, 0)


@pytest.fixture
def events(engine: OwnEngine) -> Events:
    return Events(engine)
