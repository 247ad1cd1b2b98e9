import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signaling.phones import MAX_PHONES
from signaling.records import Records
from signaling.revocations import PhoneRemoved, Revocation
from signaling.shared.errors import BadMessage, NotFound, WrongState
from signaling.shared.model import Account
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


class TestCredentials:
    async def test_the_digests_are_of_name_domain_and_secret(
        self, records: Records, alice: Account
    ) -> None:
        phone, secret = await records.phones.add(alice, "kitchen")
        (credential,) = await records.phones.credentials("Alice")
        a1 = f"alice:phones.test:{secret}".encode()
        assert credential.phone == phone.id
        assert credential.ha1_md5 == hashlib.md5(a1).hexdigest()
        assert credential.ha1_sha256 == hashlib.sha256(a1).hexdigest()

    async def test_every_phone_has_its_own(
        self, records: Records, alice: Account, clock: Clock
    ) -> None:
        kitchen, _ = await records.phones.add(alice, "kitchen")
        clock.advance(1)
        cellar, _ = await records.phones.add(alice)
        assert [phone.name for phone in await records.phones.all(alice.id)] == ["kitchen", "phone"]
        credentials = await records.phones.credentials("alice")
        assert {credential.phone for credential in credentials} == {kitchen.id, cellar.id}
        assert len({credential.ha1_md5 for credential in credentials}) == 2

    @pytest.mark.parametrize("username", ["bob", "", "\u212alice", "\ud800"])
    async def test_nobody_else_has_any(
        self, records: Records, alice: Account, username: str
    ) -> None:
        await records.phones.add(alice)
        assert await records.phones.credentials(username) == []

    async def test_neither_secret_nor_digest_is_stored_in_the_clear(
        self, records: Records, alice: Account, stored: Stored
    ) -> None:
        _, secret = await records.phones.add(alice)
        (credential,) = await records.phones.credentials("alice")
        kept = await stored.everything()
        for plain in (secret, credential.ha1_md5, credential.ha1_sha256):
            assert plain.encode() not in kept
        for digest in (credential.ha1_md5, credential.ha1_sha256):
            assert bytes.fromhex(digest) not in kept

    async def test_a_secret_may_be_chosen(self, records: Records, alice: Account) -> None:
        _, secret = await records.phones.add(alice, secret="chosen by hand")
        assert secret == "chosen by hand"

    @pytest.mark.parametrize("secret", ["", "short", "x" * 129, "line\nbreak", "schl\u00fcssel"])
    async def test_a_secret_that_phones_cannot_type_is_refused(
        self, records: Records, alice: Account, secret: str
    ) -> None:
        with pytest.raises(BadMessage, match="a phone's secret has"):
            await records.phones.add(alice, secret=secret)


class TestNames:
    async def test_a_name_that_is_taken_gets_a_number(
        self, records: Records, alice: Account
    ) -> None:
        for _ in range(3):
            await records.phones.add(alice, "Linphone")
        names = [phone.name for phone in await records.phones.all(alice.id)]
        assert sorted(names) == ["Linphone", "Linphone 2", "Linphone 3"]

    async def test_the_lowest_number_that_is_free_is_given_again(
        self, records: Records, alice: Account
    ) -> None:
        added = [(await records.phones.add(alice, "Linphone"))[0] for _ in range(3)]
        await records.phones.remove(alice, added[1].id)
        phone, _ = await records.phones.add(alice, "Linphone")
        assert phone.name == "Linphone 2"

    async def test_a_long_name_makes_room_for_its_number(
        self, records: Records, alice: Account
    ) -> None:
        await records.phones.add(alice, "x" * 64)
        phone, _ = await records.phones.add(alice, "x" * 64)
        assert phone.name == "x" * 62 + " 2"

    async def test_two_people_may_use_the_same_name(self, records: Records, alice: Account) -> None:
        await records.phones.add(alice, "Linphone")
        bob = await records.accounts.add("bob", PASSWORD)
        phone, _ = await records.phones.add(bob, "Linphone")
        assert phone.name == "Linphone"


class TestBounds:
    async def test_a_phone_too_many_is_refused(self, records: Records, alice: Account) -> None:
        for _ in range(MAX_PHONES):
            await records.phones.add(alice)
        with pytest.raises(WrongState, match="at most 16 phones"):
            await records.phones.add(alice)

    @pytest.mark.parametrize("name", ["x" * 65, "a\nb"])
    async def test_a_name_not_to_be_shown_is_refused(
        self, records: Records, alice: Account, name: str
    ) -> None:
        with pytest.raises(BadMessage, match="a phone's name has"):
            await records.phones.add(alice, name)

    async def test_an_account_that_is_gone_gets_none(
        self, records: Records, alice: Account
    ) -> None:
        await records.accounts.remove(alice.id)
        with pytest.raises(NotFound):
            await records.phones.add(alice)


class TestRemoving:
    async def test_one_phone_goes_and_the_others_stay(
        self, records: Records, alice: Account
    ) -> None:
        told: list[Revocation] = []
        records.revocations.listen(told.append)
        gone, _ = await records.phones.add(alice)
        stays, _ = await records.phones.add(alice)
        await records.phones.remove(alice, gone.id)
        assert told == [PhoneRemoved(alice.id, alice.address, gone.id)]
        assert [phone.id for phone in await records.phones.all(alice.id)] == [stays.id]

    async def test_nobody_removes_the_phone_of_another(
        self, records: Records, alice: Account
    ) -> None:
        bob = await records.accounts.add("bob", PASSWORD)
        phone, _ = await records.phones.add(alice)
        with pytest.raises(NotFound):
            await records.phones.remove(bob, phone.id)
        assert len(await records.phones.all(alice.id)) == 1
