"""Certificates and fakes that the tests of push share."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from push.apns import ApnsSender
from push.apns_words import ProviderToken
from tests.push.apns_lab import MakeApns
from tests.push.fake_apns import KEY_ID, TEAM_ID, FakeApns
from tests.push.fake_https import Certificates
from tests.push.fake_webpush import HOST


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("authority"), HOST, "other.push.local")


@pytest.fixture
async def apple(tmp_path: Path) -> AsyncIterator[FakeApns]:
    async with FakeApns(tmp_path / "tls") as apple:
        yield apple
    assert apple.violations == []


@pytest.fixture
async def make_apns(apple: FakeApns) -> AsyncIterator[MakeApns]:
    """Makes senders to it; in the end none of them may have anything left."""
    made: list[ApnsSender] = []

    def make_one(**changes: str | Path | None) -> ApnsSender:
        values = {"url": apple.url, "sandbox_url": apple.url, "ca_file": apple.ca_file, **changes}
        token = ProviderToken(apple.pem, key_id=KEY_ID, team_id=TEAM_ID)
        made.append(ApnsSender(token=None if "cert_file" in changes else token, **values))  # type: ignore[arg-type]
        return made[-1]

    yield make_one
    for apns in made:
        await apns.aclose()
    assert not [task for task in asyncio.all_tasks() if "Origin" in repr(task.get_coro())]


@pytest.fixture
def apns(make_apns: MakeApns) -> ApnsSender:
    return make_apns()
