"""What becomes of bindings when phones are revoked and servers restart."""

from pathlib import Path

from signaling.records import Records
from signaling.revocations import AccountRemoved, PhoneRemoved
from tests.installation import installation
from tests.sip.door import ELSEWHERE, SECRET, UDP, Door

OTHER = "4XKM-9QWR-2HTV-7DNP"


async def restarted(directory: Path) -> int:
    """How many bindings a server knows that starts now."""
    async with installation(directory) as records:
        again = Door(records)
        await again.registrations.load()
        again.registrations.stop()
        return again.registrations.count()


async def phones_of(records: Records) -> list[str]:
    alice = await records.accounts.find_named("alice")
    return [phone.id for phone in await records.phones.all(alice.id)]


async def test_a_restart_loses_no_binding(door: Door, tmp_path: Path) -> None:
    assert await door.sign(UDP, SECRET) == 200
    assert await restarted(tmp_path) == 1


async def test_a_revoked_phone_is_not_rung_any_more(door: Door) -> None:
    assert await door.sign(UDP, SECRET) == 200
    (phone,) = await phones_of(door.records)
    door.registrations.revoke(PhoneRemoved("id", "alice@phones.test", "another phone"))
    assert door.registrations.count() == 1
    door.registrations.revoke(PhoneRemoved("id", "alice@phones.test", phone))
    assert door.registrations.count() == 0


async def test_a_phone_revoked_by_a_command_is_unknown_after_a_restart(
    door: Door, tmp_path: Path
) -> None:
    assert await door.sign(UDP, SECRET) == 200
    alice = await door.records.accounts.find_named("alice")
    (phone,) = await phones_of(door.records)
    await door.records.phones.remove(alice, phone)
    assert await restarted(tmp_path) == 0


async def test_a_binding_belongs_to_the_phone_that_refreshed_it(door: Door) -> None:
    alice = await door.records.accounts.find_named("alice")
    other, _ = await door.records.phones.add(alice, secret=OTHER)
    (first,) = [phone for phone in await phones_of(door.records) if phone != other.id]
    assert await door.sign(UDP, SECRET) == 200
    assert await door.sign(UDP, OTHER) == 200
    door.registrations.revoke(PhoneRemoved("id", "alice@phones.test", first))
    assert door.registrations.count() == 1
    door.registrations.revoke(PhoneRemoved("id", "alice@phones.test", other.id))
    assert door.registrations.count() == 0


async def test_a_removed_account_has_no_bindings(door: Door) -> None:
    assert await door.sign(UDP, SECRET) == 200
    assert await door.sign(ELSEWHERE, SECRET) == 200
    door.registrations.revoke(AccountRemoved("id", "alice@phones.test"))
    assert door.registrations.count() == 0
