"""The compiled fast path: that it is taken, that nothing but speed tells it, and its own parts."""

import asyncio
import json
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

from media import fast_path, fields, rtp_leg, uncompiled
from media.aiortc_engine import AiortcEngine
from media.packet import is_rtcp
from media.rtp_leg import RtpLeg
from media.side import BUFFER_SIZE
from media.webrtc_leg import WebrtcLeg
from tests.media.eventful import Plain
from tests.media.openings import Opening, Openings
from tests.media.peers import LOOPBACK, PATIENCE, rtp

PACKETS = 100


def test_it_is_compiled_where_tests_run() -> None:
    assert fields.COMPILED, "make needs installs a C compiler and Python's headers"


def test_what_becomes_of_a_call_is_the_same_without_it() -> None:
    compiled, plain = (_eventful(word, seed=1) for word in ("compiled", "plain"))
    assert compiled.pop("compiled") and not plain.pop("compiled")
    assert len(compiled["came"]["plain"]["heard"]) > 1400
    assert compiled == plain


def _eventful(word: str, *, seed: int) -> dict[str, Any]:
    program = [sys.executable, "-m", "tests.media.eventful", word, str(seed)]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=50)
    assert ran.returncode == 0, ran.stderr
    made: dict[str, Any] = json.loads(ran.stdout)
    return made


class TestSteadyStreams:
    @pytest.fixture
    def seen(self, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
        """The RTP that comes to a leg in Python."""
        seen: list[bytes] = []
        for leg in (RtpLeg, WebrtcLeg):
            received: Any = vars(leg)["_received"]

            def see(self: Any, data: bytes, *rest: Any, received: Any = received) -> None:
                if not is_rtcp(data[1]):
                    seen.append(data)
                received(self, data, *rest)

            monkeypatch.setattr(leg, "_received", see)
        return seen

    @pytest.mark.parametrize("name", ["plain", "sdes", "dtls", "page"])
    async def test_they_meet_no_python_either_way(
        self, seen: list[bytes], engine: AiortcEngine, name: str
    ) -> None:
        async with Openings(engine).opened() as openings:
            opening = next(each for each in openings.all if each.name == name)
            await _talk(opening, 1000, 10)
            seen.clear()
            await _talk(opening, 1010, PACKETS)
            assert seen == []

    async def test_a_strangers_next_packet_is_none(
        self, seen: list[bytes], engine: AiortcEngine
    ) -> None:
        async with Openings(engine).opened() as openings:
            opening = openings.all[0]
            await _talk(opening, 1000, 10)
            for stranger in openings.strangers:
                stranger.engine = (LOOPBACK, opening.port)
                await stranger.speak(rtp(0, 1010, b"stranger"))
            await _talk(opening, 1010, 1)
            assert opening.listener.inbox.media.empty()

    async def test_what_is_no_more_the_next_is_seen(
        self, seen: list[bytes], engine: AiortcEngine
    ) -> None:
        async with Openings(engine).opened() as openings:
            opening = openings.all[0]
            await _talk(opening, 1000, 10)
            seen.clear()
            await _talk(opening, 1011, 5)
            assert [packet[2:4] for packet in seen] == [(1011).to_bytes(2, "big")] * 2

    async def test_how_unevenly_they_come_is_measured(self, engine: AiortcEngine) -> None:
        async with Openings(engine).opened() as openings:
            opening = openings.all[0]
            for number in range(1000, 1060):
                # Half a second of sound each, and all of it at once.
                await opening.peer.speak(rtp(0, number, timestamp=number * 4000))
                await opening.listener.inbox.packet()
            jitter_ms = (await engine.query("plain")).received.jitter_ms
            assert jitter_ms is not None and jitter_ms > 300

    async def test_they_wait_for_digits_and_go_on_after_them(self, engine: AiortcEngine) -> None:
        async with Plain() as one, Plain() as two:
            await one.join(engine, "one")
            await two.join(engine, "two")
            await engine.join("one", "two")
            opening = Opening("plain", 0, one, two)
            await _talk(opening, 1, 10)
            await engine.dtmf("two", "5", 100)
            heard = []
            for number in range(11, 300):
                await one.speak(rtp(0, number))
                await asyncio.sleep(0.02)
                while not two.inbox.media.empty():
                    heard.append(await two.inbox.packet())
                if heard and heard[-1].payload_type == 0:
                    break
            kinds = [each.payload_type for each in heard]
            assert kinds[0] == 101 and 101 not in kinds[kinds.index(0) :]
            # At the least one update, and its end three times (RFC 4733, section 2.5.1.4).
            assert kinds.index(0) > 3
            first = heard[0].sequence
            assert [each.sequence - first for each in heard] == list(range(len(heard)))

    async def test_the_peer_is_where_they_come_from(
        self, engine: AiortcEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another port of its host is not, as long as they come, however long that is."""
        monkeypatch.setattr(rtp_leg, "MOVED_SECONDS", 0.3)
        async with Openings(engine).opened() as openings:
            opening = openings.all[0]
            for number in range(1000, 1015):
                await _talk(opening, number, 1)
                await asyncio.sleep(0.03)
            neighbour = openings.strangers[0]
            neighbour.engine = (LOOPBACK, opening.port)
            # Sent at once: nothing can come between the two.
            await opening.peer.speak(rtp(0, 1015, b"peer"))
            await neighbour.speak(rtp(0, 1016, b"neighbour"))
            await opening.peer.speak(rtp(0, 1017, b"peer"))
            for _ in range(2):
                assert (await opening.listener.inbox.packet()).payload == b"peer"


async def _talk(opening: Opening, first: int, packets: int) -> None:
    """Both speak, each packet 20 ms of sound after the one before, and hear one another."""
    for number in range(first, first + packets):
        for one, two in ((opening.peer, opening.listener), (opening.listener, opening.peer)):
            await one.speak(rtp(0, number, b"%d" % number))
            heard = await two.inbox.packet()
            while heard.payload != b"%d" % number:
                heard = await two.inbox.packet()


@pytest.fixture(params=["compiled", "plain"])
def form(request: pytest.FixtureRequest) -> Any:
    """Either form of the parts."""
    chosen: ModuleType = fast_path if request.param == "compiled" else uncompiled
    return chosen


class TestReader:
    @pytest.mark.parametrize("host", [LOOPBACK, "::1"])
    async def test_each_datagram_comes_with_its_source(self, form: Any, host: str) -> None:
        with _sockets(2, host) as (one, two):
            reader, came = form.Reader(bytearray(BUFFER_SIZE)), asyncio.Queue[Any]()
            reader.add(one, lambda *datagram: came.put_nowait(datagram))
            for data in (b"first", b"", bytes(1500)):
                two.sendto(data, one.getsockname())
                got = await asyncio.wait_for(came.get(), PATIENCE)
                assert got == (data, two.getsockname())
            reader.remove(one)

    async def test_one_that_cannot_be_handled_stops_no_others(
        self, form: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        with _sockets(2) as (one, two):
            reader, came = form.Reader(bytearray(BUFFER_SIZE)), asyncio.Queue[bytes]()

            def received(data: bytes, source: object) -> None:
                if data == b"bad":
                    raise ValueError("what was bad")
                came.put_nowait(data)

            reader.add(one, received)
            two.sendto(b"bad", one.getsockname())
            two.sendto(b"good", one.getsockname())
            assert await asyncio.wait_for(came.get(), PATIENCE) == b"good"
            assert [record.levelno for record in caplog.records] == [logging.ERROR]
            reader.remove(one)

    async def test_one_socket_may_have_another_closed(self, form: Any) -> None:
        with _sockets(3) as (one, two, three):
            reader, came = form.Reader(bytearray(BUFFER_SIZE)), asyncio.Queue[bytes]()

            def received(data: bytes, source: object) -> None:
                for sock in (one, two):
                    reader.remove(sock)
                came.put_nowait(data)

            for sock in (one, two):
                reader.add(sock, received)
                three.sendto(b"to each", sock.getsockname())
            await asyncio.wait_for(came.get(), PATIENCE)
            reader.add(three, lambda data, source: came.put_nowait(data))
            one.sendto(b"later", three.getsockname())
            assert await asyncio.wait_for(came.get(), PATIENCE) == b"later"
            reader.remove(three)
            reader.remove(three)


class TestWire:
    def test_it_sends_where_it_is_aimed(self, form: Any) -> None:
        for host in (LOOPBACK, "::1"):
            with _sockets(2, host) as (one, two):
                wire = form.Wire(bytearray(b"sound" + bytes(BUFFER_SIZE)))
                assert not wire.is_aimed and not wire.send(5) and not wire.write(5)
                wire.aim(one, two.getsockname())
                assert wire.is_aimed and wire.send(5)
                assert two.recvfrom(99) == (b"sound", one.getsockname())
                wire.aim(one, None)
                assert not wire.is_aimed and not wire.send(5)
                wire.aim(one, two.getsockname())
                wire.close()
                assert not wire.send(5) and not wire.write(5)

    def test_what_cannot_be_sent_is_lost_and_told(self, form: Any) -> None:
        with _sockets(1) as (one,):
            wire = form.Wire(bytearray(2**17))
            wire.aim(one, (LOOPBACK, 9))
            assert not wire.send(2**17)
            wire.aim(one, ("2001:db8::1", 9))
            assert not wire.send(5)

    def test_it_sends_what_its_keys_made_of_a_packet(self, form: Any) -> None:
        class Keys:
            opener = None

            def __init__(self, size: int) -> None:
                self._size = size

            def protect(self, length: int) -> int:
                return self._size

        with _sockets(2) as (one, two):
            wire = form.Wire(bytearray(b"sound" + bytes(BUFFER_SIZE)))
            wire.aim(one, two.getsockname())
            wire.keys = Keys(3)
            assert wire.send(5) and two.recv(99) == b"sou"
            wire.keys = Keys(0)
            assert not wire.send(5)


@contextmanager
def _sockets(count: int, host: str = LOOPBACK) -> Iterator[list[socket.socket]]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(count)]
    try:
        for sock in made:
            sock.bind((host, 0))
            sock.setblocking(False)
        yield made
    finally:
        for sock in made:
            sock.close()
