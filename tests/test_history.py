from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from signaling.history import MAX_LATE_HOPS
from signaling.records import Records
from signaling.shared.model import Account, CallRecord, LegRecord
from signaling.shared.reasons import EndedBy, EndReason
from signaling.tables import hops
from signaling.timeline import MAX_HOPS, Hop, What
from tests.installation import PASSWORD, Stored, installation


def call_between(
    call: str, caller: Account, callee: Account | None, *, started_at: float = 1_700_000_000.0
) -> CallRecord:
    parties = [caller] if callee is None else [caller, callee]
    return CallRecord(
        id=call,
        caller=caller.id,
        callee=None if callee is None else callee.id,
        caller_address=caller.address,
        callee_address="nobody@phones.test" if callee is None else callee.address,
        mode="anchored",
        state="talking",
        reason=EndReason.HANGUP,
        code=200,
        by=EndedBy.CALLEE,
        started_at=started_at,
        answered_at=started_at + 4.5,
        ended_at=started_at + 10,
        seconds=5.5,
        legs=tuple(
            LegRecord(
                id=f"leg-{number}",
                kind="session",
                endpoint=f"session-{number}",
                account=party.id,
                state="talking",
                reason=EndReason.HANGUP if number else None,
                codec="opus/48000/2",
                figures={"received": 250 + number, "lost": 0},
            )
            for number, party in enumerate(parties)
        ),
    )


def timeline_between(caller: Account, callee: Account) -> list[Hop]:
    at = 1_700_000_000.0
    return [
        Hop(at, What.CALLED, EndedBy.CALLER, "session-0", "session", caller.id, "tab"),
        Hop(at + 0.01, What.FOUND, EndedBy.SERVER, detail="1"),
        Hop(at + 0.02, What.INVITED, EndedBy.CALLEE, "session-1", "session", callee.id, "phone"),
        Hop(at + 4.5, What.ANSWERED, EndedBy.CALLEE, "session-1", "session", callee.id, "phone"),
        Hop(at + 10, What.ENDED, EndedBy.CALLEE, reason="hangup"),
    ]


@pytest.fixture
async def records(tmp_path: Path, database: str) -> AsyncIterator[Records]:
    async with installation(tmp_path, database=database) as records:
        yield records


@pytest.fixture
async def people(records: Records) -> tuple[Account, Account]:
    return (
        await records.accounts.add("alice", PASSWORD),
        await records.accounts.add("bob", PASSWORD),
    )


class TestCalls:
    async def test_a_call_comes_back_as_it_was_written(
        self, records: Records, people: tuple[Account, Account]
    ) -> None:
        written = call_between("1", *people)
        await records.history.write(written)
        assert await records.history.get("1") == written
        assert await records.history.get("2") is None

    async def test_a_call_without_legs_and_answer_comes_back_too(
        self, records: Records, people: tuple[Account, Account]
    ) -> None:
        written = replace(call_between("1", people[0], None), answered_at=None, legs=())
        await records.history.write(written)
        assert await records.history.get("1") == written

    async def test_a_call_written_twice_stays_as_it_was_first(
        self, records: Records, people: tuple[Account, Account]
    ) -> None:
        first = call_between("1", *people)
        await records.history.write(first)
        await records.history.write(replace(first, reason=EndReason.ERROR, seconds=0))
        assert await records.history.get("1") == first

    async def test_the_last_calls_come_newest_first_and_only_to_who_took_part(
        self, records: Records, people: tuple[Account, Account]
    ) -> None:
        alice, bob = people
        carol = await records.accounts.add("carol", PASSWORD)
        for number in range(5):
            await records.history.write(
                call_between(str(number), alice, bob, started_at=1_700_000_000.0 + number)
            )
        await records.history.write(call_between("late", carol, alice, started_at=1_800_000_000.0))

        async def ids(account: str | None, limit: int | None) -> list[str]:
            return [call.id for call in await records.history.recent(account, limit=limit)]

        assert await ids(bob.id, 3) == ["4", "3", "2"]
        assert await ids(alice.id, 2) == ["late", "4"]
        assert await ids(carol.id, 50) == ["late"]
        assert len(await ids(None, None)) == 6
        newest = (await records.history.recent(bob.id, limit=1))[0]
        assert len(newest.legs) == 2


class TestRemovedAccounts:
    async def test_who_was_removed_during_the_call_leaves_no_trace_in_it(
        self, records: Records, people: tuple[Account, Account]
    ) -> None:
        alice, bob = people
        await records.accounts.remove(alice.id)
        await records.history.write(call_between("1", alice, bob))
        kept = await records.history.get("1")
        assert kept is not None
        assert (kept.caller, kept.caller_address) == (None, "")
        assert kept.callee_address == bob.address
        assert [leg.account for leg in kept.legs] == [bob.id]

    async def test_a_call_that_nobody_is_left_of_is_not_kept(
        self, records: Records, people: tuple[Account, Account]
    ) -> None:
        for account in people:
            await records.accounts.remove(account.id)
        await records.history.write(call_between("1", *people))
        assert await records.history.get("1") is None


class TestTimelines:
    async def test_a_timeline_comes_back_as_it_was_written(
        self, records: Records, people: tuple[Account, Account]
    ) -> None:
        written = timeline_between(*people)
        await records.history.write(call_between("1", *people), written)
        assert await records.history.timeline("1") == written
        assert await records.history.timeline("2") == []

    async def test_an_account_gets_the_hops_of_its_own_endpoints(
        self, records: Records, people: tuple[Account, Account]
    ) -> None:
        await records.history.write(call_between("1", *people), timeline_between(*people))
        await records.history.write(call_between("2", people[0], None), [])
        own = await records.history.hops_of(people[1].id)
        assert list(own) == ["1"]
        assert [hop.what for hop in own["1"]] == [What.INVITED, What.ANSWERED]

    async def test_what_comes_after_the_end_is_added_in_its_place(
        self, records: Records, people: tuple[Account, Account]
    ) -> None:
        alice, bob = people
        late = Hop(1_700_000_005.0, What.PUSH_ACCEPTED, EndedBy.CALLEE, account=bob.id)
        await records.history.add_hops("1", [late])
        await records.history.write(call_between("1", alice, bob), timeline_between(alice, bob))
        await records.history.add_hops("1", [late])
        told = await records.history.timeline("1")
        assert [hop.what for hop in told][-2:] == [What.PUSH_ACCEPTED, What.ENDED]
        assert told.count(late) == 1

    async def test_a_timeline_does_not_grow_for_ever(
        self, records: Records, people: tuple[Account, Account]
    ) -> None:
        await records.history.write(call_between("1", *people), [])
        late = Hop(1_700_000_100.0, What.PUSH_RETRYING, EndedBy.CALLEE)
        for _ in range(3):
            await records.history.add_hops("1", [late] * (MAX_HOPS // 2))
        assert len(await records.history.timeline("1")) <= MAX_HOPS + MAX_LATE_HOPS

    async def test_a_word_of_a_newer_version_is_passed_over(
        self, records: Records, people: tuple[Account, Account], stored: Stored
    ) -> None:
        await records.history.write(call_between("1", *people), timeline_between(*people))
        await stored.run(update(hops).where(hops.c.number == 1).values(what="of_next_year"))
        assert len(await records.history.timeline("1")) == 4

    async def test_a_removed_account_leaves_no_hop_behind(
        self, records: Records, people: tuple[Account, Account], stored: Stored
    ) -> None:
        alice, bob = people
        await records.history.write(call_between("1", alice, bob), timeline_between(alice, bob))
        await records.accounts.remove(alice.id)
        assert {hop.account for hop in await records.history.timeline("1")} == {None, bob.id}
        await records.history.add_hops(
            "1", [Hop(1_700_000_100.0, What.PUSH_SENDING, EndedBy.CALLER, account=alice.id)]
        )
        assert alice.id.encode() not in await stored.everything()
        await records.accounts.remove(bob.id)
        assert list(await stored.run(select(hops))) == []

    async def test_who_was_removed_during_the_call_has_no_hop_in_it(
        self, records: Records, people: tuple[Account, Account]
    ) -> None:
        alice, bob = people
        await records.accounts.remove(alice.id)
        await records.history.write(call_between("1", alice, bob), timeline_between(alice, bob))
        assert {hop.account for hop in await records.history.timeline("1")} == {None, bob.id}
