"""`wsphone device …` against a real store."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from signaling.push_rows import Origin
from signaling.records import Records, open_records
from signaling.shared.config import load
from signaling.shared.model import Account, Device
from signaling.shared.push import Provider, PushKind, PushReport, Step, Target
from tests.installation import PASSWORD
from tests.shell import Shell

TOKEN = "a-token-of-a-phone"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    config = tmp_path / "wsphone.toml"
    config.write_text('data_dir = "data"\ndomain = "phones.test"\n')
    shell = Shell(config)
    with_alice(shell, add_devices)
    return shell


def with_alice(shell: Shell, do: Callable[[Records, Account], Awaitable[None]]) -> None:
    async def work() -> None:
        async with open_records(load(shell.config, environment={})) as records:
            found = await records.accounts.find("alice")
            await do(records, found or await records.accounts.add("alice", PASSWORD))

    asyncio.run(work())


async def add_devices(records: Records, alice: Account) -> None:
    """A tablet whose pushes went well and then badly, and a Linphone that was never pushed."""
    await records.devices.seen(Device(alice.id, "tablet", "android", "Fairphone", "15", "1.0"))
    tokens = await records.logins.open(alice, device="tablet")
    login = (await records.logins.authenticate(tokens.access)).login
    tablet = Origin(alice.id, "tablet", login=login)
    await records.push_targets.replace(tablet, [Target(Provider.FCM, "project", token=TOKEN)])
    (stored,) = await records.push_targets.of_account(alice.id)
    for at, step, reason in ((0.0, Step.ACCEPTED, None), (60.0, Step.FAILED, "UNAVAILABLE")):
        report = PushReport(
            *("push:call:tablet:call", PushKind.CALL, alice.id, "tablet", stored.id),
            *(Provider.FCM, step, at, 1, stored.registered_at),
            reason=reason,
        )
        await records.push_targets.note(report)
    phone, _ = await records.phones.add(alice)
    linphone = Origin(alice.id, "sip-1", phone=phone.id)
    target = Target(Provider.APNS, "org.example.phone", voip_token="0a" * 32)
    await records.push_targets.replace(linphone, [target])


def test_devices_are_listed_with_how_their_pushes_went(shell: Shell) -> None:
    tablet, to_tablet, linphone, to_linphone = shell.print("device", "list", "alice").splitlines()
    assert tablet == "tablet  android  Fairphone  15  1.0"
    assert to_tablet.startswith("    fcm project  registered ")
    assert to_tablet.endswith(
        "last success 1970-01-01 00:00:00Z  last failure 1970-01-01 00:01:00Z: UNAVAILABLE"
    )
    assert linphone == "sip-1  SIP phone"
    assert to_linphone.startswith("    apns org.example.phone  registered ")
    assert to_linphone.endswith("not pushed yet")


def test_programs_read_the_same_and_nobody_reads_tokens(shell: Shell) -> None:
    tablet, linphone = shell.json("device", "list", "alice")
    assert (tablet["id"], tablet["platform"]) == ("tablet", "android")
    assert tablet["push"][0]["last_failure_reason"] == "UNAVAILABLE"
    assert linphone["push"][0]["app"] == "org.example.phone"
    assert TOKEN not in shell.out
    assert "0a0a" not in shell.out


def test_a_removed_device_is_logged_out_and_not_pushed(shell: Shell) -> None:
    printed = shell.print("device", "remove", "alice", "tablet")
    assert (
        printed == "device tablet of alice@phones.test removed: it is logged out and not pushed\n"
    )
    assert [each["id"] for each in shell.json("device", "list", "alice")] == ["sip-1"]

    async def check(records: Records, alice: Account) -> None:
        assert await records.logins.all(alice.id) == []

    with_alice(shell, check)


def test_a_sip_phone_that_is_removed_comes_back_and_the_operator_is_told(shell: Shell) -> None:
    assert "wsphone phone remove" in shell.print("device", "remove", "alice", "sip-1")
    assert [each["id"] for each in shell.json("device", "list", "alice")] == ["tablet"]


def test_a_device_that_is_not_there_is_refused(shell: Shell) -> None:
    assert "no such device" in shell.refusal("device", "remove", "alice", "toaster", status=1)
