"""What a call has to know before anything rings, looked up in one statement."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from signaling.callees import Callee
from signaling.push_rows import Origin
from signaling.records import Records
from signaling.shared.model import Account
from signaling.shared.push import Provider, Target
from signaling.tables import push_targets
from tests.installation import PASSWORD, Stored, installation
from tests.test_history import call_between

CALLER = "bob@phones.test"


@pytest.fixture
async def records(tmp_path: Path, database: str) -> AsyncIterator[Records]:
    async with installation(tmp_path, database=database) as records:
        yield records


@pytest.fixture
async def alice(records: Records) -> Account:
    await records.accounts.add("bob", PASSWORD)
    return await records.accounts.add("alice", PASSWORD, display_name="Alice A", is_admin=True)


async def register(records: Records, account: Account, *tokens: str) -> None:
    """A device for each token."""
    tokens_of_login = await records.logins.open(account)
    login = (await records.logins.authenticate(tokens_of_login.access)).login
    for token in tokens:
        target = Target(Provider.FCM, "project", token=token)
        await records.push_targets.replace(Origin(account.id, token, login=login), [target])


@pytest.mark.parametrize("typed", ["alice", "ALICE", "alice@phones.test", "sip:alice@phones.test"])
async def test_an_address_leads_to_its_account(
    records: Records, alice: Account, typed: str
) -> None:
    assert await records.callees.find("1", typed, CALLER) == Callee(alice, False, False)


@pytest.mark.parametrize("typed", ["carol", "alice@elsewhere.test", "", "a b", "x" * 500])
async def test_what_is_nobody_s_leads_to_no_account(
    records: Records, alice: Account, typed: str
) -> None:
    assert await records.callees.find("1", typed, CALLER) == Callee(None, False, False)


async def test_a_call_that_is_over_is_known_whoever_is_called(
    records: Records, alice: Account
) -> None:
    await records.history.write(call_between("1", alice, None))
    assert (await records.callees.find("1", "alice", CALLER)).is_over
    assert (await records.callees.find("1", "nobody", CALLER)).is_over
    assert not (await records.callees.find("2", "alice", CALLER)).is_over


async def test_all_targets_of_the_account_come_with_it(records: Records, alice: Account) -> None:
    bob = await records.accounts.find_named("bob")
    await register(records, alice, "one", "two")
    await register(records, bob, "three")
    found = await records.callees.find("1", "alice", CALLER)
    assert found.account == alice
    expected = await records.push_targets.of_account(alice.id)
    assert sorted(found.targets, key=lambda each: each.id) == sorted(
        expected, key=lambda each: each.id
    )
    assert {each.device for each in found.targets} == {"one", "two"}


async def test_a_blocked_caller_learns_of_no_target(records: Records, alice: Account) -> None:
    await register(records, alice, "one")
    await records.blocked.add(alice, "bob")
    assert await records.callees.find("1", "alice", "Bob@phones.test") == Callee(
        alice, is_blocked=True, is_over=False
    )
    other = await records.callees.find("1", "alice", "carol@phones.test")
    assert not other.is_blocked and len(other.targets) == 1
    bob = await records.callees.find("1", "bob", alice.address)
    assert not bob.is_blocked


async def test_targets_that_cannot_be_opened_leave_the_rest_to_ring(
    records: Records, alice: Account, stored: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    await register(records, alice, "one")
    await stored.run(update(push_targets).values(sealed=b"damaged"))
    with caplog.at_level(logging.ERROR):
        assert await records.callees.find("1", "alice", CALLER) == Callee(alice, False, False, [])
    assert "call 1: nobody can be woken" in caplog.text
