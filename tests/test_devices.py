from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from signaling.devices import MAX_DEVICES
from signaling.push_rows import Origin
from signaling.records import Records
from signaling.revocations import LoginRevoked, Revocation
from signaling.shared.errors import BadMessage, NotAuthenticated, NotFound
from signaling.shared.model import Device
from signaling.shared.push import Provider, Target
from signaling.tables import devices
from tests.installation import PASSWORD, Clock, Stored, installation


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def records(tmp_path: Path, clock: Clock, database: str) -> AsyncIterator[Records]:
    async with installation(tmp_path, clock, database=database) as records:
        yield records


@pytest.fixture
async def tablet(records: Records) -> Device:
    alice = await records.accounts.add("alice", PASSWORD)
    return Device(alice.id, "tablet", "android", "Fairphone Tab", "Android 15", "1.0")


async def test_a_device_is_kept_as_it_was_seen_last(
    records: Records, tablet: Device, clock: Clock
) -> None:
    await records.devices.seen(tablet)
    updated = replace(tablet, app_version="1.1", os_version="Android 16")
    await records.devices.seen(updated)
    laptop = replace(tablet, id="laptop", platform="desktop")
    clock.advance(1)
    await records.devices.seen(laptop)
    assert await records.devices.all(tablet.account) == [laptop, updated]


async def test_one_that_tells_nothing_new_is_written_once_an_hour(
    records: Records, tablet: Device, clock: Clock, stored: Stored
) -> None:
    async def seen_at() -> float:
        ((at,),) = await stored.run(select(devices.c.seen_at))
        return float(at)

    await records.devices.seen(tablet)
    first = clock.now
    clock.advance(3599)
    await records.devices.seen(tablet)
    assert await seen_at() == first
    clock.advance(1)
    await records.devices.seen(tablet)
    assert await seen_at() == clock.now


async def test_what_somebody_carries_is_not_stored_in_the_clear(
    records: Records, tablet: Device, stored: Stored
) -> None:
    await records.devices.seen(tablet)
    kept = await stored.everything()
    assert b"Fairphone" not in kept
    assert b"Android" not in kept


async def test_the_device_seen_longest_ago_makes_room(
    records: Records, tablet: Device, clock: Clock
) -> None:
    for number in range(MAX_DEVICES + 1):
        await records.devices.seen(replace(tablet, id=str(number)))
        clock.advance(1)
    kept = await records.devices.all(tablet.account)
    assert [device.id for device in kept] == [str(n) for n in range(MAX_DEVICES, 0, -1)]


async def test_a_device_of_a_removed_account_has_to_log_in(
    records: Records, tablet: Device
) -> None:
    await records.accounts.remove(tablet.account)
    with pytest.raises(NotAuthenticated):
        await records.devices.seen(tablet)


@pytest.mark.parametrize(
    "wrong", [{"id": ""}, {"id": "x" * 129}, {"model": "x" * 129}, {"platform": "toaster"}]
)
async def test_a_device_out_of_bounds_is_refused(
    records: Records, tablet: Device, wrong: dict[str, str]
) -> None:
    with pytest.raises(BadMessage):
        await records.devices.seen(replace(tablet, **wrong))


class TestRemoving:
    async def test_its_logins_and_its_pushes_end_with_it(
        self, records: Records, tablet: Device
    ) -> None:
        alice = await records.accounts.find_named("alice")
        told: list[Revocation] = []
        records.revocations.listen(told.append)
        for device in ("tablet", "laptop"):
            tokens = await records.logins.open(alice, device=device)
            login = (await records.logins.authenticate(tokens.access)).login
            target = Target(Provider.FCM, "project", token=f"token-of-the-{device}")
            await records.push_targets.replace(Origin(alice.id, device, login=login), [target])
            await records.devices.seen(replace(tablet, id=device))
        await records.devices.remove(alice.id, "tablet")
        assert [each.id for each in await records.devices.all(alice.id)] == ["laptop"]
        assert [each.device for each in await records.logins.all(alice.id)] == ["laptop"]
        left = await records.push_targets.of_account(alice.id)
        assert [each.device for each in left] == ["laptop"]
        assert [(each.account, each.device) for each in told if isinstance(each, LoginRevoked)] == [
            (alice.id, "tablet")
        ]

    async def test_what_a_sip_phone_registered_can_be_removed_too(
        self, records: Records, tablet: Device
    ) -> None:
        alice = await records.accounts.find_named("alice")
        phone, _ = await records.phones.add(alice)
        target = Target(Provider.FCM, "project", token="token-of-a-phone")
        await records.push_targets.replace(Origin(alice.id, "sip-1", phone=phone.id), [target])
        await records.devices.remove(alice.id, "sip-1")
        assert await records.push_targets.of_account(alice.id) == []

    async def test_a_device_of_nobody_or_of_somebody_else_is_refused(
        self, records: Records, tablet: Device
    ) -> None:
        await records.devices.seen(tablet)
        bob = await records.accounts.add("bob", PASSWORD)
        for account, device in ((bob.id, "tablet"), (tablet.account, "toaster")):
            with pytest.raises(NotFound):
                await records.devices.remove(account, device)
        assert await records.devices.all(tablet.account) == [tablet]
