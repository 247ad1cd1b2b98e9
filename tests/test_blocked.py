"""Block lists."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from signaling.blocked import MAX_BLOCKED, Block
from signaling.export import export_account
from signaling.records import Records
from signaling.shared.errors import BadMessage, NotFound, WrongState
from signaling.shared.model import Account
from signaling.tables import blocked
from tests.installation import PASSWORD, Clock, Stored, installation


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


@pytest.mark.parametrize(
    "typed", ["bob", "BOB", "bob@phones.test", "sip:Bob@phones.test", " sip:bob "]
)
async def test_every_way_to_write_an_address_blocks_the_same_caller(
    records: Records, alice: Account, clock: Clock, typed: str
) -> None:
    assert await records.blocked.add(alice, typed) == Block("bob@phones.test", clock.now)
    assert await records.blocked.blocking("bob@phones.test") == {alice.id}
    assert await records.blocked.blocking("carol@phones.test") == frozenset()
    await records.blocked.remove(alice.id, typed)
    assert not await records.blocked.blocking("bob@phones.test")


async def test_an_address_is_blocked_once(records: Records, alice: Account, clock: Clock) -> None:
    first = await records.blocked.add(alice, "bob")
    clock.advance(1)
    assert await records.blocked.add(alice, "bob") == first
    later = await records.blocked.add(alice, "carol")
    assert await records.blocked.all(alice.id) == [later, first]


@pytest.mark.parametrize("typed", ["", "bob@elsewhere.test", "b" * 300, "alice"])
async def test_what_cannot_be_blocked_is_refused(
    records: Records, alice: Account, typed: str
) -> None:
    with pytest.raises(BadMessage):
        await records.blocked.add(alice, typed)


async def test_an_address_that_is_not_blocked_cannot_be_let_in(
    records: Records, alice: Account
) -> None:
    with pytest.raises(NotFound):
        await records.blocked.remove(alice.id, "bob")


async def test_a_list_has_an_end(records: Records, alice: Account, stored: Stored) -> None:
    full = [
        {"account": alice.id, "address": f"caller{number}@phones.test", "created_at": 0}
        for number in range(MAX_BLOCKED)
    ]
    await stored.run(insert(blocked).values(full))
    with pytest.raises(WrongState):
        await records.blocked.add(alice, "one-too-many")
    assert (await records.blocked.add(alice, "caller7")).address == "caller7@phones.test"


async def test_an_account_that_is_gone_blocks_nobody(records: Records, alice: Account) -> None:
    await records.accounts.remove(alice.id)
    with pytest.raises(NotFound):
        await records.blocked.add(alice, "bob")


async def test_it_is_in_the_export(records: Records, alice: Account, clock: Clock) -> None:
    await records.blocked.add(alice, "bob")
    exported = await export_account(records, alice)
    assert exported["blocked"] == [{"address": "bob@phones.test", "created_at": clock.now}]


async def test_it_goes_with_whoever_blocks_and_with_whoever_is_blocked(
    records: Records, alice: Account, stored: Stored
) -> None:
    bob = await records.accounts.add("bob-who-leaves", PASSWORD)
    await records.blocked.add(alice, "bob-who-leaves")
    await records.blocked.add(bob, "somebody-unloved")
    await records.accounts.remove(bob.id)
    left = await stored.everything()
    assert b"bob-who-leaves" not in left
    assert b"somebody-unloved" not in left
