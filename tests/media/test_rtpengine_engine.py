"""Instances of rtpengine that die, come back and take over; and what they tell of digits."""

import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from media import rtpengine_digits
from media.engine import Digit, Gone, Profile
from media.rtpengine_engine import RtpengineEngine, RtpengineSettings
from signaling.shared.errors import MediaError, OperatorError
from tests.end_to_end.waiting import eventually
from tests.media.harness import PCMU, Events, by_rtpengine, quick
from tests.media.peers import LOOPBACK, Phone, rtp
from tests.rtpengine_daemon import Rtpengine, free_port, rtpengine


@pytest.fixture
def two() -> Iterator[tuple[Rtpengine, Rtpengine]]:
    with rtpengine(ports=(29000, 29199)) as one, rtpengine(ports=(29200, 29399)) as other:
        yield one, other


@asynccontextmanager
async def running(*daemons: Rtpengine) -> AsyncIterator[tuple[RtpengineEngine, Events]]:
    engine = await by_rtpengine(quick(), *daemons)
    assert isinstance(engine, RtpengineEngine)
    try:
        yield engine, Events(engine)
    finally:
        await engine.aclose()


async def open_call(engine: RtpengineEngine, call: str, *phones: Phone) -> list[str]:
    """A call of two phones, joined; the names of its legs."""
    legs = [f"{call}/{number}" for number in range(len(phones))]
    for leg, phone in zip(legs, phones, strict=True):
        offer = phone.description(*PCMU)
        phone.call(await engine.open(call, leg, Profile.RTP, offer=offer, peer=LOOPBACK))
    await engine.join(*legs)
    return legs


async def talks(one: Phone, other: Phone) -> None:
    one.send(rtp(0, 1, b"hello"))
    assert (await other.inbox.packet()).payload == b"hello"


class TestFailOver:
    async def test_calls_spread_and_those_of_a_dead_instance_are_reported(
        self, two: tuple[Rtpengine, Rtpengine]
    ) -> None:
        async with running(*two) as (engine, events), Phone() as a, Phone() as b, Phone() as c:
            async with Phone() as d:
                first = await open_call(engine, "first", a, b)
                second = await open_call(engine, "second", c, d)
                ports = {phone.engine[1] // 200 for phone in (a, b)}, c.engine[1] // 200
                assert ports == ({145}, 146)
                two[0].stop()
                for leg in first:
                    await events.wait(Gone, leg=leg)
                await talks(c, d)
                # Ending what is gone asks nobody, and takes no time.
                for leg in first:
                    with pytest.raises(MediaError, match="gone"):
                        await engine.query(leg)
                    await engine.close(leg)
                await open_call(engine, "third", a, b)
                await talks(a, b)
            assert {event.leg for event in events.all if isinstance(event, Gone)} == set(first)
            assert len([event for event in events.all if isinstance(event, Gone)]) == 2
            assert await engine.query(second[0])

    async def test_an_instance_that_was_started_anew_knows_none_of_its_calls(
        self, two: tuple[Rtpengine, Rtpengine]
    ) -> None:
        async with running(two[0]) as (engine, events), Phone() as one, Phone() as other:
            legs = await open_call(engine, "call", one, other)
            two[0].stop()
            two[0].start()
            for leg in legs:
                await events.wait(Gone, leg=leg)
                await engine.close(leg)

            async def again() -> bool:
                try:
                    await open_call(engine, "again", one, other)
                except MediaError:
                    return False
                return True

            # It answered nothing for a moment; the next look finds it.
            assert await eventually(again, bool, seconds=5)
            await talks(one, other)

    async def test_without_any_instance_a_call_is_refused_in_words(self) -> None:
        engine = RtpengineEngine(RtpengineSettings((f"udp://127.0.0.1:{free_port()}",)))
        await engine.start()
        with pytest.raises(MediaError, match="no instance of rtpengine answers"):
            await engine.open("c", "leg", Profile.RTP)
        assert engine.counts().legs == 0
        await engine.aclose()


class TestDigits:
    async def test_only_an_instances_host_tells_of_them(self, daemon: Rtpengine) -> None:
        engine = await by_rtpengine(quick(), daemon)
        assert isinstance(engine, RtpengineEngine)
        events = Events(engine)
        await engine.open("c", "leg", Profile.RTP)
        (opened,) = engine._legs.values()
        told = {"callid": opened.there.name, "source_tag": "peer", "event": 11, "duration": 80}
        where = ("127.0.0.1", int((daemon.digits_url or "").rpartition(":")[2]))
        for source in ("127.0.0.2", "127.0.0.1"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.bind((source, 0))
                sender.sendto(json.dumps(told | {"duration": int(source[-1])}).encode(), where)
        assert await events.wait(Digit) == Digit("leg", "#", 1)
        await engine.aclose()

    async def test_a_port_that_is_taken_is_the_operators_to_mend(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"udp://127.0.0.1:{taken.getsockname()[1]}"
            engine = RtpengineEngine(RtpengineSettings((url,), digits=url))
            with pytest.raises(OperatorError, match=r"media\.rtpengine_digits"):
                await engine.start()
            await engine.aclose()

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"[]",
            b"[" * 2000,
            b"{" + b" " * 3000 + b"}",
            b"\xff",
            b'{"callid":"a","source_tag":"link","event":1,"duration":1}',
            b'{"callid":1,"source_tag":"peer","event":1,"duration":1}',
            b'{"callid":"a","source_tag":"peer","event":16,"duration":1}',
            b'{"callid":"a","source_tag":"peer","event":true,"duration":1}',
            b'{"callid":"a","source_tag":"peer","event":1,"duration":-1}',
        ],
    )
    def test_what_is_no_digit_of_a_peer_is_passed_over(self, data: bytes) -> None:
        assert rtpengine_digits.read(data) is None


class TestStrangers:
    async def test_a_phone_that_is_where_it_says_cannot_be_talked_over(
        self, daemon: Rtpengine
    ) -> None:
        async with running(daemon) as (engine, _), Phone() as one, Phone() as two, Phone() as thief:
            await open_call(engine, "call", one, two)
            thief.engine = one.engine
            for number in range(5):
                thief.send(rtp(0, number, b"boo"))
                two.send(rtp(0, number, b"for one"))
                assert (await one.inbox.packet()).payload == b"for one"
            await talks(one, two)
            assert two.inbox.media.empty() and thief.inbox.media.empty()

    async def test_an_instance_behind_nat_does_not_send_itself_around(self) -> None:
        with rtpengine(ports=(29000, 29199), interfaces=("127.0.0.1!203.0.113.7",)) as natted:
            async with running(natted) as (engine, _), Phone() as one, Phone() as two:
                await open_call(engine, "call", one, two)
                for phone in (one, two):
                    assert phone.engine[0] == "203.0.113.7"
                    phone.engine = (LOOPBACK, phone.engine[1])
                await talks(one, two)
                await talks(two, one)

    async def test_a_phone_behind_nat_is_found_where_it_speaks(self, daemon: Rtpengine) -> None:
        async with running(daemon) as (engine, _), Phone() as inner, Phone() as other:
            offer = inner.description(*PCMU, host="192.168.7.7").replace(
                f"audio {inner.port}", "audio 4444"
            )
            inner.call(await engine.open("c", "in", Profile.RTP, offer=offer, peer=LOOPBACK))
            offer = other.description(*PCMU)
            other.call(await engine.open("c", "out", Profile.RTP, offer=offer, peer=LOOPBACK))
            await engine.join("in", "out")
            await talks(inner, other)
            await talks(other, inner)
