"""A real installation in a directory of its own, with a clock that the test moves."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Executable, NullPool, Row, select
from sqlalchemy.ext.asyncio import create_async_engine

from signaling.records import Records, open_records
from signaling.shared.config import Config, Database
from signaling.tables import metadata

SECRET_KEY = "a key of at least thirty-two characters"
PASSWORD = "correct horse battery"


@dataclass
class Clock:
    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@asynccontextmanager
async def installation(
    directory: Path,
    clock: Clock | None = None,
    *,
    database: str | None = None,
    keys: tuple[str, ...] = (SECRET_KEY,),
) -> AsyncIterator[Records]:
    """`database` is a URL; without it, SQLite in the directory."""
    config = Config(data_dir=directory / "data", domain="phones.test", secret_key=keys)
    if database is not None:
        config = replace(config, database=Database(database))
    async with open_records(config, clock=clock or Clock()) as records:
        yield records


def all_bytes(directory: Path) -> bytes:
    """Everything that the installation left on disk."""
    return b"".join(file.read_bytes() for file in directory.rglob("*") if file.is_file())


class Stored:
    """What a database holds, read past the program."""

    def __init__(self, url: str, directory: Path) -> None:
        self._url = url
        self._directory = directory

    async def run(self, statement: Executable) -> Sequence[Row[*tuple[Any, ...]]]:
        engine = create_async_engine(self._url, poolclass=NullPool)
        async with engine.begin() as connection:
            result = await connection.execute(statement)
            return result.all() if result.returns_rows else []

    async def everything(self) -> bytes:
        """All bytes on SQLite's disk; of PostgreSQL, whose disk is not ours, every value."""
        if self._url.startswith("sqlite"):
            return all_bytes(self._directory)
        values = [
            value
            for table in metadata.sorted_tables
            for row in await self.run(select(table))
            for value in row
        ]
        return b"\n".join(
            value if isinstance(value, bytes) else str(value).encode() for value in values
        )
