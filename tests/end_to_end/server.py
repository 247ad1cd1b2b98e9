"""The server under test: a `wsphone run` of its own, and the commands beside it."""

import os
import re
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from signaling.records import open_records
from signaling.shared.config import load
from tests.end_to_end.ports import Ports, take_ports
from tests.end_to_end.process import Program
from tests.end_to_end.waiting import eventually

ROOT = Path(__file__).parents[2]

CONFIGURATION = """\
data_dir = "var"
[http]
port = {ports.http}
allowed_origins = ["http://127.0.0.1:{ports.relay}"]
[sip]
port = {ports.sip}
[media]
port_min = {ports.media_min}
port_max = {ports.media_max}
workers = {workers}
{media}
[calls]
ring_seconds = {ring_seconds}
resume_seconds = {resume_seconds}
record = "{record}"
"""


@dataclass(frozen=True)
class Person:
    """An account: its password for the page, the secret for a SIP phone; none for no phone."""

    name: str
    password: str
    secret: str
    is_admin: bool = False


ALICE = Person("alice", "a quiet afternoon in may", "K7QM-2WXR-9HTV-4DNP")
BOB = Person("bob", "seven boats on the river", "P4JB-8ZCD-3FGH-6RST")
CAROL = Person("carol", "the lamp beside the door", "W9NV-5YKL-7MQX-2BCF")
DORA = Person("dora", "who looks after all others", "", is_admin=True)


def owner(name: str) -> Person:
    """Somebody who has a SIP phone and nothing else."""
    return Person(name, "a word of many letters", "K7QM-2WXR-9HTV-4DNP")


@dataclass(frozen=True)
class Outcome:
    """What a finished command left."""

    status: int
    output: str


async def wsphone(
    *arguments: str,
    line: str | None = None,
    module: str = "signaling",
    settings: Mapping[str, str] | None = None,
) -> Program:
    """Start the `wsphone` command; `line` is its input, `settings` go into its environment."""
    program = await Program.start(
        *(sys.executable, "-m", module, *arguments),
        cwd=ROOT,
        env={"PYTHONUNBUFFERED": "1", **(settings or {})},
    )
    if line is not None:
        program.write(line)
    return program


async def run_wsphone(*arguments: str, line: str | None = None) -> Outcome:
    """Run the `wsphone` command to its end."""
    program = await wsphone(*arguments, line=line)
    try:
        status = await program.wait(seconds=30)
        return Outcome(status, program.output)
    finally:
        await program.stop()


def write_configuration(
    folder: Path,
    ports: Ports,
    *,
    ring_seconds: float = 5,
    resume_seconds: float = 5,
    record: str = "never",
    workers: int = 0,
    media: str = "",
) -> Path:
    """A configuration whose data directory lies beside it; `media` are lines of that section."""
    path = folder / "wsphone.toml"
    path.write_text(
        CONFIGURATION.format(
            ports=ports,
            ring_seconds=ring_seconds,
            resume_seconds=resume_seconds,
            record=record,
            workers=workers,
            media=media,
        )
    )
    return path


async def add_person(configuration: Path, person: Person) -> None:
    """Make an account and its phone, if any, by the commands that an operator has."""
    config = ("--config", str(configuration))
    role = ("--admin",) if person.is_admin else ()
    commands = [(("user", "add", person.name, "--password-stdin", *role), person.password)]
    if person.secret:
        commands.append((("phone", "add", person.name, "--secret-stdin"), person.secret))
    for arguments, secret in commands:
        outcome = await run_wsphone(*arguments, *config, line=secret)
        assert outcome.status == 0, outcome.output


async def add_people(configuration: Path, people: Iterable[Person]) -> None:
    """The same for many, without a process for every step."""
    async with open_records(load(configuration)) as records:
        for person in people:
            account = await records.accounts.add(
                person.name, person.password, is_admin=person.is_admin
            )
            if person.secret:
                await records.phones.add(account, "phone", secret=person.secret)


class Server:
    """A running `wsphone run`; `ports` says where it listens, on loopback."""

    def __init__(
        self,
        program: Program,
        ports: Ports,
        http: aiohttp.ClientSession,
        data_dir: Path | None = None,
    ) -> None:
        self.ports = ports
        self.data_dir = data_dir
        self.program = program
        self._http = http

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.http}"

    async def ready(self) -> None:
        """Wait until it says that it takes work."""
        await eventually(self._status, lambda status: status == 200)

    async def counts(self) -> dict[str, int]:
        """How many of each thing that has to be given back it holds now."""
        async with self._http.get(f"{self.url}/healthz", params={"counts": "1"}) as response:
            counts: dict[str, int] = await response.json()
        return {**counts, "descriptors": len(os.listdir(f"/proc/{self.program.pid}/fd"))}

    async def download(self, person: Person, path: str) -> bytes:
        """What somebody gets who logs in for it."""
        login = {"username": person.name, "password": person.password}
        async with self._http.post(f"{self.url}/api/login", json=login) as response:
            token = (await response.json())["token"]
        headers = {"Authorization": f"Bearer {token}"}
        async with self._http.get(f"{self.url}{path}", headers=headers) as response:
            assert response.status == 200, await response.text()
            return await response.read()

    def resident_kilobytes(self) -> int:
        """The memory it occupies (VmRSS, proc(5))."""
        status = Path(f"/proc/{self.program.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1])

    async def stop(self) -> None:
        """Ctrl-C: it has to end in order, with everything that it started."""
        self.program.interrupt()
        status = await self.program.wait(seconds=15)
        assert status == 0, f"wsphone ended with {status}:\n{self.program.output[-3000:]}"
        assert not self.program.leftovers(), "wsphone left processes running"

    async def _status(self) -> int | str:
        if not self.program.leftovers():
            raise AssertionError(f"wsphone did not start:\n{self.program.output[-3000:]}")
        try:
            async with self._http.get(f"{self.url}/ready") as response:
                return response.status
        except aiohttp.ClientConnectionError as error:
            return str(error)


@asynccontextmanager
async def running_server(
    folder: Path,
    people: Iterable[Person],
    *,
    ring_seconds: float = 5,
    resume_seconds: float = 5,
    record: str = "never",
    ports: Ports | None = None,
    workers: int = 0,
    media: str = "",
    more: str = "",
    module: str = "signaling",
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Server]:
    """A server with accounts for `people`, stopped by Ctrl-C after the block.

    `media` are lines for that section of its configuration, `more` are sections for its end,
    `settings` what its environment says instead of it; `module` is what runs in place of the
    command.
    """
    ports = ports or take_ports()
    configuration = write_configuration(
        folder,
        ports,
        ring_seconds=ring_seconds,
        resume_seconds=resume_seconds,
        record=record,
        workers=workers,
        media=media,
    )
    with configuration.open("a") as file:
        file.write(more)
    await add_people(configuration, people)
    async with aiohttp.ClientSession() as http:
        program = await wsphone(
            "run", "--config", str(configuration), module=module, settings=settings
        )
        try:
            server = Server(program, ports, http, folder / "var")
            await server.ready()
            yield server
            if program.leftovers():
                await server.stop()
        finally:
            await program.stop()
