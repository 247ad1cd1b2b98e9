"""What the subcommands share: where they print, their arguments, and the open database."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from signaling.records import Records, open_records
from signaling.shared.config import Config, load
from signaling.shared.errors import BadMessage


@dataclass(frozen=True, slots=True)
class Console:
    """Where a command reads and prints."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO

    def say(self, text: str) -> None:
        self.stdout.write(text if text.endswith("\n") else f"{text}\n")

    def say_json(self, value: object) -> None:
        # Paths and networks are printed as in the configuration.
        encoded = msgspec.json.encode(value, enc_hook=str)
        self.say(msgspec.json.format(encoded, indent=2).decode())

    def read_secret(self) -> str:
        """The first line of standard input; raises BadMessage."""
        try:
            return self.stdin.readline().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise BadMessage("standard input is not text in UTF-8") from error


Arguments = argparse.Namespace
Do = Callable[[Arguments, Console], int]
OnRecords = Callable[[Arguments, Config, Records, Console], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    options: dict[str, Any]


Command = tuple[str, str, Do, Sequence[Argument]]
"""A subcommand: what is typed, such as `user add`; its help; what it does; what it takes."""


def flag(name: str, help_: str) -> Argument:
    return Argument(name, {"action": "store_true", "help": help_})


JSON = flag("--json", "print JSON, for programs")
ACCOUNT = Argument("account", {"metavar": "ACCOUNT"})


def config_of(arguments: Arguments) -> Config:
    return load(getattr(arguments, "config", None))


def with_records(command: OnRecords) -> Do:
    """A command that works on the database."""

    def run(arguments: Arguments, console: Console) -> int:
        config = config_of(arguments)

        async def work() -> None:
            async with open_records(config) as records:
                await command(arguments, config, records, console)

        asyncio.run(work())
        return 0

    return run


def when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
