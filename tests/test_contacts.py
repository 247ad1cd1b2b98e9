from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signaling.contacts import Contact
from signaling.records import Records
from signaling.shared.model import Account
from tests.installation import PASSWORD, Clock, Stored, installation

AOR = "sip:alice@phones.test"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def records(tmp_path: Path, clock: Clock, database: str) -> AsyncIterator[Records]:
    async with installation(tmp_path, clock, database=database) as records:
        yield records


@pytest.fixture
async def alice(records: Records) -> Account:
    return await records.accounts.add("alice", PASSWORD)


def contact(name: str, clock: Clock, *, seconds: float = 3600) -> Contact:
    snapshot = {"uri": f"sip:alice@{name}:5070", "cseq": 7, "q": 0.5, "instance": None}
    return Contact(AOR, name, snapshot, clock.now + seconds)


async def test_bindings_outlive_a_restart(tmp_path: Path, clock: Clock, database: str) -> None:
    kept = [contact("192.0.2.1", clock), contact("192.0.2.2", clock)]
    async with installation(tmp_path, clock, database=database) as records:
        await records.accounts.add("alice", PASSWORD)
        await records.contacts.replace(AOR, kept)
    async with installation(tmp_path, clock, database=database) as records:
        assert await records.contacts.load() == kept


async def test_what_an_aor_had_before_is_replaced(
    records: Records, alice: Account, clock: Clock
) -> None:
    await records.contacts.replace(AOR, [contact("a", clock), contact("b", clock)])
    await records.contacts.replace(AOR, [contact("b", clock, seconds=60), contact("c", clock)])
    left = [contact("b", clock, seconds=60), contact("c", clock)]
    assert await records.contacts.load() == await records.contacts.of(alice.id) == left
    await records.contacts.replace(AOR, [])
    assert await records.contacts.load() == []


async def test_expired_bindings_are_not_loaded_and_deleted(
    records: Records, alice: Account, clock: Clock
) -> None:
    late = contact("late", clock, seconds=61)
    await records.contacts.replace(AOR, [contact("early", clock, seconds=60), late])
    clock.advance(60)
    assert await records.contacts.load() == [late]
    assert await records.contacts.of(alice.id) == [late]


async def test_a_binding_of_a_removed_account_is_not_kept(
    records: Records, alice: Account, clock: Clock
) -> None:
    await records.contacts.replace(AOR, [contact("a", clock)])
    await records.accounts.remove(alice.id)
    assert await records.contacts.load() == []
    await records.contacts.replace(AOR, [contact("a", clock)])
    assert await records.contacts.load() == []


async def test_where_a_phone_is_reached_is_not_stored_in_the_clear(
    records: Records, alice: Account, clock: Clock, stored: Stored
) -> None:
    await records.contacts.replace(AOR, [contact("a", clock)])
    assert b"@a:5070" not in await stored.everything()
