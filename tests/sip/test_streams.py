"""The TCP side on a real socket: what it bounds, and whom it tells."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from signaling.shared.errors import OperatorError
from signaling.sip.flow import Flow
from signaling.sip.streams import StreamLimits, TcpTransport
from tests.exchange import until
from tests.sip import data

SECONDS = 5.0


class Office:
    """A transport with lists around it, and clients of it."""

    def __init__(self, limits: StreamLimits) -> None:
        self.messages: list[bytes] = []
        self.flows: list[Flow] = []
        self.lost: list[Flow] = []
        self.transport = TcpTransport(self._received, self.lost.append, limits)
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []

    def _received(self, message: bytes, flow: Flow) -> None:
        self.messages.append(message)
        self.flows.append(flow)

    async def open(self) -> None:
        await self.transport.open("127.0.0.1", 0)
        self.port = self.transport.port

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.append(writer)
        return reader, writer

    async def close(self) -> None:
        self.transport.close()
        for writer in self._writers:
            writer.close()
        await until(lambda: self.transport.count() == 0)


async def ended(reader: asyncio.StreamReader) -> None:
    """Wait until the server has closed."""
    async with asyncio.timeout(SECONDS):
        try:
            assert await reader.read() == b""
        except ConnectionResetError:
            return


@pytest.fixture
def limits() -> StreamLimits:
    return StreamLimits()


@pytest.fixture
async def office(limits: StreamLimits) -> AsyncIterator[Office]:
    office = Office(limits)
    await office.open()
    yield office
    await office.close()


async def test_messages_come_and_answers_go_back_over_the_connection(office: Office) -> None:
    reader, writer = await office.connect()
    writer.write(data.OPTIONS + data.REGISTER[:100])
    await until(lambda: office.messages == [data.OPTIONS])
    writer.write(data.REGISTER[100:])
    await until(lambda: office.messages == [data.OPTIONS, data.REGISTER])
    assert office.flows[0].reliable
    office.transport.send(data.OK, office.flows[0])
    assert await reader.readexactly(len(data.OK)) == data.OK


async def test_the_end_of_a_connection_is_told_once(office: Office) -> None:
    _, writer = await office.connect()
    writer.write(data.OPTIONS)
    await until(lambda: len(office.flows) == 1)
    writer.close()
    await until(lambda: office.lost == office.flows)
    office.transport.send(data.OK, office.flows[0])
    assert office.transport.count() == 0


async def test_a_broken_stream_is_closed_after_what_was_whole(office: Office) -> None:
    reader, writer = await office.connect()
    writer.write(data.OPTIONS + b"\x16\x03\x01")
    await ended(reader)
    assert office.messages == [data.OPTIONS]


@pytest.mark.parametrize("limits", [StreamLimits(connections_per_host=2)])
async def test_one_host_has_only_so_many_connections(office: Office) -> None:
    _, first = await office.connect()
    await office.connect()
    await until(lambda: office.transport.count() == 2)
    reader, _ = await office.connect()
    await ended(reader)
    assert office.lost == []
    first.close()
    await until(lambda: office.transport.count() == 1)
    await office.connect()
    await until(lambda: office.transport.count() == 2)


@pytest.mark.parametrize("limits", [StreamLimits(connections=1)])
async def test_all_together_have_only_so_many(office: Office) -> None:
    await office.connect()
    await until(lambda: office.transport.count() == 1)
    reader, _ = await office.connect()
    await ended(reader)


@pytest.mark.parametrize("limits", [StreamLimits(message_seconds=0.05)])
@pytest.mark.parametrize("sent", [b"", data.INVITE[:200], data.OPTIONS + data.INVITE[:-1]])
async def test_who_takes_too_long_for_a_message_is_left(office: Office, sent: bytes) -> None:
    reader, writer = await office.connect()
    writer.write(sent)
    await ended(reader)


@pytest.mark.parametrize("limits", [StreamLimits(idle_seconds=0.05)])
async def test_a_stranger_may_not_be_silent_for_long_and_a_phone_of_ours_may(
    office: Office,
) -> None:
    stranger, writer = await office.connect()
    writer.write(data.OPTIONS)
    _, ours = await office.connect()
    ours.write(data.REGISTER)
    await until(lambda: len(office.flows) == 2)
    office.transport.trust(office.flows[office.messages.index(data.REGISTER)])
    await ended(stranger)
    assert office.transport.count() == 1


@pytest.mark.parametrize("limits", [StreamLimits(waiting_bytes=100_000)])
async def test_who_does_not_read_is_left(office: Office) -> None:
    _, writer = await office.connect()
    writer.write(data.OPTIONS)
    await until(lambda: len(office.flows) == 1)
    for _ in range(400):
        office.transport.send(b"x" * 65_536, office.flows[0])
    await until(lambda: office.lost == office.flows)


async def test_a_taken_port_is_said_in_words(office: Office) -> None:
    with pytest.raises(OperatorError, match="TCP 127.0.0.1"):
        await TcpTransport(lambda *_: None, lambda _: None).open("127.0.0.1", office.port)
