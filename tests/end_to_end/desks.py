"""Either program as a telephone that calls, or answers by itself, and keeps what it heard."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from tests.end_to_end.baresip import Baresip, Set
from tests.end_to_end.linphone import Line, Linphone
from tests.end_to_end.matrix import Phone
from tests.end_to_end.ports import take_few
from tests.end_to_end.server import Person


class Desk(Protocol):
    """A telephone that is registered and takes every call."""

    def begin(self) -> None:
        """Forget the call before."""

    async def dial(self, address: str) -> None: ...

    async def talks(self) -> None: ...

    async def hang_up(self) -> None: ...

    async def ended(self) -> Path:
        """Wait for the end of the call; what it heard in it."""

    async def close(self) -> None: ...


class LinphoneDesk:
    """A Linphone; it would add each call to one file, so it is given another each time."""

    def __init__(self, phone: Linphone, folder: Path) -> None:
        self._phone = phone
        self._folder = folder
        self._calls = 0
        self._since = 0

    @classmethod
    async def start(cls, line: Line, folder: Path, speech: Path) -> "LinphoneDesk":
        phone = await Linphone.start(line, folder, speech=speech, auto_answer=True)
        if line.registrar is not None:
            await phone.registered()
        return cls(phone, folder)

    def begin(self) -> None:
        self._calls += 1
        self._phone.write(f"record {self._recording}")
        self._since = self._phone.mark()

    async def dial(self, address: str) -> None:
        self._phone.call(address)

    async def talks(self) -> None:
        await self._phone.talks(since=self._since)

    async def hang_up(self) -> None:
        self._phone.hang_up()

    async def ended(self) -> Path:
        await self._phone.ended(since=self._since)
        return self._recording

    async def close(self) -> None:
        await self._phone.close()

    @property
    def _recording(self) -> Path:
        return self._folder / f"heard-{self._calls}.wav"


class BaresipDesk:
    """A baresip, which makes a file for each call."""

    def __init__(self, phone: Baresip) -> None:
        self._phone = phone
        self._before: set[Path] = set()

    @classmethod
    async def start(cls, phone_set: Set, folder: Path, speech: Path) -> "BaresipDesk":
        phone = await Baresip.start(phone_set, folder, speech=speech)
        await phone.registered()
        return cls(phone)

    def begin(self) -> None:
        self._before = self._phone.recordings
        self._phone.forget()

    async def dial(self, address: str) -> None:
        await self._phone.call(address)

    async def talks(self) -> None:
        await self._phone.talks()

    async def hang_up(self) -> None:
        await self._phone.hang_up()

    async def ended(self) -> Path:
        await self._phone.ended()
        made = self._phone.recordings - self._before
        assert len(made) == 1, f"baresip recorded {len(made)} files"
        return made.pop()

    async def close(self) -> None:
        await self._phone.close()


async def close_all(desks: Iterable[Desk]) -> None:
    """Let all of them quit at once; the first that does not obey is told of when all are gone."""
    closing = (desk.close() for desk in desks)
    for outcome in await asyncio.gather(*closing, return_exceptions=True):
        if outcome is not None:
            raise outcome


async def start_desk(
    phone: Phone, person: Person, *, registrar: int, folder: Path, speech: Path
) -> Desk:
    """Start a phone of the matrix, and wait until it is registered as a person's."""
    ports = take_few()
    if phone.program == "baresip":
        phone_set = Set(
            user=person.name,
            secret=person.secret,
            registrar=registrar,
            ports=ports,
            codec=phone.codec,
            encryption="" if phone.encryption == "none" else phone.encryption,
            auto_answer=True,
        )
        return await BaresipDesk.start(phone_set, folder, speech)
    line = Line(
        user=person.name,
        secret=person.secret,
        registrar=registrar,
        sip_port=ports.sip,
        rtp_port=ports.media_min,
        rtp_ports=ports.media_max - ports.media_min,
        codecs=(phone.codec,),
        encryption=phone.encryption,
    )
    return await LinphoneDesk.start(line, folder, speech)
