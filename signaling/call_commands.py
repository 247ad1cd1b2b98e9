"""`wsphone calls`: the last calls, and one of them hop by hop."""

from collections.abc import Sequence

from signaling.call_report import AnyCall, call_fields, call_report, outcome, report_lines
from signaling.console import JSON, Argument, Arguments, Command, Console, when, with_records
from signaling.live_calls import LiveReport
from signaling.local_door import ask
from signaling.records import Records
from signaling.shared.config import Config
from signaling.shared.errors import BadMessage, NotFound
from signaling.shared.model import LiveCall
from signaling.timeline import Hop

_SHOW = "show"


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
        case _:
            raise BadMessage("say wsphone calls, wsphone calls ACCOUNT or wsphone calls show CALL")


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
        "show the last calls; of one account with its name; one call with show and its id",
        with_records(_calls),
        [
            Argument("words", {"metavar": "ACCOUNT | show CALL", "nargs": "*"}),
            JSON,
        ],
    ),
]
