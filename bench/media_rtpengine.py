"""rtpengine in user space as the benchmark's bridge, by its ng protocol."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from bench.media_ends import End, PlainEnd, WebEnd
from bench.media_own import Bridge, Voices
from bench.media_voice import FRAME_MS
from bench.subject import ADDRESS, PORT_MAX, PORT_MIN
from media.sdp import parse
from tests.end_to_end.process import Program

CONTROL = ("127.0.0.1", 2223)
SECONDS = 5.0
# As media/opus.py has it at 8 kHz; rtpengine knows opus at 48 kHz only.
OPUS_SETTINGS = f"opus/48000/2/16000/{FRAME_MS}//application=voip;compression_level=6;vbr=on;fec=1"


class Control(asyncio.DatagramProtocol):
    """Requests and replies, a datagram each, that a cookie joins."""

    def __init__(self) -> None:
        self._cookies = itertools.count(1)
        self._waiting: dict[bytes, asyncio.Future[dict[str, Any]]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        cookie, _, reply = data.partition(b" ")
        waiting = self._waiting.pop(cookie, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(json.loads(reply))

    def error_received(self, exc: Exception) -> None:
        """It does not listen yet; who asks tries again."""

    async def ask(self, command: str, **words: Any) -> dict[str, Any]:
        """The reply; RuntimeError for one that says no."""
        cookie = b"%d" % next(self._cookies)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[cookie] = future
        request = json.dumps({"command": command, **words}).encode()
        self._transport.sendto(cookie + b" " + request)
        async with asyncio.timeout(SECONDS):
            reply = await future
        if reply["result"] not in ("ok", "pong"):
            raise RuntimeError(f"rtpengine refuses {command}: {reply}")
        return reply

    def close(self) -> None:
        self._transport.close()


class Rtpengine:
    """Calls between a DTLS-SRTP and an RTP endpoint."""

    def __init__(self, pid: int, control: Control) -> None:
        self.pid = pid
        self._control = control
        self._numbers = itertools.count(1)

    async def call(self, voices: Voices) -> tuple[End, End]:
        """See Bridge."""
        web, phone = WebEnd(voices[0]), PlainEnd(voices[1])
        phone.open()
        names = {"call-id": f"call{next(self._numbers)}", "from-tag": "web"}
        codecs = {}
        if voices[0].codec != voices[1].codec:
            wanted = voices[1].codec.name.partition("/")[0]
            codecs = {"codec": {"mask": ["all"], "transcode": [wanted], "set": [OPUS_SETTINGS]}}
        offer = await self._control.ask(
            "offer",
            **names,
            **codecs,
            **{"sdp": await web.offer(), "ICE": "remove", "transport-protocol": "RTP/AVP"},
            **{"DTLS": "off", "SDES": ["off"], "rtcp-mux": ["demux"], "flags": ["trust-address"]},
        )
        phone.target = (ADDRESS, parse(offer["sdp"]).media[0].port)
        answer = await self._control.ask(
            "answer",
            **names,
            **{"sdp": phone.description(), "to-tag": "phone", "ICE": "force"},
            **{"transport-protocol": "UDP/TLS/RTP/SAVPF", "DTLS": "passive"},
            flags=["trust-address"],
        )
        await web.connect(answer["sdp"])
        return web, phone


@asynccontextmanager
async def rtpengine() -> AsyncIterator[Bridge]:
    program = await Program.start(
        *("rtpengine", "--foreground", "--log-stderr", "--log-level=3", "--table=-1"),
        *(f"--interface={ADDRESS}", f"--listen-ng={CONTROL[0]}:{CONTROL[1]}"),
        *(f"--port-min={PORT_MIN}", f"--port-max={PORT_MAX}"),
    )
    loop = asyncio.get_running_loop()
    _, control = await loop.create_datagram_endpoint(Control, remote_addr=CONTROL)
    try:
        await _wait(control)
        yield Rtpengine(program.pid, control)
    finally:
        control.close()
        await program.stop()


async def _wait(control: Control) -> None:
    """Ask until it listens; what is asked before is lost."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                async with asyncio.timeout(0.1):
                    await control.ask("ping")
                return
            except TimeoutError:
                continue
