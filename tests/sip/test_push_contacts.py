"""Phones that ask to be woken, as they register over the wire with a real store behind."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from signaling.push_rows import StoredTarget, TargetKind
from signaling.records import Records
from signaling.shared.push import Provider, Target
from signaling.sip.message import Response
from signaling.sip.pn import Offer
from tests.installation import PASSWORD, Clock, installation
from tests.sip.door import ELSEWHERE, SECRET, TCP, UDP, Door

OTHER_SECRET = "4XKM-9QWR-2HTV-7DNP"
FCM = "cFNzb3V0aA:APA91b-H_x"
TARGET = Target(Provider.FCM, "929724111839", token=FCM, dialect="linphone")
UUID = "6f0a93c4-55f7-4a5c-9c6f-9d0ba4a6b6a1"
OFFER = Offer((Provider.FCM,))


def contact(
    parameters: str = f";pn-provider=fcm;pn-param=929724111839;pn-prid={FCM}",
    *,
    host: str = "192.0.2.10:5101",
    instance: str = UUID,
    more: str = "",
) -> str:
    header = f';+sip.instance="<urn:uuid:{instance}>"' if instance else ""
    return f"<sip:alice@{host};transport=udp{parameters}>{header}{more}"


@asynccontextmanager
async def a_door(records: Records, offer: Offer = OFFER) -> AsyncIterator[Door]:
    door = Door(records, offer)
    yield door
    door.registrations.stop()
    await door.agent.stop(0)


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    async with installation(tmp_path, Clock()) as records:
        alice = await records.accounts.add("alice", PASSWORD)
        await records.phones.add(alice, secret=SECRET)
        yield records


@pytest.fixture
async def door(records: Records) -> AsyncIterator[Door]:
    async with a_door(records) as door:
        yield door


async def targets(records: Records, name: str = "alice") -> list[StoredTarget]:
    account = await records.accounts.find_named(name)
    return await records.push_targets.of_account(account.id)


def answered(response: Response | None, code: int = 200) -> list[str]:
    """The feature capabilities of an answer with this code."""
    assert response is not None
    assert response.code == code
    return response.headers.values("feature-caps")


class TestKeeping:
    async def test_a_phone_that_asks_is_woken(self, door: Door, records: Records) -> None:
        assert answered(await door.register(UDP, contact=contact())) == ['*;+sip.pns="fcm"']
        (stored,) = await targets(records)
        assert (stored.kind, stored.target) == (TargetKind.SIP, TARGET)
        assert (stored.device, stored.wants_missed) == (f"sip-{UUID}", False)

    async def test_its_contact_leads_to_the_same_device(self, door: Door) -> None:
        answered(await door.register(UDP, contact=contact()))
        alice = await door.records.accounts.find_named("alice")
        (endpoint,) = door.registrations.endpoints(alice)
        assert endpoint.device == f"sip-{UUID}"
        assert door.appeared == [endpoint]

    async def test_a_refresh_keeps_one_target(self, door: Door, records: Records) -> None:
        answered(await door.register(UDP, contact=contact()))
        (first,) = await targets(records)
        answered(await door.register(ELSEWHERE, contact=contact(host="203.0.113.9:5101")))
        (second,) = await targets(records)
        assert first.id == second.id

    async def test_the_target_outlives_the_registration(self, door: Door, records: Records) -> None:
        answered(await door.register(TCP, contact=contact()))
        alice = await records.accounts.find_named("alice")
        door.agent.lose(TCP)
        assert door.registrations.endpoints(alice) == []
        assert len(await targets(records)) == 1

    async def test_a_rotated_token_takes_the_place_of_the_old_one(
        self, door: Door, records: Records
    ) -> None:
        answered(await door.register(UDP, contact=contact()))
        rotated = f";pn-provider=fcm;pn-param=929724111839;pn-prid={FCM}2"
        answered(await door.register(UDP, contact=contact(rotated)))
        assert [stored.target.token for stored in await targets(records)] == [f"{FCM}2"]

    async def test_a_phone_without_an_instance_is_known_by_its_token(
        self, door: Door, records: Records
    ) -> None:
        answered(await door.register(UDP, contact=contact(instance="")))
        answered(await door.register(UDP, contact=contact(instance="", host="192.0.2.11:5101")))
        (stored,) = await targets(records)
        assert {endpoint.device for endpoint in door.appeared} == {stored.device}


class TestDropping:
    @pytest.fixture
    async def kept(self, door: Door, records: Records) -> None:
        answered(await door.register(UDP, contact=contact()))
        assert len(await targets(records)) == 1

    @pytest.mark.usefixtures("kept")
    @pytest.mark.parametrize(
        ("taken_back", "expires"),
        [
            (contact(), "0"),
            (contact(more=";expires=0"), "120"),
            (contact(";pn-provider=pigeon;pn-prid=x"), "0"),
        ],
    )
    async def test_when_the_phone_takes_its_contact_back(
        self, door: Door, records: Records, taken_back: str, expires: str
    ) -> None:
        assert answered(await door.register(UDP, contact=taken_back, expires=expires)) == []
        assert await targets(records) == []

    @pytest.mark.usefixtures("kept")
    async def test_when_it_registers_without_asking(self, door: Door, records: Records) -> None:
        assert answered(await door.register(UDP, contact=contact(""))) == []
        assert await targets(records) == []

    @pytest.mark.usefixtures("kept")
    async def test_when_its_credential_is_removed(self, records: Records) -> None:
        alice = await records.accounts.find_named("alice")
        (phone,) = await records.phones.all(alice.id)
        await records.phones.remove(alice, phone.id)
        assert await targets(records) == []

    @pytest.mark.usefixtures("kept")
    async def test_when_its_credential_takes_everything_back(
        self, door: Door, records: Records
    ) -> None:
        alice = await records.accounts.find_named("alice")
        await records.phones.add(alice, secret=OTHER_SECRET)
        other = contact(instance="another").replace(FCM, f"{FCM}2")
        answered(await door.register(ELSEWHERE, OTHER_SECRET, contact=other))
        assert len(await targets(records)) == 2
        answered(await door.register(UDP, contact="*", expires="0"))
        assert [stored.target.token for stored in await targets(records)] == [f"{FCM}2"]

    @pytest.mark.usefixtures("kept")
    @pytest.mark.parametrize("new_first", [True, False])
    async def test_not_when_it_only_takes_back_where_it_was_before(
        self, door: Door, records: Records, *, new_first: bool
    ) -> None:
        both = [contact(host="192.0.2.77:5101"), contact(more=";expires=0")]
        both = both if new_first else both[::-1]
        assert answered(await door.register(UDP, contact=", ".join(both))) == ['*;+sip.pns="fcm"']
        assert len(await targets(records)) == 1


class TestRefusing:
    APPLE = ";pn-provider=apns;pn-param=ABCDE12345.org.example.phone.voip;pn-prid=" + "0a" * 32

    async def test_a_service_that_is_not_offered(self, door: Door, records: Records) -> None:
        response = await door.register(UDP, contact=contact(self.APPLE))
        assert answered(response, 555) == ['*;+sip.pns="fcm"']
        assert response is not None
        assert "no pushes by apns here" in (response.headers.first("warning") or "")
        assert door.registrations.count() == 0
        assert await targets(records) == []

    async def test_or_the_phone_is_registered_and_not_woken(self, records: Records) -> None:
        async with a_door(records, Offer((Provider.FCM,), refuses_others=False)) as door:
            assert answered(await door.register(UDP, contact=contact(self.APPLE))) == []
            assert door.registrations.count() == 1
            assert await targets(records) == []

    async def test_a_server_without_pushes_passes_over_them(self, records: Records) -> None:
        async with a_door(records, Offer()) as door:
            for parameters in (self.APPLE, ";pn-provider=fcm;pn-prid=x", ";pn-provider"):
                assert answered(await door.register(UDP, contact=contact(parameters))) == []
            assert await targets(records) == []

    async def test_nonsense_with_words(self, door: Door) -> None:
        nonsense = ";pn-provider=fcm;pn-param=929724111839;pn-prid=x"
        response = await door.register(UDP, contact=contact(nonsense))
        assert answered(response, 400) == []
        assert response is not None
        assert "a token of fcm" in (response.headers.first("warning") or "")
        assert door.registrations.count() == 0

    async def test_a_query_hears_what_is_offered(self, records: Records) -> None:
        async with a_door(records, Offer((Provider.APNS, Provider.FCM))) as door:
            response = await door.register(UDP, contact=contact(";pn-provider"))
            assert answered(response) == ['*;+sip.pns="apns"', '*;+sip.pns="fcm"']

    async def test_a_token_of_another_account_stays_there(
        self, door: Door, records: Records, caplog: pytest.LogCaptureFixture
    ) -> None:
        bob = await records.accounts.add("bob", PASSWORD)
        await records.phones.add(bob, secret=OTHER_SECRET)
        answered(await door.register(UDP, contact=contact()))
        with caplog.at_level(logging.INFO):
            response = await door.register(UDP, OTHER_SECRET, name="bob", contact=contact())
        assert answered(response) == []
        assert len(await targets(records)) == 1
        assert await targets(records, "bob") == []
        assert "stands under another account" in caplog.text
        assert FCM not in caplog.text


class TestAppearing:
    async def test_a_phone_that_refreshes_from_where_it_was_says_nothing_new(
        self, door: Door
    ) -> None:
        for _ in range(2):
            answered(await door.register(UDP, contact=contact()))
        assert len(door.appeared) == 1

    @pytest.mark.parametrize("host", ["192.0.2.10:5101", "203.0.113.9:5101"])
    async def test_one_that_comes_back_from_elsewhere_appears_again(
        self, door: Door, host: str
    ) -> None:
        answered(await door.register(UDP, contact=contact()))
        answered(await door.register(ELSEWHERE, contact=contact(host=host)))
        first, second = door.appeared
        assert (first.id, first.device) == (second.id, second.device)
        assert second.host == ELSEWHERE.host
