import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from signaling.logins import ACCESS_SECONDS, MAX_LOGINS, REFRESH_SECONDS, REPEAT_SECONDS
from signaling.records import Records
from signaling.revocations import LoginRevoked, Revocation
from signaling.shared.errors import BadMessage, NotAuthenticated
from signaling.shared.model import Account
from signaling.tables import accounts
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


@pytest.fixture
def told(records: Records) -> list[Revocation]:
    told: list[Revocation] = []
    records.revocations.listen(told.append)
    return told


async def is_refused(records: Records, access_token: str) -> bool:
    try:
        await records.logins.authenticate(access_token)
    except NotAuthenticated:
        return True
    return False


class TestAccessTokens:
    async def test_one_tells_who_speaks_and_from_which_device(
        self, records: Records, alice: Account, clock: Clock
    ) -> None:
        tokens = await records.logins.open(alice, device="tablet")
        principal = await records.logins.authenticate(tokens.access)
        assert principal.account == alice
        assert principal.device == "tablet"
        assert principal.expires_at == tokens.expires_at == clock.now + ACCESS_SECONDS

    async def test_one_expires(self, records: Records, alice: Account, clock: Clock) -> None:
        tokens = await records.logins.open(alice)
        clock.advance(ACCESS_SECONDS - 1)
        await records.logins.authenticate(tokens.access)
        clock.advance(1)
        with pytest.raises(NotAuthenticated, match="expired"):
            await records.logins.authenticate(tokens.access)

    async def test_one_of_a_removed_account_is_refused(
        self, records: Records, alice: Account
    ) -> None:
        tokens = await records.logins.open(alice)
        await records.accounts.remove(alice.id)
        assert await is_refused(records, tokens.access)

    async def test_one_of_an_earlier_generation_is_refused(
        self, records: Records, alice: Account, stored: Stored
    ) -> None:
        tokens = await records.logins.open(alice)
        await stored.run(update(accounts).values(generation=accounts.c.generation + 1))
        assert await is_refused(records, tokens.access)

    async def test_no_changed_character_passes(self, records: Records, alice: Account) -> None:
        token = (await records.logins.open(alice)).access
        body, _, mac = token.partition(".")
        for place in range(0, len(body), 7):
            other = "A" if body[place] != "A" else "B"
            assert await is_refused(records, f"{body[:place]}{other}{body[place + 1 :]}.{mac}")

    @pytest.mark.parametrize("token", ["", ".", "a.b", "x", "\u00e4.\u00f6", "=.=", "A" * 100_000])
    async def test_garbage_is_refused(self, records: Records, token: str) -> None:
        assert await is_refused(records, token)
        with pytest.raises(NotAuthenticated):
            await records.logins.refresh(token)

    async def test_a_refresh_token_is_none(self, records: Records, alice: Account) -> None:
        tokens = await records.logins.open(alice)
        assert await is_refused(records, tokens.refresh)
        with pytest.raises(NotAuthenticated):
            await records.logins.refresh(tokens.access)


class TestRefreshing:
    async def test_it_brings_new_tokens_for_the_same_login(
        self, records: Records, alice: Account, clock: Clock
    ) -> None:
        first = await records.logins.open(alice, device="tablet")
        clock.advance(ACCESS_SECONDS)
        second, account = await records.logins.refresh(first.refresh)
        assert account == alice
        assert second.refresh != first.refresh
        principal = await records.logins.authenticate(second.access)
        assert principal.device == "tablet"
        assert [login.id for login in await records.logins.all(alice.id)] == [principal.login]

    async def test_two_tabs_at_the_same_moment_get_the_same_token(
        self, records: Records, alice: Account
    ) -> None:
        first = await records.logins.open(alice)
        answers = await asyncio.gather(*(records.logins.refresh(first.refresh) for _ in range(3)))
        assert len({tokens.refresh for tokens, _ in answers}) == 1
        await records.logins.refresh(answers[0][0].refresh)

    async def test_an_answer_that_was_lost_is_given_again_for_a_while(
        self, records: Records, alice: Account, clock: Clock
    ) -> None:
        first = await records.logins.open(alice)
        lost, _ = await records.logins.refresh(first.refresh)
        clock.advance(REPEAT_SECONDS - 1)
        again, _ = await records.logins.refresh(first.refresh)
        assert again.refresh == lost.refresh

    async def test_an_old_token_is_taken_for_stolen_and_ends_the_login(
        self, records: Records, alice: Account, clock: Clock, told: list[Revocation]
    ) -> None:
        first = await records.logins.open(alice, device="tablet")
        second, _ = await records.logins.refresh(first.refresh)
        login = (await records.logins.authenticate(second.access)).login
        clock.advance(REPEAT_SECONDS)
        with pytest.raises(NotAuthenticated):
            await records.logins.refresh(first.refresh)
        assert told == [LoginRevoked(alice.id, login, "tablet")]
        assert await is_refused(records, second.access)
        with pytest.raises(NotAuthenticated):
            await records.logins.refresh(second.refresh)

    async def test_a_token_two_turns_old_is_taken_for_stolen_at_once(
        self, records: Records, alice: Account, told: list[Revocation]
    ) -> None:
        first = await records.logins.open(alice)
        second, _ = await records.logins.refresh(first.refresh)
        await records.logins.refresh(second.refresh)
        with pytest.raises(NotAuthenticated):
            await records.logins.refresh(first.refresh)
        assert len(told) == 1

    async def test_a_forged_token_ends_no_login(
        self, records: Records, alice: Account, told: list[Revocation]
    ) -> None:
        tokens = await records.logins.open(alice)
        body, _, mac = tokens.refresh.partition(".")
        with pytest.raises(NotAuthenticated):
            await records.logins.refresh(f"{body[:-2]}AA.{mac}")
        assert told == []
        await records.logins.refresh(tokens.refresh)

    async def test_it_ends_after_ninety_days_without_use(
        self, records: Records, alice: Account, clock: Clock
    ) -> None:
        tokens = await records.logins.open(alice)
        clock.advance(REFRESH_SECONDS - 1)
        tokens, _ = await records.logins.refresh(tokens.refresh)
        clock.advance(REFRESH_SECONDS)
        with pytest.raises(NotAuthenticated):
            await records.logins.refresh(tokens.refresh)

    async def test_no_token_is_stored(
        self, records: Records, alice: Account, stored: Stored
    ) -> None:
        tokens = await records.logins.open(alice)
        kept = await stored.everything()
        for token in (tokens.refresh, tokens.access):
            assert token.partition(".")[0].encode() not in kept


class TestRevoking:
    async def test_a_login_that_ended_is_told_and_over(
        self, records: Records, alice: Account, told: list[Revocation]
    ) -> None:
        ended = await records.logins.open(alice, device="tablet")
        other = await records.logins.open(alice)
        login = (await records.logins.authenticate(ended.access)).login
        await records.logins.revoke(alice.id, login)
        await records.logins.revoke(alice.id, login)
        assert told == [LoginRevoked(alice.id, login, "tablet")]
        assert await is_refused(records, ended.access)
        assert not await is_refused(records, other.access)

    async def test_it_can_be_ended_by_its_refresh_token(
        self, records: Records, alice: Account, told: list[Revocation]
    ) -> None:
        tokens = await records.logins.open(alice)
        await records.logins.revoke_refresh(tokens.refresh)
        await records.logins.revoke_refresh(tokens.refresh)
        assert len(told) == 1
        assert await is_refused(records, tokens.access)

    async def test_nobody_ends_the_login_of_another(
        self, records: Records, alice: Account, told: list[Revocation]
    ) -> None:
        tokens = await records.logins.open(alice)
        login = (await records.logins.authenticate(tokens.access)).login
        await records.logins.revoke("somebody else", login)
        assert told == []
        assert not await is_refused(records, tokens.access)


class TestBounds:
    async def test_the_login_unused_for_longest_makes_room(
        self, records: Records, alice: Account, clock: Clock
    ) -> None:
        oldest = await records.logins.open(alice)
        for _ in range(MAX_LOGINS):
            clock.advance(1)
            newest = await records.logins.open(alice)
        assert len(await records.logins.all(alice.id)) == MAX_LOGINS
        assert await is_refused(records, oldest.access)
        assert not await is_refused(records, newest.access)

    async def test_expired_logins_are_forgotten(
        self, records: Records, alice: Account, clock: Clock
    ) -> None:
        await records.logins.open(alice)
        clock.advance(REFRESH_SECONDS)
        await records.logins.open(alice)
        assert len(await records.logins.all(alice.id)) == 1

    @pytest.mark.parametrize("device", ["", "x" * 65])
    async def test_a_device_without_a_proper_id_is_refused(
        self, records: Records, alice: Account, device: str
    ) -> None:
        with pytest.raises(BadMessage):
            await records.logins.open(alice, device=device)
