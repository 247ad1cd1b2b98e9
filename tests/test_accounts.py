from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from signaling.contacts import Contact
from signaling.records import Records
from signaling.revocations import AccountRemoved, PasswordChanged, Revocation
from signaling.shared.errors import BadMessage, NotAuthenticated, NotFound, WrongState
from signaling.shared.model import Device
from signaling.tables import accounts
from tests.installation import PASSWORD, Stored, installation
from tests.test_history import call_between


@pytest.fixture
async def records(tmp_path: Path, database: str) -> AsyncIterator[Records]:
    async with installation(tmp_path, database=database) as records:
        yield records


class TestAdding:
    async def test_an_account_is_found_by_name_and_by_address(self, records: Records) -> None:
        alice = await records.accounts.add("alice", PASSWORD, display_name="Alice L.")
        assert alice.address == "alice@phones.test"
        assert alice.generation == 1
        for typed in ("alice", "ALICE", "alice@phones.test", "sip:Alice@Phones.Test"):
            assert await records.accounts.find(typed) == alice

    @pytest.mark.parametrize("typed", ["bob", "alice@other.test", "", "al\u0131ce", "a" * 65])
    async def test_whom_nobody_added_is_not_found(self, records: Records, typed: str) -> None:
        await records.accounts.add("alice", PASSWORD)
        assert await records.accounts.find(typed) is None

    async def test_who_typed_a_wrong_name_is_told(self, records: Records) -> None:
        with pytest.raises(NotFound, match="there is no account carol"):
            await records.accounts.find_named("carol")

    async def test_a_name_is_kept_in_lower_case_and_shown_when_there_is_no_other(
        self, records: Records
    ) -> None:
        account = await records.accounts.add("Bob.2-x_y", PASSWORD)
        assert (account.name, account.display_name) == ("bob.2-x_y", "bob.2-x_y")

    @pytest.mark.parametrize("name", ["", "a b", "a@b", "a/b", "\u00e4", "a" * 65, "a\n", "%61"])
    async def test_a_name_that_no_sip_address_holds_is_refused(
        self, records: Records, name: str
    ) -> None:
        with pytest.raises(BadMessage, match="an account's name has"):
            await records.accounts.add(name, PASSWORD)

    @pytest.mark.parametrize("display_name", ["a\r\nVia: x", "a\x00", "x" * 129])
    async def test_a_display_name_that_could_break_a_header_is_refused(
        self, records: Records, display_name: str
    ) -> None:
        with pytest.raises(BadMessage, match="a display name has"):
            await records.accounts.add("alice", PASSWORD, display_name=display_name)

    async def test_a_name_is_taken_once(self, records: Records) -> None:
        await records.accounts.add("alice", PASSWORD)
        with pytest.raises(WrongState, match="there is an account alice already"):
            await records.accounts.add("ALICE", PASSWORD)

    async def test_everybody_is_listed_by_name(self, records: Records) -> None:
        for name in ("carol", "alice", "bob"):
            await records.accounts.add(name, PASSWORD, is_admin=name == "bob")
        everybody = await records.accounts.all()
        assert [(account.name, account.is_admin) for account in everybody] == [
            ("alice", False),
            ("bob", True),
            ("carol", False),
        ]


class TestAuthenticating:
    async def test_only_the_right_password_opens_the_account(self, records: Records) -> None:
        alice = await records.accounts.add("alice", PASSWORD)
        assert await records.accounts.authenticate("Alice@phones.test", PASSWORD) == alice
        assert await records.accounts.authenticate("alice", PASSWORD + "!") is None

    @pytest.mark.parametrize("name", ["bob", "", "alice@other.test", "\ud800"])
    async def test_nobody_else_is_let_in(self, records: Records, name: str) -> None:
        await records.accounts.add("alice", PASSWORD)
        assert await records.accounts.authenticate(name, PASSWORD) is None

    async def test_a_hash_of_other_parameters_is_renewed_at_the_next_login(
        self, tmp_path: Path, database: str, stored: Stored
    ) -> None:
        async with installation(tmp_path, database=database, hasher=None) as records:
            alice = await records.accounts.add("alice", PASSWORD)
            weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
            await stored.run(update(accounts).values(password_hash=weak))
            assert await records.accounts.authenticate("alice", PASSWORD) == alice
            ((renewed,),) = await stored.run(select(accounts.c.password_hash))
            assert "m=19456,t=2,p=1" in renewed
            assert await records.accounts.authenticate("alice", PASSWORD) == alice


class TestNewPassword:
    async def test_it_replaces_the_one_before_and_ends_every_login(self, records: Records) -> None:
        told: list[Revocation] = []
        records.revocations.listen(told.append)
        alice = await records.accounts.add("alice", PASSWORD)
        tokens = await records.logins.open(alice)
        changed = await records.accounts.set_password(alice.id, "another password")
        assert changed.generation == alice.generation + 1
        assert told == [PasswordChanged(alice.id)]
        assert await records.accounts.authenticate("alice", PASSWORD) is None
        assert await records.accounts.authenticate("alice", "another password") == changed
        with pytest.raises(NotAuthenticated):
            await records.logins.authenticate(tokens.access)
        with pytest.raises(NotAuthenticated):
            await records.logins.refresh(tokens.refresh)

    async def test_a_login_with_the_password_before_does_not_open_afterwards(
        self, records: Records
    ) -> None:
        alice = await records.accounts.add("alice", PASSWORD)
        await records.accounts.set_password(alice.id, "another password")
        with pytest.raises(NotAuthenticated):
            await records.logins.open(alice)

    async def test_an_account_that_is_gone_gets_none(self, records: Records) -> None:
        with pytest.raises(NotFound):
            await records.accounts.set_password("nobody", PASSWORD)


class TestRemoving:
    async def test_nothing_of_the_account_is_left(
        self, tmp_path: Path, database: str, stored: Stored
    ) -> None:
        async with installation(tmp_path, database=database) as records:
            told: list[Revocation] = []
            records.revocations.listen(told.append)
            alice = await records.accounts.add("alice-who-leaves", PASSWORD)
            bob = await records.accounts.add("bob", PASSWORD)
            await records.logins.open(alice, device="device-of-alice")
            await records.phones.add(alice, "phone-of-alice")
            await records.devices.seen(
                Device(alice.id, "device-of-alice", "web", "model", "1", "app-of-alice")
            )
            aor = f"sip:{alice.address}"
            contact = Contact(aor, "contact-of-alice", {"uri": "sip:x"}, 2_000_000_000)
            await records.contacts.replace(aor, [contact])
            await records.history.write(call_between("call-with-bob", alice, bob))
            await records.history.write(call_between("call-with-nobody", alice, None))
            assert alice.id.encode() in await stored.everything()

            await records.accounts.remove(alice.id)
            assert told == [AccountRemoved(alice.id, alice.address)]
            left = await stored.everything()
            for trace in (alice.id, "alice-who-leaves", "-of-alice", "call-with-nobody"):
                assert trace.encode() not in left
            kept = await records.history.get("call-with-bob")
        assert kept is not None
        assert (kept.caller, kept.caller_address) == (None, "")
        assert (kept.callee, kept.callee_address) == (bob.id, bob.address)
        assert [leg.account for leg in kept.legs] == [bob.id]

    async def test_the_name_is_free_again(self, records: Records) -> None:
        alice = await records.accounts.add("alice", PASSWORD)
        await records.accounts.remove(alice.id)
        assert await records.accounts.find("alice") is None
        assert (await records.accounts.add("alice", PASSWORD)).id != alice.id

    async def test_an_account_that_is_gone_is_not_found(self, records: Records) -> None:
        with pytest.raises(NotFound):
            await records.accounts.remove("nobody")
