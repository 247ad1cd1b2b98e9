"""Both streams of a call to which all happens that can, as a program that prints what came of it.

With `plain` as its word it does without the compiled fast path, as where there is no compiler.
"""

import asyncio
import json
import random
import sys
from collections.abc import Iterator
from typing import Any, cast

if __name__ == "__main__" and sys.argv[1] == "plain":
    sys.modules["media.compiled"] = cast(Any, None)

import uvloop

from media import fields, rtcp
from media.aiortc_engine import AiortcEngine
from media.packet import is_rtcp
from tests.media.harness import quick
from tests.media.openings import PlainPhone, SdesPhone
from tests.media.peers import PATIENCE, Packet, rtp

STEPS = 1500
_SOUND = 160
_EVENT = bytes([5, 0x8A, 3, 0x20])
_KINDS = {"marked": 0x80, "event": 101, "unknown": 77}


class Plain(PlainPhone):
    """A phone that takes telephone-events, and knows what it sent."""

    sent = b""
    heard = 0

    def description(self, formats: str, *attributes: str, host: str | None = None) -> str:
        ours = {"rtcp-mux", "rtpmap:101 telephone-event/8000"}
        return super().description(f"{formats} 101", *ours.union(attributes), host=host)

    def send(self, data: bytes, *, port_offset: int = 0) -> None:
        self.sent = data
        super().send(data, port_offset=port_offset)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self.heard += len(data) > 1 and not is_rtcp(data[1])
        super().datagram_received(data, addr)


class Secure(SdesPhone, Plain):
    """The same, with keys."""


class Source:
    """A phone's packets, in the order in which they come to the engine."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._source, self._number, self._timestamp = 0x1111, 65000, 2**32 - 160 * 700
        self._made = 0

    def packets(self) -> Iterator[tuple[str, bytes]]:
        """What each one is, and itself; the last is the next of its stream."""
        for _ in range(STEPS):
            what = self._rng.choices(
                ("next", "marked", "lost", "swapped", "repeated", "event", "unknown", "padded")
                + ("extended", "source", "leap", "jump", "large", "garbage", "unsealed"),
                (400, 8, 8, 8, 8, 8, 4, 4, 4, 3, 3, 3, 3, 8, 8),
            )[0]
            yield from ((what, packet) for packet in self._make(what))
            if what == "repeated":
                yield "again", b""
        yield "last", self._next()

    def _make(self, what: str) -> list[bytes]:
        self._happen(what)
        packet = self._next(_KINDS.get(what, 0), _EVENT if what == "event" else None)
        match what:
            case "swapped":
                return [self._next(), packet]
            case "padded":
                return [b"\xa0" + packet[1:-1] + b"\x08"]
            case "extended":
                return [b"\x90" + packet[1:12] + b"\xbe\xde\0\1abcd" + packet[12:]]
            case "large":
                return [packet + bytes(1400)]
            case "garbage":
                # Of the peer itself; no RTCP, which nothing counts.
                size = self._rng.randrange(1, 60)
                return [bytes([0x80, self._rng.randrange(64)]) + self._rng.randbytes(size)]
        return [packet]

    def _happen(self, what: str) -> None:
        match what:
            case "lost":
                self._number += self._rng.randrange(1, 4)
            case "source":
                self._source += 1
                self._number, self._timestamp = self._rng.randrange(65536), 7
            case "leap":
                self._number += 20000
            case "jump":
                self._timestamp += 10**6

    def _next(self, kind: int = 0, payload: bytes | None = None) -> bytes:
        self._number = (self._number + 1) & 0xFFFF
        self._timestamp = (self._timestamp + _SOUND) & 0xFFFFFFFF
        self._made += 1
        payload = payload or b"%d" % self._made + bytes(_SOUND - len(b"%d" % self._made))
        packet = rtp(
            kind & 0x7F, self._number, payload, source=self._source, timestamp=self._timestamp
        )
        return packet[:1] + bytes([kind]) + packet[2:]


class Call:
    """Two phones' call through an engine of this process, the one with keys of SDES."""

    def __init__(self, engine: AiortcEngine, rng: random.Random) -> None:
        self._engine = engine
        self._rng = rng

    async def talk(self, talker: Plain, leg: str, listener: Plain) -> dict[str, Any]:
        """All of a source's packets; what the other heard, and what was counted."""
        stamps: dict[bytes, int] = {}
        for what, packet in Source(self._rng).packets():
            stamps[packet[-_SOUND:]] = int.from_bytes(packet[4:8], "big")
            before = await self._handled(leg)
            if what == "again":
                await talker.throw(talker.sent, control=False)
            elif what in ("garbage", "large", "unsealed"):
                await talker.throw(packet, control=False)
            else:
                await talker.speak(packet)
            await asyncio.wait_for(self._handles(leg, before), PATIENCE)
        heard = [await listener.inbox.packet()]
        while heard[-1].payload != packet[12:]:
            heard.append(await listener.inbox.packet())
        figures = await self._engine.query(leg)
        return {
            "heard": _told(heard, stamps),
            "received": [figures.received.packets, figures.received.lost, figures.received.late],
            "dropped": figures.dropped,
            "reported": await self._reported(listener),
        }

    async def _reported(self, listener: Plain) -> list[int]:
        """What the listener's newest report says of packets and octets sent, if it can read it."""
        while not isinstance(listener, Secure):
            heard = rtcp.read(await listener.inbox.report())
            if listener.inbox.control.empty() and heard is not None and heard.senders:
                sender = heard.senders[0][1]
                if sender.packets == listener.heard:
                    return [sender.packets, sender.octets]
        return []

    async def _handles(self, leg: str, before: int) -> None:
        """One more than before: the next is not sent until then, so that nothing is chance."""
        while True:
            await asyncio.sleep(0)
            if await self._handled(leg) != before:
                return

    async def _handled(self, leg: str) -> int:
        figures = await self._engine.query(leg)
        return figures.received.packets + figures.dropped


def _told(heard: list[Packet], stamps: dict[bytes, int]) -> list[list[Any]]:
    """Each packet's sequence, and how often the stamps were shifted anew before it.

    By how much is by the time that passed.
    """
    told: list[list[Any]] = []
    shift, shifts = 0, 0
    for packet in heard:
        stamped = stamps.get(packet.payload[-_SOUND:], packet.timestamp)
        if (packet.timestamp - stamped) & 0xFFFFFFFF != shift:
            shift, shifts = (packet.timestamp - stamped) & 0xFFFFFFFF, shifts + 1
        sequence = (packet.sequence - heard[0].sequence) & 0xFFFF
        told.append(
            [sequence, packet.payload_type, packet.marker, shifts, packet.payload[:4].hex()]
        )
    return told


async def main(seed: int) -> None:
    engine = AiortcEngine(quick(report_seconds=0.1))
    rng = random.Random(seed)
    async with Secure() as secure, Plain() as plain:
        await secure.join(engine, "secure")
        await plain.join(engine, "plain")
        await engine.join("secure", "plain")
        call = Call(engine, rng)
        # Both are heard once, so that the engine knows where they are.
        await plain.speak(rtp(0, 1))
        came = {"secure": await call.talk(secure, "secure", plain)}
        while not secure.inbox.media.empty():
            secure.inbox.media.get_nowait()
        came["plain"] = await call.talk(plain, "plain", secure)
    await engine.aclose()
    json.dump({"compiled": fields.COMPILED, "came": came}, sys.stdout)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[2])))
