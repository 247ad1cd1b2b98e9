"""A shell in which `wsphone` commands run, without a process for each."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

from signaling.commands import main
from signaling.console import Console
from signaling.phones import Credential
from signaling.records import open_records
from signaling.shared.config import load
from signaling.shared.model import Account


class Shell:
    """Runs `wsphone` commands in one directory, and keeps what the last one printed."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.out = self.err = ""

    def run(self, *words: str, stdin: str = "") -> int:
        stdout, stderr = io.StringIO(), io.StringIO()
        console = Console(io.StringIO(stdin), stdout, stderr)
        status = main([*words, "--config", str(self.config)], console=console)
        self.out, self.err = stdout.getvalue(), stderr.getvalue()
        return status

    def print(self, *words: str, stdin: str = "") -> str:
        assert self.run(*words, stdin=stdin) == 0, self.err
        assert self.err == ""
        return self.out

    def json(self, *words: str, stdin: str = "") -> Any:
        return json.loads(self.print(*words, "--json", stdin=stdin))

    def refusal(self, *words: str, status: int, stdin: str = "") -> str:
        assert self.run(*words, stdin=stdin) == status
        assert self.out == ""
        assert self.err.startswith("wsphone: ")
        assert self.err.endswith("\n")
        assert self.err.count("\n") == 1
        return self.err

    def authenticate(self, name: str, password: str) -> Account | None:
        async def ask() -> Account | None:
            async with open_records(load(self.config, environment={})) as records:
                return await records.accounts.authenticate(name, password)

        return asyncio.run(ask())

    def credentials(self, name: str) -> list[Credential]:
        async def ask() -> list[Credential]:
            async with open_records(load(self.config, environment={})) as records:
                return await records.phones.credentials(name)

        return asyncio.run(ask())
