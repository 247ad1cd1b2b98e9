"""The commands `wsphone device …`: what an account uses, and where it is pushed."""

from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from typing import Any

from signaling.console import (
    ACCOUNT,
    JSON,
    Argument,
    Arguments,
    Command,
    Console,
    when,
    with_records,
)
from signaling.export import target_shown
from signaling.push_rows import StoredTarget
from signaling.records import Records
from signaling.shared.config import Config
from signaling.shared.model import Device


async def _list(a: Arguments, _config: Config, records: Records, console: Console) -> None:
    account = await records.accounts.find_named(a.account)
    devices = {device.id: device for device in await records.devices.all(account.id)}
    targets = await records.push_targets.of_account(account.id)
    pushed = {name: list(each) for name, each in groupby(targets, lambda target: target.device)}
    # A SIP phone is known by its target alone.
    names = [*devices, *(name for name in pushed if name not in devices)]
    if a.json:
        console.say_json([_shown(name, devices.get(name), pushed.get(name, [])) for name in names])
        return
    for name in names:
        console.say(_line(name, devices.get(name)))
        for target in pushed.get(name, []):
            console.say("    " + "  ".join(facts_of(target)))


async def _remove(a: Arguments, _config: Config, records: Records, console: Console) -> None:
    account = await records.accounts.find_named(a.account)
    await records.devices.remove(account.id, a.device)
    console.say(f"device {a.device} of {account.address} removed: it is logged out and not pushed")
    if a.device.startswith("sip-"):
        console.say("It comes back when it registers; wsphone phone remove ends that.")


def _shown(name: str, device: Device | None, targets: list[StoredTarget]) -> dict[str, Any]:
    known = {"id": name} if device is None else asdict(device)
    return known | {"push": [target_shown(target) for target in targets]}


def _line(name: str, device: Device | None) -> str:
    if device is None:
        return f"{name}  SIP phone"
    told = (name, device.platform, device.model, device.os_version, device.app_version)
    return "  ".join(each for each in told if each)


def facts_of(stored: StoredTarget) -> Iterator[str]:
    """How pushes to a target went, in words."""
    target = stored.target
    yield f"{target.provider} {target.app}".rstrip()
    yield f"registered {when(stored.registered_at)}"
    if stored.last_success_at is not None:
        yield f"last success {when(stored.last_success_at)}"
    if stored.last_failure_at is not None:
        yield f"last failure {when(stored.last_failure_at)}: {stored.last_failure_reason}"
    if stored.last_success_at is None and stored.last_failure_at is None:
        yield "not pushed yet"


COMMANDS: list[Command] = [
    (
        "device list",
        "show the devices, and how the last push to each went",
        with_records(_list),
        [ACCOUNT, JSON],
    ),
    (
        "device remove",
        "log a device out and push it no longer",
        with_records(_remove),
        [ACCOUNT, Argument("device", {"metavar": "DEVICE", "help": "its id, see device list"})],
    ),
]
