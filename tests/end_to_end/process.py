"""Programs under test: their output, waits on it, and an orderly end."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path

STOP_SECONDS = 10.0


class ProgramFailed(AssertionError):
    """A program printed something else than what was waited for; the text has its last output."""


class Program:
    """One child process in a process group of its own, read as it prints."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.output = ""
        self._process = process
        self._printed = asyncio.Condition()
        self._reader = asyncio.create_task(self._read(), name=f"output of {name}")

    @classmethod
    async def start(
        cls, *command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> "Program":
        """Start `command`; `env` is added to the environment of the tests."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        return cls(Path(command[0]).name, process)

    @property
    def pid(self) -> int:
        return self._process.pid

    def mark(self) -> int:
        """A place in the output, to wait only for what is printed from here on."""
        return len(self.output)

    def write(self, line: str) -> None:
        """Give the program one line of input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def expect(self, pattern: str, *, since: int = 0, seconds: float = 10) -> re.Match[str]:
        """The first match of `pattern` in the output after `since`; ProgramFailed if none comes."""
        wanted = re.compile(pattern)
        try:
            async with asyncio.timeout(seconds), self._printed:
                while (found := wanted.search(self.output, since)) is None:
                    if self._reader.done():
                        raise self._failed(f"ended without printing {pattern!r}", since)
                    await self._printed.wait()
                return found
        except TimeoutError:
            raise self._failed(f"did not print {pattern!r} in {seconds} s", since) from None

    async def wait(self, *, seconds: float = STOP_SECONDS) -> int:
        """The exit status, once the program has ended and all of its output was read."""
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._reader)
                return await self._process.wait()
        except TimeoutError:
            raise self._failed(f"still runs after {seconds} s", 0) from None

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    async def stop(self) -> None:
        """End whatever is left of the program and of the processes it started."""
        # The last of them may end by itself, and be reaped, between a look and the signal.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()
        await self._reader

    def leftovers(self) -> bool:
        """Whether any process of the program's group runs, its children included."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while chunk := await self._process.stdout.read(65536):
            async with self._printed:
                self.output += chunk.decode("utf-8", "replace")
                self._printed.notify_all()
        async with self._printed:
            self._printed.notify_all()

    def _failed(self, what: str, since: int) -> ProgramFailed:
        return ProgramFailed(f"{self.name} {what}; it printed:\n{self.output[since:][-3000:]}")
