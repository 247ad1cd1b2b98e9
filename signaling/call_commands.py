"""`wsphone calls`: the last calls, and one of them hop by hop."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from signaling.call_report import AnyCall, call_fields, call_report, outcome, report_lines
from signaling.console import JSON, Argument, Arguments, Command, Console, when, with_records
from signaling.live_calls import LiveReport
from signaling.local_door import ask
from signaling.records import Records
from signaling.shared.config import Config
from signaling.shared.errors import BadMessage, NotFound, OperatorError
from signaling.shared.model import LiveCall
from signaling.timeline import Hop

_SHOW, _RECORDING = "show", "recording"


async def _calls(a: Arguments, config: Config, records: Records, console: Console) -> None:
    # An account may be called like the word: alone it is the account.
    match a.words:
        case []:
            await _recent(a, config, records, console, None)
        case [name]:
            account = await records.accounts.find_named(name)
            await _recent(a, config, records, console, account.id)
        case [word, call] if word == _SHOW:
            await _show(a, config, records, console, call)
        case [word, call] if word == _RECORDING:
            await _save_recording(a, records, console, call.lower())
        case _:
            raise BadMessage(
                "say wsphone calls, wsphone calls ACCOUNT, wsphone calls show CALL"
                " or wsphone calls recording CALL --out FILE"
            )


async def _recent(
    a: Arguments, config: Config, records: Records, console: Console, account: str | None
) -> None:
    which = {} if account is None else {"account": account}
    live = await ask(config.data_dir, "/calls", list[LiveCall], **which)
    found = [*(live or ()), *await records.history.recent(account)]
    if a.json:
        console.say_json([call_fields(call) for call in found])
        return
    for call in found:
        console.say(_line(call))


def _line(call: AnyCall) -> str:
    caller, callee = (side or "(removed)" for side in (call.caller_address, call.callee_address))
    return (
        f"{when(call.started_at)}  {caller} to {callee}"
        f"  {call.seconds:.0f} s  {outcome(call)}  {call.id}"
    )


async def _show(
    a: Arguments, config: Config, records: Records, console: Console, call: str
) -> None:
    record, hops = await _found(config, records, call.lower())
    if a.json:
        console.say_json(call_report(record, hops))
        return
    console.say(f"call {record.id}, {when(record.started_at)}")
    for line in report_lines(record, hops):
        console.say(line)


async def _save_recording(a: Arguments, records: Records, console: Console, call: str) -> None:
    out: Path | None = a.out
    if out is None:
        raise BadMessage("say where to save it: --out FILE, an Ogg file")
    found = await records.recordings.of_call(call)
    if not found:
        raise NotFound(f"no recording of the call {call} is kept")
    sound = await records.recordings.open(found)

    def write() -> None:
        # For this user alone: what others said in confidence.
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(sound.read())

    try:
        await asyncio.to_thread(write)
    except OSError as error:
        raise OperatorError(f"{out}: cannot be written: {error.strerror}") from error
    seconds = sum(each.seconds or 0.0 for each in found)
    console.say(f"{seconds:.0f} s written to {out}: the caller on the left, the callee right")


async def _found(config: Config, records: Records, call: str) -> tuple[AnyCall, Sequence[Hop]]:
    live = await ask(config.data_dir, "/call", LiveReport, id=call)
    if live is not None:
        return live.call, live.hops
    record = await records.history.get(call)
    if record is None:
        raise NotFound(f"no call {call} is kept, and none goes on in a server with this data_dir")
    return record, await records.history.timeline(record.id)


COMMANDS: list[Command] = [
    (
        "calls",
        "show the last calls; of one account with its name; one call with show and its id;"
        " save what was recorded of one with recording, its id and --out",
        with_records(_calls),
        [
            Argument("words", {"metavar": "ACCOUNT | show CALL | recording CALL", "nargs": "*"}),
            Argument(
                "--out", {"type": Path, "metavar": "FILE", "help": "where a recording is saved"}
            ),
            JSON,
        ],
    ),
]
