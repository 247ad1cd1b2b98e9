"""A real installation in a directory of its own, with a clock that the test moves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from signaling.records import Records, open_records
from signaling.shared.config import Config

PASSWORD = "correct horse battery"


@dataclass
class Clock:
    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@asynccontextmanager
async def installation(directory: Path, clock: Clock | None = None) -> AsyncIterator[Records]:
    config = Config(data_dir=directory / "data", domain="phones.test")
    async with open_records(config, clock=clock or Clock()) as records:
        yield records


def all_bytes(directory: Path) -> bytes:
    """Everything that the installation left on disk."""
    return b"".join(file.read_bytes() for file in directory.rglob("*") if file.is_file())
