"""Requests to an instance over real UDP: lost ones, late answers, and other people's."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from media import ng, ng_client
from media.ng_client import NgClient, NoAnswer, Refused

PONG: ng.Message = {"result": "pong"}
Respond = Callable[[str, ng.Message], list[bytes]]


class Instance(asyncio.DatagramProtocol):
    """Something that speaks ng: what it was asked, and what it is to answer."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self.asked: list[bytes] = []
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(data)
        assert self.transport is not None
        for answer in self._respond(*ng.decode(data)):
            self.transport.sendto(answer, addr)


@asynccontextmanager
async def instance(respond: Respond) -> AsyncIterator[tuple[Instance, NgClient]]:
    loop = asyncio.get_running_loop()
    transport, there = await loop.create_datagram_endpoint(
        lambda: Instance(respond), local_addr=("127.0.0.1", 0)
    )
    client = NgClient("127.0.0.1", transport.get_extra_info("sockname")[1])
    yield there, client
    client.close()
    transport.close()


async def test_a_request_has_its_own_answer() -> None:
    def respond(cookie: str, message: ng.Message) -> list[bytes]:
        told: ng.Message = {"result": "ok", "call": message["call-id"]}
        return [ng.encode("another", PONG), b"noise", ng.encode(cookie, told)]

    async with instance(respond) as (_, client):
        answers = await asyncio.gather(
            *(client.request("query", {"call-id": str(number)}) for number in range(5))
        )
        assert [answer["call"] for answer in answers] == ["0", "1", "2", "3", "4"]


async def test_a_request_that_got_lost_is_repeated_as_it_was() -> None:
    seen: list[str] = []

    def respond(cookie: str, message: ng.Message) -> list[bytes]:
        seen.append(cookie)
        return [ng.encode(cookie, PONG)] if len(seen) == 2 else []

    async with instance(respond) as (there, client):
        assert await client.request("ping") == PONG
        assert len(there.asked) == 2 and there.asked[0] == there.asked[1]


async def test_a_refusal_is_told_in_the_instances_words() -> None:
    def respond(cookie: str, message: ng.Message) -> list[bytes]:
        told: ng.Message = {"result": "error", "error-reason": "Unknown call-id"}
        return [ng.encode(cookie, told)]

    async with instance(respond) as (_, client):
        with pytest.raises(Refused, match="query: Unknown call-id"):
            await client.request("query")


async def test_an_instance_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ng_client, "PATIENCE_SECONDS", 0.2)
    async with instance(lambda cookie, message: []) as (there, client):
        with pytest.raises(NoAnswer, match="does not answer"):
            await client.request("ping")
        assert len(there.asked) == 2


async def test_a_port_where_nobody_listens_is_known_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = NgClient("127.0.0.1", port)
    async with asyncio.timeout(ng_client.PATIENCE_SECONDS / 2):
        with pytest.raises(NoAnswer):
            await client.request("ping")
    client.close()


async def test_answers_of_another_host_or_port_do_not_come_in() -> None:
    strangers: list[asyncio.DatagramTransport] = []

    def respond(cookie: str, message: ng.Message) -> list[bytes]:
        forged = ng.encode(cookie, {"result": "ok", "by": "a stranger"})
        strangers[0].sendto(forged, ours[0])
        return [ng.encode(cookie, {"result": "ok", "by": "the instance"})]

    ours: list[tuple[str, int]] = []
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    strangers.append(transport)
    async with instance(lambda cookie, message: [ng.encode(cookie, PONG)]) as (there, client):
        await client.request("ping")
        assert client._transport is not None
        ours.append(client._transport.get_extra_info("sockname"))
        there._respond = respond
        assert (await client.request("ping"))["by"] == "the instance"
    transport.close()
