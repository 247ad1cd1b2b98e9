import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, select, text, update
from sqlalchemy.pool import NullPool

from signaling.databases import make_directory
from signaling.shared.crypto import Keyring
from signaling.shared.errors import OperatorError, TryAgain
from signaling.store import Store
from signaling.tables import metadata, settings
from tests.postgresql import PostgresServer

KEYRING = Keyring(["a key of at least thirty-two characters"])


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that nobody has opened."""
    if request.param == "sqlite":
        return at(tmp_path / "wsphone.db")
    server: PostgresServer = request.getfixturevalue("postgresql")
    return server.new_database()


def at(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


async def opened(url: str, *, domain: str = "phones.test", keyring: Keyring = KEYRING) -> Store:
    return await Store.open(url, domain=domain, keyring=keyring)


async def refusal(url: str, *, domain: str = "phones.test", keyring: Keyring = KEYRING) -> str:
    with pytest.raises(OperatorError) as caught:
        await opened(url, domain=domain, keyring=keyring)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestOpening:
    async def test_only_the_first_start_created_it(self, url: str) -> None:
        for created in (True, False):
            store = await opened(url)
            assert store.created is created
            await store.close()

    async def test_two_first_starts_at_once_migrate_one_after_the_other(self, url: str) -> None:
        stores = await asyncio.gather(*(opened(url) for _ in range(3)))
        assert sorted(store.created for store in stores) == [False, False, True]
        for store in stores:
            await store.close()

    async def test_nobody_else_may_read_the_files(self, tmp_path: Path) -> None:
        store = await opened(at(tmp_path / "new" / "wsphone.db"))
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o777 for file in (tmp_path / "new").iterdir()} == {0o600}
        await store.close()

    async def test_sqlite_is_set_up_on_every_connection(self, tmp_path: Path) -> None:
        store = await opened(at(tmp_path / "wsphone.db"))
        async with store.read() as one, store.begin() as other:
            for connection in (one, other):
                assert await connection.scalar(text("PRAGMA journal_mode")) == "wal"
                assert await connection.scalar(text("PRAGMA foreign_keys")) == 1
                assert await connection.scalar(text("PRAGMA busy_timeout")) == 30_000
                assert await connection.scalar(text("PRAGMA secure_delete")) == 1
        await store.close()


class TestRefusals:
    async def test_a_file_in_place_of_the_directory(self, tmp_path: Path) -> None:
        (tmp_path / "data").touch()
        assert "File exists; set data_dir" in await refusal(at(tmp_path / "data" / "wsphone.db"))

    async def test_a_directory_in_place_of_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "wsphone.db").mkdir()
        assert "cannot be opened: Is a directory" in await refusal(at(tmp_path / "wsphone.db"))

    async def test_a_file_that_is_not_a_database(self, tmp_path: Path) -> None:
        file = tmp_path / "wsphone.db"
        file.write_bytes(b"something else entirely" * 100)
        assert "cannot be used: file is not a database" in await refusal(at(file))

    def test_a_directory_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(OperatorError, match="Not a directory; set data_dir"):
            make_directory(tmp_path / "file" / "data")

    async def test_another_domain_than_at_the_first_start(self, url: str) -> None:
        await (await opened(url)).close()
        told = await refusal(url, domain="other.test")
        assert "started with domain phones.test, now it is other.test" in told

    async def test_another_key_than_at_the_first_start(self, url: str) -> None:
        await (await opened(url)).close()
        other = Keyring(["another key of at least thirty-two characters"])
        told = await refusal(url, keyring=other)
        assert "under another secret_key" in told

    async def test_a_postgresql_that_is_not_there(self, tmp_path: Path) -> None:
        told = await refusal(f"postgresql+asyncpg://phones:secret@/x?host={tmp_path}")
        assert "cannot be used: " in told
        assert "phones:***@" in told

    async def test_a_database_that_postgresql_does_not_have(
        self, postgresql: PostgresServer
    ) -> None:
        assert 'database "nobodys" does not exist' in await refusal(postgresql.url("nobodys"))

    async def test_a_database_of_a_newer_version(self, url: str) -> None:
        store = await opened(url)
        async with store.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await store.close()
        told = await refusal(url)
        assert "written by a newer wsphone (its schema is 9999)" in told


class TestMigrations:
    async def test_they_make_exactly_the_tables_that_the_program_uses(self, url: str) -> None:
        store = await opened(url)

        def differences(connection: Connection) -> list[object]:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )
            return list(compare_metadata(context, metadata))

        async with store.read() as connection:
            assert await connection.run_sync(differences) == []
        await store.close()

    async def test_their_foreign_keys_do_what_the_tables_say_on_delete(
        self, tmp_path: Path
    ) -> None:
        """compare_metadata looks past ON DELETE on SQLite."""
        store = await opened(at(tmp_path / "wsphone.db"))
        async with store.read() as connection:
            for table in metadata.sorted_tables:
                rows = await connection.execute(text(f"PRAGMA foreign_key_list({table.name})"))
                found = {(row["from"], row["table"], row["on_delete"]) for row in rows.mappings()}
                meant = {
                    (key.parent.name, key.column.table.name, key.ondelete)
                    for key in table.foreign_keys
                }
                assert found == meant
        await store.close()


class TestOutages:
    async def test_who_comes_while_the_database_is_gone_is_told_to_try_again(
        self, postgresql: PostgresServer
    ) -> None:
        url = postgresql.new_database()
        store = await opened(url)
        postgresql.drop(url)
        for lend in (store.read, store.begin, store.snapshot):
            with pytest.raises(TryAgain):
                async with lend():
                    raise AssertionError("there is nothing to lend")
        await store.close()


class TestTransactions:
    async def test_a_block_that_raises_leaves_nothing(self, url: str) -> None:
        store = await opened(url)
        with pytest.raises(ZeroDivisionError):
            async with store.begin() as connection:
                await connection.execute(settings.delete())
                raise ZeroDivisionError
        async with store.read() as connection:
            assert len((await connection.execute(select(settings))).all()) == 2
        await store.close()

    async def test_writers_that_read_first_lose_no_update(self, url: str) -> None:
        """Not even those of another process, which no lock of ours keeps in line."""
        stores = [await opened(url) for _ in range(2)]
        counter = settings.c.name == "domain"

        async def append(store: Store) -> None:
            async with store.begin() as connection:
                value = await connection.scalar(select(settings.c.value).where(counter))
                assert value is not None
                changed = update(settings).where(counter).values(value=value + b"x")
                await connection.execute(changed)

        await asyncio.gather(*(append(store) for store in stores * 10))
        async with stores[0].read() as connection:
            value = await connection.scalar(select(settings.c.value).where(counter))
        assert value == b"phones.test" + b"x" * 20
        for store in stores:
            await store.close()

    async def test_reading_goes_on_while_somebody_writes(self, url: str) -> None:
        store = await opened(url)
        async with store.begin() as writer:
            await writer.execute(settings.delete())
            async with store.read() as reader:
                assert len((await reader.execute(select(settings))).all()) == 2
        await store.close()

    async def test_a_snapshot_stays_at_its_moment(self, url: str) -> None:
        store = await opened(url)
        query = select(settings)
        async with store.snapshot() as reader:
            before = (await reader.execute(query)).all()
            async with store.begin() as writer:
                await writer.execute(settings.delete())
            assert (await reader.execute(query)).all() == before
        await store.close()

    async def test_another_process_may_use_the_database_too(self, tmp_path: Path) -> None:
        store = await opened(at(tmp_path / "wsphone.db"))
        engine = create_engine(f"sqlite:///{tmp_path}/wsphone.db", poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(settings.insert().values(name="other", value=b"1"))
        async with store.read() as reader:
            assert len((await reader.execute(select(settings))).all()) == 3
        await store.close()
