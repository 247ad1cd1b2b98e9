"""Recordings as they are kept: sealed, with their call's retention, and erased from the disk."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from media.engine import Recorded
from signaling import retention
from signaling.record_link import NewRecording
from signaling.recordings import Recording
from signaling.records import Records
from signaling.retention import keep_house, tidy
from signaling.shared.errors import OperatorError, WrongState
from signaling.shared.model import Account
from signaling.shared.sealed_file import CHUNK_BYTES, SealedReader, SealedWriter
from signaling.store import Store
from signaling.tables import calls, recordings
from tests.end_to_end.waiting import eventually
from tests.installation import PASSWORD, SECRET_KEY, Clock, Stored, installation
from tests.test_history import call_between

# More than is read at a time.
SOUND = b"OggS and what both said" * 8000
NEVER = 0.0


def seconds_of(tail: bytes) -> float:
    return 7.5


@pytest.fixture
async def records(tmp_path: Path, database: str, clock: Clock) -> AsyncIterator[Records]:
    async with installation(tmp_path, clock, database=database) as records:
        yield records


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def alice(records: Records) -> Account:
    return await records.accounts.add("alice", PASSWORD)


@pytest.fixture
async def bob(records: Records) -> Account:
    return await records.accounts.add("bob", PASSWORD)


def write(new: NewRecording, sound: bytes = SOUND, *, ends: bool = True) -> SealedWriter:
    """What the engine does."""
    writer = SealedWriter(new.path, new.key)
    writer.write(sound)
    if ends:
        writer.finish()
        writer.close()
    return writer


def files(directory: Path) -> list[str]:
    """The recordings on the disk."""
    return [path.name for path in directory.rglob("*.rec")]


async def recorded(
    records: Records, caller: Account, callee: Account, call: str = "c", sound: bytes = SOUND
) -> Path:
    """A recording that is whole; returns its file."""
    new = await records.recordings.begin(call, caller.id, callee.id)
    write(new, sound)
    await records.recordings.finish(new.id, Recorded(4.5, len(sound)))
    return Path(new.path)


async def played(records: Records, call: str = "c") -> bytes:
    sound = await records.recordings.open(await records.recordings.of_call(call))
    return b"".join(sound.read())


class TestKeeping:
    async def test_it_comes_back_and_nothing_plain_is_on_the_disk(
        self, records: Records, alice: Account, bob: Account, tmp_path: Path, stored: Stored
    ) -> None:
        path = await recorded(records, alice, bob)
        (found,) = await records.recordings.of_call("c")
        assert found == Recording(
            path.stem, "c", alice.id, bob.id, 1_700_000_000.0, 4.5, len(SOUND)
        )
        assert await played(records) == SOUND
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert b"OggS" not in path.read_bytes() + await stored.everything()

    async def test_its_key_is_sealed_in_the_row(
        self, records: Records, alice: Account, bob: Account, stored: Stored
    ) -> None:
        new = await records.recordings.begin("c", alice.id, bob.id)
        assert new.key not in await stored.everything()
        ((sealed,),) = await stored.run(select(recordings.c.sealed_key))
        other = await records.recordings.begin("c", alice.id, bob.id)
        moved = update(recordings).where(recordings.c.id == other.id).values(sealed_key=sealed)
        await stored.run(moved)
        write(other)
        await records.recordings.finish(other.id, Recorded(1.0, len(SOUND)))
        with pytest.raises(OperatorError, match="copied from another row"):
            found = await records.recordings.of_call("c")
            await records.recordings.open([each for each in found if each.id == other.id])

    async def test_the_key_of_the_installation_may_change(
        self, tmp_path: Path, database: str
    ) -> None:
        new_key = "another key of at least thirty-two characters"
        async with installation(tmp_path, database=database) as records:
            alice = await records.accounts.add("alice", PASSWORD)
            await recorded(records, alice, alice)
        keys = (new_key, SECRET_KEY)
        async with installation(tmp_path, database=database, keys=keys) as records:
            assert await played(records) == SOUND

    async def test_parts_come_one_after_the_other_and_any_place_can_be_read(
        self, records: Records, alice: Account, bob: Account, clock: Clock
    ) -> None:
        for part in (b"one" * 2000, b"two" * 3000):
            await recorded(records, alice, bob, sound=part)
            clock.advance(60)
        whole = b"one" * 2000 + b"two" * 3000
        sound = await records.recordings.open(await records.recordings.of_call("c"))
        assert b"".join(sound.read()) == whole
        for start, end in ((0, 1), (5990, 6010), (6000, 15000), (14999, 15000), (7, 7)):
            assert b"".join(sound.read(start, end)) == whole[start:end]

    async def test_one_that_is_being_made_is_not_given_out(
        self, records: Records, alice: Account, bob: Account
    ) -> None:
        await records.recordings.begin("c", alice.id, bob.id)
        with pytest.raises(WrongState, match="still being recorded"):
            await played(records)

    async def test_one_that_was_cut_is_not_given_out(
        self, records: Records, alice: Account, bob: Account
    ) -> None:
        path = await recorded(records, alice, bob)
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(OperatorError, match="cut"):
            await played(records)

    async def test_one_that_did_not_begin_leaves_nothing(
        self, records: Records, alice: Account, bob: Account
    ) -> None:
        new = await records.recordings.begin("c", alice.id, bob.id)
        await records.recordings.discard(new.id)
        assert await records.recordings.of_call("c") == []


class TestErasing:
    @pytest.mark.parametrize("gone", ["alice", "bob"])
    async def test_it_goes_with_either_account(
        self, records: Records, alice: Account, bob: Account, gone: str
    ) -> None:
        path = await recorded(records, alice, bob)
        await records.history.write(call_between("c", alice, bob))
        other = await recorded(records, *((bob, bob) if gone == "alice" else (alice, alice)), "d")
        await records.remove_account((alice if gone == "alice" else bob).id)
        assert await records.recordings.of_call("c") == []
        assert (path.exists(), other.exists()) == (False, True)

    async def test_one_that_runs_while_an_account_goes_is_erased_at_once(
        self, records: Records, alice: Account, bob: Account, tmp_path: Path
    ) -> None:
        new = await records.recordings.begin("c", alice.id, bob.id)
        assert files(tmp_path) == []
        writer = write(new, ends=False)
        assert files(tmp_path) == [f"{new.id}.rec"]
        await records.remove_account(alice.id)
        assert files(tmp_path) == []
        writer.close()
        await records.recordings.finish(new.id, Recorded(1.0, len(SOUND)))
        assert await records.recordings.of_call("c") == []

    async def test_an_account_that_was_removed_is_not_recorded(
        self, records: Records, alice: Account, bob: Account
    ) -> None:
        await records.remove_account(bob.id)
        with pytest.raises(WrongState):
            await records.recordings.begin("c", alice.id, bob.id)

    async def test_it_goes_with_its_call_whoever_deletes_that(
        self, records: Records, alice: Account, bob: Account, database: str
    ) -> None:
        path = await recorded(records, alice, bob)
        await records.history.write(call_between("c", alice, bob))
        store = await Store.open(database, domain="phones.test", keyring=records.keyring)
        async with store.begin() as connection:
            await connection.execute(delete(calls).where(calls.c.id == "c"))
        await store.close()
        await records.recordings.sweep()
        assert not path.exists()
        assert await records.recordings.of_call("c") == []

    async def test_it_can_be_erased_alone(
        self, records: Records, alice: Account, bob: Account
    ) -> None:
        path, other = await recorded(records, alice, bob), await recorded(records, alice, bob, "d")
        await records.history.write(call_between("c", alice, bob))
        await records.recordings.erase("c")
        assert (path.exists(), other.exists()) == (False, True)
        assert await records.history.get("c") is not None


class TestHousekeeping:
    async def test_calls_go_with_all_that_is_kept_of_them_when_their_days_are_over(
        self, records: Records, alice: Account, bob: Account, clock: Clock
    ) -> None:
        old = await recorded(records, alice, bob, "old")
        stray = await recorded(records, alice, bob, "of a crash")
        await records.history.write(call_between("old", alice, bob, started_at=clock.now))
        clock.advance(1000)
        new = await recorded(records, alice, bob, "new")
        await records.history.write(call_between("new", alice, bob, started_at=clock.now))
        await tidy(records, before=clock.now - 500, seconds_of=seconds_of)
        assert [call.id for call in await records.history.recent()] == ["new"]
        assert (old.exists(), stray.exists(), new.exists()) == (False, False, True)
        assert await played(records, "new") == SOUND

    async def test_what_a_crash_left_is_readable_as_far_as_it_came(
        self, records: Records, alice: Account, bob: Account
    ) -> None:
        new = await records.recordings.begin("c", alice.id, bob.id)
        write(new, ends=False).close()
        whole = len(SOUND) // CHUNK_BYTES * CHUNK_BYTES
        await tidy(records, before=NEVER, seconds_of=seconds_of)
        (found,) = await records.recordings.of_call("c")
        assert (found.seconds, found.size) == (7.5, whole)
        assert await played(records) == SOUND[:whole]

    async def test_what_a_process_left_that_died_is_not_waited_for(
        self,
        records: Records,
        clock: Clock,
        alice: Account,
        bob: Account,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(retention, "SETTLE_SECONDS", 0.0)
        before = await records.recordings.begin("before", alice.id, bob.id)
        write(before, ends=False).close()
        keeping = asyncio.create_task(
            keep_house(records, days=90, seconds_of=seconds_of, clock=lambda: clock.now)
        )

        async def seconds(call: str) -> float | None:
            (found,) = await records.recordings.of_call(call)
            return found.seconds

        # The first look is over.
        await eventually(lambda: seconds("before"), bool)
        new = await records.recordings.begin("c", alice.id, bob.id)
        write(new, ends=False).close()
        records.recordings.abandon(new.id)
        await eventually(lambda: seconds("c"), bool)
        assert await played(records) == SOUND[: len(SOUND) // CHUNK_BYTES * CHUNK_BYTES]
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    async def test_what_is_being_recorded_is_let_be(
        self, records: Records, alice: Account, bob: Account
    ) -> None:
        new = await records.recordings.begin("c", alice.id, bob.id)
        writer = write(new, ends=False)
        await tidy(records, before=NEVER, seconds_of=seconds_of)
        (found,) = await records.recordings.of_call("c")
        assert found.seconds is None
        writer.finish()
        writer.close()
        assert b"".join(SealedReader(new.path, new.key).read()) == SOUND

    async def test_a_file_of_nobodys_goes_and_what_is_no_recording_stays(
        self, records: Records, alice: Account, bob: Account
    ) -> None:
        path = await recorded(records, alice, bob)
        nobodys, other = path.with_name("nobodys.rec"), path.with_name("README")
        nobodys.write_bytes(b"x")
        other.write_bytes(b"x")
        await tidy(records, before=NEVER, seconds_of=seconds_of)
        assert (path.exists(), nobodys.exists(), other.exists()) == (True, False, True)

    async def test_without_a_recording_there_is_nothing_to_do(self, records: Records) -> None:
        await tidy(records, before=NEVER, seconds_of=seconds_of)
