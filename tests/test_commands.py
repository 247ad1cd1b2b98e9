import asyncio
import io
import json
import sys
from pathlib import Path

import pytest

from signaling.commands import main
from signaling.console import Console
from signaling.shared.config import Config
from signaling.shared.keys import webpush_key_of
from tests.installation import PASSWORD
from tests.postgresql import PostgresServer
from tests.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    config = tmp_path / "wsphone.toml"
    config.write_text('data_dir = "data"\ndomain = "phones.test"\n[sip]\nport = 5070\n')
    return Shell(config)


class TestUsers:
    def test_a_generated_password_is_printed_and_opens_the_account(self, shell: Shell) -> None:
        lines = shell.print("user", "add", "alice", "--admin", "--display-name", "Alice L.")
        first, second = lines.splitlines()
        assert first == "alice@phones.test added"
        account = shell.authenticate("alice", second.removeprefix("password: "))
        assert account is not None
        assert account.is_admin
        assert account.display_name == "Alice L."

    def test_a_password_from_standard_input_is_not_printed(self, shell: Shell) -> None:
        text = shell.print("user", "add", "alice", "--password-stdin", stdin=f"{PASSWORD}\n")
        assert text == "alice@phones.test added\n"
        assert shell.authenticate("alice", PASSWORD)

    def test_a_new_password_replaces_the_one_before(self, shell: Shell) -> None:
        before = shell.json("user", "add", "alice")["password"]
        after = shell.json("user", "passwd", "alice")["password"]
        assert shell.authenticate("alice", before) is None
        assert shell.authenticate("alice", after)
        shell.print("user", "passwd", "alice", "--password-stdin", stdin=PASSWORD)
        assert shell.authenticate("alice", PASSWORD)

    def test_everybody_is_listed_and_who_is_removed_is_not(self, shell: Shell) -> None:
        shell.print("user", "add", "bob")
        shell.print("user", "add", "alice", "--admin")
        assert shell.print("user", "list") == (
            "alice@phones.test  alice  admin\nbob@phones.test  bob\n"
        )
        assert "bob@phones.test removed" in shell.print("user", "remove", "bob")
        assert [account["name"] for account in shell.json("user", "list")] == ["alice"]

    def test_an_export_is_json(self, shell: Shell) -> None:
        shell.print("user", "add", "alice")
        exported = json.loads(shell.print("user", "export", "alice"))
        assert exported["account"]["address"] == "alice@phones.test"

    def test_what_cannot_be_done_is_one_line_and_status_1(self, shell: Shell) -> None:
        shell.print("user", "add", "alice")
        assert "there is an account alice already" in shell.refusal(
            "user", "add", "Alice", status=1
        )
        assert "1 to 64 of the characters" in shell.refusal("user", "add", "a b", status=1)
        assert "there is no account bob" in shell.refusal("user", "remove", "bob", status=1)
        short = shell.refusal("user", "passwd", "alice", "--password-stdin", status=1, stdin="x")
        assert "a password has 8 to 256 characters" in short


class TestEmergencyNumbers:
    def test_nobody_is_called_like_one(self, shell: Shell) -> None:
        assert "is an emergency number" in shell.refusal("user", "add", "112", status=1)


class TestPhones:
    def test_a_phone_is_added_with_what_to_type_into_it(self, shell: Shell) -> None:
        shell.print("user", "add", "alice")
        lines = shell.print("phone", "add", "alice", "--name", "kitchen").splitlines()
        entries = dict(line.strip().split("  ", 1) for line in lines[1:])
        assert {name: value.strip() for name, value in entries.items()} == {
            "Username": "alice",
            "Password": entries["Password"].strip(),
            "Domain": "phones.test",
            "Transport": "UDP",
            "SIP proxy address": "sip:127.0.0.1:5070;transport=udp",
        }
        assert len(entries["Password"].strip()) == 24
        assert len(shell.credentials("alice")) == 1

    def test_programs_get_the_same_as_json(self, shell: Shell) -> None:
        shell.print("user", "add", "alice")
        secret = "chosen by hand"
        added = shell.json("phone", "add", "alice", "--secret-stdin", stdin=f"{secret}\r\n")
        assert added["secret"] == secret
        assert added["username"] == "alice"
        assert added["domain"] == "phones.test"
        assert added["proxy"] == "sip:127.0.0.1:5070;transport=udp"

    def test_phones_are_listed_and_removed(self, shell: Shell) -> None:
        shell.print("user", "add", "alice")
        phone = shell.json("phone", "add", "alice", "--name", "kitchen")["id"]
        assert shell.print("phone", "list", "alice").endswith("kitchen\n")
        assert [each["id"] for each in shell.json("phone", "list", "alice")] == [phone]
        shell.print("phone", "remove", "alice", phone)
        assert shell.print("phone", "list", "alice") == ""
        gone = shell.refusal("phone", "remove", "alice", phone, status=1)
        assert "there is no such phone" in gone


class TestConfiguration:
    def test_it_is_shown_without_the_secret(self, shell: Shell) -> None:
        shell.config.write_text(f'secret_key = "{"sesame" * 6}"\n[http]\nport = 9000\n')
        text = shell.print("check-config")
        shown = dict(line.split(maxsplit=1) for line in text.splitlines()[1:])
        assert shown["http.port"] == "9000"
        assert shown["http.allowed_origins"] == "none"
        assert "sesame" not in text
        values = shell.json("check-config")
        assert values["http"]["port"] == 9000
        assert values["secret_key"] == "given"

    def test_sections_within_sections_are_shown(self, shell: Shell) -> None:
        shell.config.write_text('[push.webpush]\nallowed_hosts = ["ntfy.test"]\n')
        text = shell.print("check-config")
        assert ["push.webpush.allowed_hosts", "ntfy.test"] in map(str.split, text.splitlines())
        assert shell.json("check-config")["push"]["webpush"]["allowed_hosts"] == ["ntfy.test"]

    def test_the_secret_of_turn_is_not_shown(self, shell: Shell) -> None:
        shell.config.write_text(f'[turn]\nurls = ["turn:a.test"]\nsecret = "{"sesame" * 6}"\n')
        assert "sesame" not in shell.print("check-config")
        assert shell.json("check-config")["turn"]["secret"] == "given"

    def test_the_password_of_redis_is_not_shown(self, shell: Shell) -> None:
        # What the first start of one process made is what joined ones are given.
        webpush_key_of(Config(data_dir=shell.config.parent))
        shell.config.write_text(
            f'secret_key = "{"k" * 32}"\n[push.webpush]\nkey_file = "webpush_key.pem"\n'
            '[redis]\nurl = "redis://me:sesame@db.test:6380/1?password=sesame"\n'
        )
        text = shell.print("check-config")
        assert "redis://db.test:6380/1" in text
        assert "sesame" not in text + str(shell.json("check-config"))

    @pytest.mark.parametrize("words", [("check-config",), ("run",), ("user", "list")])
    def test_a_bad_one_is_one_line_and_status_2(self, shell: Shell, words: tuple[str, ...]) -> None:
        shell.config.write_text("[http]\nprot = 9000\n")
        assert "http.prot: there is no such key" in shell.refusal(*words, status=2)

    def test_the_option_works_before_and_after_the_subcommand(self, shell: Shell) -> None:
        console = Console(io.StringIO(), io.StringIO(), io.StringIO())
        for words in (
            ["--config", str(shell.config), "user", "list"],
            ["user", "--config", str(shell.config), "list"],
            ["user", "list", "--config", str(shell.config)],
        ):
            assert main(words, console=console) == 0
        assert main(["--config", "/nowhere.toml", "user", "list"], console=console) == 2

    def test_credentials_that_are_not_there_are_named(self, shell: Shell) -> None:
        shell.config.write_text('[push.fcm]\ncredentials_file = "fcm.json"\n')
        told = shell.refusal("check-config", status=2)
        assert "push.fcm: " in told and "fcm.json: cannot be read" in told

    @pytest.mark.parametrize("process", ["web", "push"])
    def test_a_process_alone_is_refused_where_nothing_joins_it(
        self, shell: Shell, process: str
    ) -> None:
        assert "needs redis.url" in shell.refusal("run", "--only", process, status=2)

    def test_a_process_that_only_pushes_has_no_page_to_show(self, shell: Shell) -> None:
        shell.config.write_text(
            f'secret_key = "{"k" * 32}"\n[redis]\nurl = "redis://db.test"\n'
            '[push.webpush]\nkey_file = "vapid.pem"\n'
        )
        assert "--demo" in shell.refusal("run", "--only", "push", "--demo", status=2)

    def test_a_certificate_that_is_not_there_is_named(self, shell: Shell) -> None:
        shell.config.write_text('[tls]\ncert = "chain.pem"\nkey = "key.pem"\n')
        assert "chain.pem cannot be read" in shell.refusal("check-config", status=2)


class TestSetUp:
    def test_a_file_in_place_of_the_data_directory(self, shell: Shell) -> None:
        (shell.config.parent / "data").touch()
        assert "data: cannot be made: File exists" in shell.refusal("user", "list", status=2)

    def test_a_damaged_database(self, shell: Shell) -> None:
        shell.print("user", "list")
        database = shell.config.parent / "data" / "wsphone.db"
        content = database.read_bytes()
        database.write_bytes(content[:4096] + b"\x00" * 4096 + content[8192:])
        assert "database" in shell.refusal("user", "list", status=2)

    def test_a_domain_that_changed(self, shell: Shell) -> None:
        shell.print("user", "list")
        shell.config.write_text('data_dir = "data"\ndomain = "other.test"\n')
        told = shell.refusal("user", "list", status=2)
        assert "started with domain phones.test, now it is other.test" in told

    @pytest.mark.parametrize("key", ["http", "sip"])
    def test_a_demo_that_others_could_reach(self, shell: Shell, key: str) -> None:
        shell.config.write_text(f'[{key}]\nhost = "0.0.0.0"\n')
        told = shell.refusal("run", "--demo", status=2)
        assert f"set {key}.host to 127.0.0.1" in told
        assert not (shell.config.parent / "var").exists()


class TestBackups:
    def test_a_backup_brings_everybody_back(self, shell: Shell, tmp_path: Path) -> None:
        shell.print("user", "add", "alice", "--password-stdin", stdin=PASSWORD)
        said = shell.print("backup", str(tmp_path / "backup"))
        assert "keep a copy" in said
        (tmp_path / "data" / "wsphone.db").rename(tmp_path / "lost.db")
        assert "rows restored" in shell.print("restore", str(tmp_path / "backup"))
        assert shell.authenticate("alice", PASSWORD) is not None
        told = shell.refusal("restore", str(tmp_path / "backup"), status=2)
        assert "there are accounts here already" in told

    def test_one_with_the_key_is_called_what_it_is(self, shell: Shell, tmp_path: Path) -> None:
        shell.print("user", "add", "alice", "--password-stdin", stdin=PASSWORD)
        said = shell.print("backup", "--with-key", str(tmp_path / "backup"))
        assert "can read all of it" in said


class TestPostgresql:
    def test_it_needs_a_secret_key_that_all_machines_share(self, shell: Shell) -> None:
        shell.config.write_text('[database]\nurl = "postgresql+asyncpg://db/phones"\n')
        assert "secret_key: is needed with PostgreSQL" in shell.refusal("user", "list", status=2)

    def test_one_that_does_not_answer_is_named_without_its_password(
        self, shell: Shell, tmp_path: Path
    ) -> None:
        url = f"postgresql+asyncpg://phones:sesame@/phones?host={tmp_path}"
        key = "k" * 32
        shell.config.write_text(f'secret_key = "{key}"\n[database]\nurl = "{url}"\n')
        told = shell.refusal("user", "list", status=2)
        assert "phones:***@" in told and "sesame" not in told
        assert "sesame" not in shell.print("check-config")

    def test_accounts_are_kept_there(self, shell: Shell, postgresql: PostgresServer) -> None:
        url, key = postgresql.new_database(), "k" * 32
        shell.config.write_text(f'secret_key = "{key}"\n[database]\nurl = "{url}"\n')
        shell.print("user", "add", "alice", "--password-stdin", stdin=PASSWORD)
        assert shell.authenticate("alice", PASSWORD) is not None
        assert not list(shell.config.parent.rglob("*.db"))


class TestTheProgram:
    def test_the_version_needs_no_configuration(self, shell: Shell) -> None:
        shell.config.write_text("nonsense")
        assert shell.print("version").startswith("wsphone 0.")
        assert shell.json("version")["version"].startswith("0.")

    def test_bytes_that_are_no_text_are_refused(self, shell: Shell) -> None:
        stdin = io.TextIOWrapper(io.BytesIO(b"\xff\xfe password"), encoding="utf-8")
        stderr = io.StringIO()
        words = ["user", "add", "alice", "--password-stdin", "--config", str(shell.config)]
        assert main(words, console=Console(stdin, io.StringIO(), stderr)) == 1
        assert stderr.getvalue() == "wsphone: standard input is not text in UTF-8\n"

    async def test_it_runs_as_a_process_of_its_own(self, shell: Shell) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "signaling", "user", "add", "alice", "--json", "--config", str(shell.config)),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        assert json.loads(output)["account"]["name"] == "alice"
