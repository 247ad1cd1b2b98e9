"""Backups, from either database into either."""

import gzip
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from signaling.backup import restore_backup, write_backup
from signaling.contacts import Contact
from signaling.push_rows import Origin
from signaling.records import open_records
from signaling.shared.config import Config, Database
from signaling.shared.errors import OperatorError
from signaling.shared.model import Device
from signaling.shared.push import Provider, Target
from tests.installation import PASSWORD, SECRET_KEY, Stored
from tests.postgresql import PostgresServer
from tests.test_history import call_between
from tests.test_recordings import SOUND, recorded


@pytest.fixture
def config(tmp_path: Path, database: str) -> Config:
    """An installation that keeps its secret key in its configuration."""
    return Config(
        data_dir=tmp_path / "data",
        domain="phones.test",
        secret_key=(SECRET_KEY,),
        database=Database(database),
    )


@pytest.fixture
def elsewhere(config: Config, tmp_path: Path) -> Config:
    """A new installation with the same key, on SQLite."""
    return replace(config, data_dir=tmp_path / "new", database=Database())


def keyless(directory: Path) -> Config:
    """An installation that keeps its secret key in data_dir."""
    return Config(data_dir=directory, domain="phones.test")


async def fill(config: Config) -> None:
    """Something in every table."""
    async with open_records(config) as records:
        alice = await records.accounts.add("alice", PASSWORD)
        bob = await records.accounts.add("bob", PASSWORD)
        tokens = await records.logins.open(alice, device="tablet")
        login = (await records.logins.authenticate(tokens.access)).login
        target = Target(Provider.FCM, "project", token="a-token-of-the-tablet")
        tablet = Origin(alice.id, "tablet", login=login)
        await records.push_targets.replace(tablet, [target])
        await records.push_proofs.claim(tablet, [target], wants_missed=False)
        await records.phones.add(alice, "desk", secret="a-secret-of-a-phone")
        await records.devices.seen(Device(alice.id, "tablet", "web", "model", "1", "2"))
        aor = f"sip:{alice.address}"
        await records.contacts.replace(aor, [Contact(aor, "c", {"uri": "sip:x"}, 4e9)])
        await records.blocked.add(alice, "bob")
        await recorded(records, alice, bob, "a call")
        await records.history.write(call_between("a call", alice, bob))


async def refusal(config: Config, path: Path) -> str:
    with pytest.raises(OperatorError) as caught:
        await restore_backup(config, path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def assert_is_as_filled(config: Config) -> None:
    async with open_records(config) as records:
        alice = await records.accounts.authenticate("alice", PASSWORD)
        assert alice is not None
        assert [login.device for login in await records.logins.all(alice.id)] == ["tablet"]
        assert [device.id for device in await records.devices.all(alice.id)] == ["tablet"]
        assert len(await records.phones.credentials("alice")) == 1
        assert [contact.id for contact in await records.contacts.of(alice.id)] == ["c"]
        targets = await records.push_targets.of_account(alice.id)
        assert [stored.target.token for stored in targets] == ["a-token-of-the-tablet"]
        assert [block.address for block in await records.blocked.all(alice.id)] == [
            "bob@phones.test"
        ]
        call = await records.history.get("a call")
        assert call is not None and len(call.legs) == 2


class TestRestoring:
    async def test_everything_is_there_again(
        self, config: Config, elsewhere: Config, tmp_path: Path
    ) -> None:
        await fill(config)
        written = await write_backup(config, tmp_path / "backup", with_key=False)
        assert await restore_backup(elsewhere, tmp_path / "backup") == written
        await assert_is_as_filled(elsewhere)

    async def test_recordings_are_copied_beside_it_and_open_again(
        self, config: Config, elsewhere: Config, tmp_path: Path
    ) -> None:
        await fill(config)
        await write_backup(config, tmp_path / "backup", with_key=False)
        await restore_backup(elsewhere, tmp_path / "backup")
        async with open_records(elsewhere) as records:
            found = await records.recordings.of_call("a call")
            with pytest.raises(OperatorError, match="No such file"):
                await records.recordings.open(found)
            shutil.copytree(config.data_dir / "recordings", elsewhere.data_dir / "recordings")
            assert b"".join((await records.recordings.open(found)).read()) == SOUND

    async def test_it_moves_an_installation_to_postgresql(
        self, tmp_path: Path, postgresql: PostgresServer
    ) -> None:
        home = Config(data_dir=tmp_path / "home", domain="phones.test", secret_key=(SECRET_KEY,))
        await fill(home)
        await write_backup(home, tmp_path / "backup", with_key=False)
        moved = replace(home, database=Database(postgresql.new_database()))
        await restore_backup(moved, tmp_path / "backup")
        await assert_is_as_filled(moved)

    async def test_a_store_with_accounts_is_left_alone(
        self, config: Config, tmp_path: Path, database: str
    ) -> None:
        await fill(config)
        await write_backup(config, tmp_path / "backup", with_key=False)
        stored = Stored(database, tmp_path)
        before = await stored.everything()
        assert "there are accounts here already" in await refusal(config, tmp_path / "backup")
        assert await stored.everything() == before

    async def test_the_key_comes_along_when_it_was_asked_for(self, tmp_path: Path) -> None:
        await fill(keyless(tmp_path / "home"))
        await write_backup(keyless(tmp_path / "home"), tmp_path / "backup", with_key=True)
        await restore_backup(keyless(tmp_path / "new"), tmp_path / "backup")
        await assert_is_as_filled(keyless(tmp_path / "new"))
        assert (tmp_path / "new" / "secret_key").stat().st_mode & 0o777 == 0o600

    async def test_without_any_key_it_says_which_file_to_put_back(self, tmp_path: Path) -> None:
        home, new = keyless(tmp_path / "home"), keyless(tmp_path / "new")
        await fill(home)
        await write_backup(home, tmp_path / "backup", with_key=False)
        assert "put the file secret_key" in await refusal(new, tmp_path / "backup")
        assert not new.data_dir.exists()
        new.data_dir.mkdir()
        key = (home.data_dir / "secret_key").read_text()
        (new.data_dir / "secret_key").write_text(key)
        await restore_backup(new, tmp_path / "backup")
        await assert_is_as_filled(new)

    async def test_another_key_is_refused(self, elsewhere: Config, tmp_path: Path) -> None:
        home = keyless(tmp_path / "home")
        await fill(home)
        await write_backup(home, tmp_path / "backup", with_key=False)
        assert "another secret_key" in await refusal(elsewhere, tmp_path / "backup")

    async def test_another_domain_is_refused(self, elsewhere: Config, tmp_path: Path) -> None:
        await fill(elsewhere)
        await write_backup(elsewhere, tmp_path / "backup", with_key=False)
        other = replace(elsewhere, data_dir=tmp_path / "other", domain="other.test")
        assert "set domain to it" in await refusal(other, tmp_path / "backup")


class TestFiles:
    async def test_only_its_owner_may_read_it_and_nothing_secret_is_in_the_clear(
        self, tmp_path: Path
    ) -> None:
        home = keyless(tmp_path / "home")
        await fill(home)
        await write_backup(home, tmp_path / "backup", with_key=False)
        assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600
        content = gzip.decompress((tmp_path / "backup").read_bytes())
        for secret in ("a-secret-of-a-phone", (home.data_dir / "secret_key").read_text().strip()):
            assert secret.encode() not in content

    async def test_a_file_that_is_there_is_not_overwritten(self, tmp_path: Path) -> None:
        home = keyless(tmp_path / "home")
        await fill(home)
        (tmp_path / "backup").write_text("something dear")
        with pytest.raises(OperatorError, match="File exists"):
            await write_backup(home, tmp_path / "backup", with_key=False)
        assert (tmp_path / "backup").read_text() == "something dear"

    async def test_a_key_of_the_configuration_stays_there(
        self, elsewhere: Config, tmp_path: Path
    ) -> None:
        with pytest.raises(OperatorError, match="keep a copy of it apart"):
            await write_backup(elsewhere, tmp_path / "backup", with_key=True)

    async def test_one_that_is_not_there(self, elsewhere: Config, tmp_path: Path) -> None:
        assert "No such file" in await refusal(elsewhere, tmp_path / "backup")

    @pytest.mark.parametrize(
        "content",
        [b"", b"hello", gzip.compress(b"{}"), gzip.compress(b"x")],
        # gzip writes the time: each process would know the tests by other names.
        ids=["empty", "text", "no-header", "no-json"],
    )
    async def test_one_that_was_never_a_backup(
        self, elsewhere: Config, tmp_path: Path, content: bytes
    ) -> None:
        (tmp_path / "backup").write_bytes(content)
        assert "is not a backup" in await refusal(elsewhere, tmp_path / "backup")

    async def test_one_of_a_newer_version(self, elsewhere: Config, tmp_path: Path) -> None:
        header = b'{"wsphone_backup":1,"schema":"9999","domain":"phones.test","made_at":0}\n'
        (tmp_path / "backup").write_bytes(gzip.compress(header))
        assert "made by a newer wsphone" in await refusal(elsewhere, tmp_path / "backup")

    async def test_a_damaged_one_leaves_nothing(self, elsewhere: Config, tmp_path: Path) -> None:
        home = replace(elsewhere, data_dir=tmp_path / "home")
        await fill(home)
        await write_backup(home, tmp_path / "backup", with_key=False)
        lines = gzip.decompress((tmp_path / "backup").read_bytes()).splitlines(keepends=True)
        damaged = {
            "cut between lines": lines[:-1],
            "cut within a line": [*lines[:-2], lines[-2][:20]],
            "a row is missing": [*lines[:-2], lines[-1]],
            "an unknown table": [*lines[:-1], b'{"table":"x","row":{}}\n', lines[-1]],
            "something behind": [*lines, b"{}\n"],
            "no facts about the installation": [lines[0], lines[-1]],
        }
        for content in damaged.values():
            (tmp_path / "broken").write_bytes(gzip.compress(b"".join(content)))
            assert "is damaged" in await refusal(elsewhere, tmp_path / "broken")
        await restore_backup(elsewhere, tmp_path / "backup")
        await assert_is_as_filled(elsewhere)
