"""`wsphone calls …` against a real store."""

import asyncio
from pathlib import Path

import pytest

from signaling.records import open_records
from signaling.shared.config import load
from tests.installation import PASSWORD
from tests.shell import Shell
from tests.test_history import call_between, timeline_between
from tests.test_recordings import SOUND, recorded


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    config = tmp_path / "wsphone.toml"
    config.write_text('data_dir = "data"\ndomain = "phones.test"\n')
    return Shell(config)


class TestCalls:
    def test_the_last_calls_tell_how_they_ended(self, shell: Shell) -> None:
        async def write_history() -> None:
            async with open_records(load(shell.config, environment={})) as records:
                alice = await records.accounts.add("alice", PASSWORD)
                bob = await records.accounts.add("bob", PASSWORD)
                await records.accounts.add("carol", PASSWORD)
                await records.history.write(call_between("call-1", alice, bob))
                await records.accounts.remove(alice.id)

        asyncio.run(write_history())
        assert shell.print("calls") == (
            "2023-11-14 22:13:20Z  (removed) to bob@phones.test  6 s  hangup by callee  call-1\n"
        )
        (call,) = shell.json("calls", "bob")
        assert (call["reason"], call["code"], len(call["legs"])) == ("hangup", 200, 1)
        assert shell.print("calls", "carol") == ""

    def write_call(self, shell: Shell, *, with_timeline: bool = True) -> None:
        async def write() -> None:
            async with open_records(load(shell.config, environment={})) as records:
                alice = await records.accounts.add("alice", PASSWORD)
                bob = await records.accounts.add("bob", PASSWORD)
                hops = timeline_between(alice, bob) if with_timeline else []
                await records.history.write(call_between("call-1", alice, bob), hops)

        asyncio.run(write())

    def test_one_call_is_shown_hop_by_hop(self, shell: Shell) -> None:
        self.write_call(shell)
        assert shell.print("calls", "show", "CALL-1").splitlines() == [
            "call call-1, 2023-11-14 22:13:20Z",
            "alice@phones.test to bob@phones.test",
            "hangup by callee, SIP 200, anchored, talked 6 s",
            "",
            " +0.000  caller  calls                        session session-0",
            " +0.010  server  found so many that can ring  1",
            " +0.020  callee  was asked to ring            session session-1",
            " +4.500  callee  answers                      session session-1",
            "+10.000  callee  the call is over             hangup",
            "",
            "What was to ring:",
            "  session session-1 answered",
        ]

    def test_programs_get_the_hops_as_json(self, shell: Shell) -> None:
        self.write_call(shell)
        call = shell.json("calls", "show", "call-1")
        assert [hop["after"] for hop in call["hops"]] == [0.0, 0.01, 0.02, 4.5, 10.0]
        assert call["branches"][0]["verdict"] == "answered"

    def test_a_call_of_an_older_version_has_no_hops(self, shell: Shell) -> None:
        self.write_call(shell, with_timeline=False)
        assert shell.print("calls", "show", "call-1").endswith("\nIts hops were not kept.\n")

    def test_what_was_recorded_is_saved_to_a_new_file(self, shell: Shell, tmp_path: Path) -> None:
        self.write_call(shell)

        async def record() -> None:
            async with open_records(load(shell.config, environment={})) as records:
                alice, bob = await records.accounts.all()
                await recorded(records, alice, bob, "call-1")

        asyncio.run(record())
        out = tmp_path / "call.ogg"
        words = ("calls", "recording", "CALL-1", "--out", str(out))
        assert shell.print(*words) == (
            f"4 s written to {out}: the caller on the left, the callee right\n"
        )
        assert out.read_bytes() == SOUND
        assert out.stat().st_mode & 0o777 == 0o600
        assert "File exists" in shell.refusal(*words, status=2)
        assert "--out FILE" in shell.refusal(*words[:3], status=1)
        assert "no recording of the call" in shell.refusal(
            "calls", "recording", "x", "--out", str(out), status=1
        )

    def test_a_removed_person_leaves_no_recording(self, shell: Shell) -> None:
        self.write_call(shell)

        async def record() -> Path:
            async with open_records(load(shell.config, environment={})) as records:
                alice, bob = await records.accounts.all()
                return await recorded(records, alice, bob, "call-1")

        path = asyncio.run(record())
        said = shell.print("backup", str(shell.config.with_name("backup")))
        assert f"Recordings are not in it: copy {path.parent} as well" in said
        shell.print("user", "remove", "bob")
        assert not path.exists()

    def test_what_is_not_understood_is_said(self, shell: Shell) -> None:
        assert "no call 7 is kept" in shell.refusal("calls", "show", "7", status=1)
        assert "wsphone calls show CALL" in shell.refusal("calls", "of", "alice", status=1)
        assert "there is no account show" in shell.refusal("calls", "show", status=1)
