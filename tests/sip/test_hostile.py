"""A hundred thousand broken messages: nothing raises, nothing is kept, nothing is agreed to."""

import contextlib
import random
from collections.abc import Iterator

from signaling.sip.events import Received
from signaling.sip.framing import Framer
from signaling.sip.message import parse
from signaling.sip.stack import SipStack
from signaling.sip.syntax import BadSip
from tests.sip import data, torture
from tests.sip.desk import NOTHING, PEER

MESSAGES = 100_000
STREAMS = 2_000
BYE = data.edited(data.OPTIONS, ("OPTIONS", "BYE"))
REAL = (*data.ALL, BYE, *(raw for _, raw, _ in torture.VALID + torture.INVALID))
PIECES = (
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b'"', b"\\", b"<", b">", b",", b";", b":", b"@"),
    *(b"=", b"%", b"%00", b"*", b"[", b"]", b"\xff", b"\xe2\x80\xa8", b"\r\n ", b"\r\n\r\n"),
    *(b"-1", b"4294967296", b"9" * 300, b"SIP/2.0", b"INVITE", b"CANCEL", b"z9hG4bK", b";tag=x"),
    *(b"Content-Length: 0\r\n", b"Via: ", b"Require: x\r\n", b"Contact: *\r\n", b"l:1\r\n"),
)


def mutated(chance: random.Random, raw: bytes) -> bytes:
    """The message with a few pieces put in, taken out, doubled or moved."""
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        start = chance.randrange(len(raw) + 1)
        end = min(len(raw), start + chance.choice((0, 0, 1, 2, 8, 64)))
        match chance.randrange(4):
            case 0:
                raw = raw[:start] + chance.choice(PIECES) + raw[end:]
            case 1:
                raw = raw[:start] + raw[end:]
            case 2:
                raw = raw[:end] + raw[start:]
            case _:
                elsewhere = chance.randrange(len(raw) + 1)
                raw = raw[:elsewhere] + raw[start:end] + raw[elsewhere:]
    return raw


def hostile(count: int) -> Iterator[bytes]:
    chance = random.Random(4475)
    for _ in range(count):
        yield mutated(chance, chance.choice(REAL))


def code_of(packet: bytes) -> int:
    assert packet.startswith(b"SIP/2.0 ")
    return int(packet[8:11])


class TestDatagrams:
    def test_a_hundred_thousand_of_them(self) -> None:
        stack = SipStack(
            domain="wsphone.test",
            user_agent="WSPhone",
            new_token=lambda: "token",
            address_for=lambda flow: ("198.51.100.1", 5060),
        )
        agreed = 0
        for number, raw in enumerate(hostile(MESSAGES)):
            now = float(number)
            stack.handle_timer(now)
            stack.receive(raw, PEER, now)
            codes = [code_of(packet) for packet, _ in stack.outgoing()]
            for event in stack.events():
                assert isinstance(event, Received)
                stack.respond(event.transaction, 403, now=now)
            agreed += 200 in codes
            # An OPTIONS that is whole may be agreed to, and nothing else without a phone's word.
            assert 200 not in codes or b"OPTIONS" in raw or b"INFO" in raw
        stack.handle_timer(MESSAGES + 1_000.0)
        stack.outgoing()
        assert stack.counts() == NOTHING
        assert agreed > 0


class TestStreams:
    def test_a_stream_is_cut_or_given_up(self) -> None:
        chance = random.Random(5626)
        messages = hostile(10 * STREAMS)
        given_up = 0
        for _ in range(STREAMS):
            stream = data.OPTIONS + b"".join(next(messages) for _ in range(10))
            whole: list[bytes] = []
            with contextlib.suppress(BadSip):
                whole += cut(stream, chance)
            given_up += len(b"".join(whole)) < len(stream)
        assert 0 < given_up <= STREAMS


def cut(stream: bytes, chance: random.Random) -> Iterator[bytes]:
    """The messages of a stream that arrives in pieces."""
    framer = Framer()
    while stream:
        end = chance.randrange(1, 3_000)
        for message in framer.feed(stream[:end]):
            with contextlib.suppress(BadSip):
                parse(message)
            yield message
        stream = stream[end:]
