"""A stack at a desk, and a door to knock at in front of a real store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.installation import PASSWORD, installation
from tests.sip.desk import Desk
from tests.sip.door import SECRET, Door


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with installation(tmp_path) as records:
        alice = await records.accounts.add("alice", PASSWORD)
        await records.phones.add(alice, secret=SECRET)
        door = Door(records)
        yield door
        door.registrations.stop()
        await door.agent.stop(0)
