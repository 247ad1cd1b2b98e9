"""Fixtures of the media tests: an engine on loopback and its events."""

from collections.abc import AsyncIterator

import aioice.ice
import pytest

from media.engine import OwnEngine
from media.settings import MediaSettings
from tests.media.harness import Events, in_this_process, quick


@pytest.fixture
def loopback_ice(monkeypatch: pytest.MonkeyPatch) -> None:
    """aioice leaves 127.0.0.1 out when it gathers; our test browsers have nothing else."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])


@pytest.fixture
def settings() -> MediaSettings:
    return quick()


@pytest.fixture
async def engine(
    request: pytest.FixtureRequest, settings: MediaSettings, loopback_ice: None
) -> AsyncIterator[OwnEngine]:
    """In this process, or where a test is marked with BOTH_ENGINES also in one of its own."""
    engine = await getattr(request, "param", in_this_process)(settings)
    yield engine
    await engine.aclose()
    assert (engine.counts().legs, engine.counts().sockets, engine.counts().tasks) == (0, 0, 0)


@pytest.fixture
def events(engine: OwnEngine) -> Events:
    return Events(engine)
