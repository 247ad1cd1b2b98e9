"""A hundred thousand broken messages: nothing raises, nothing is kept, nothing is agreed to."""

import contextlib
import random
from collections.abc import Iterator
from itertools import count

import pytest

from signaling.sip.bans import Bans
from signaling.sip.digest import Authenticator
from signaling.sip.events import Received
from signaling.sip.framing import Framer
from signaling.sip.gate import Gate
from signaling.sip.message import Response, parse
from signaling.sip.registrar import Registrar
from signaling.sip.stack import SipStack
from signaling.sip.syntax import BadSip
from tests.sip import data, torture
from tests.sip.desk import NOTHING, PEER, Desk, PeerDialog, answer_to

MESSAGES = 100_000
GATED = 10_000
IN_CALLS = 10_000
STREAMS = 2_000
AOR = "sip:alice@wsphone.test"
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


def agreed_to(packets: list[bytes]) -> set[str]:
    """The methods that were answered with a 2xx, whoever asked."""
    answers = [parse(packet) for packet in packets]
    return {
        answer.cseq.method
        for answer in answers
        if isinstance(answer, Response) and 200 <= answer.code < 300
    }


class TestDatagrams:
    def test_a_hundred_thousand_of_them(self) -> None:
        stack = SipStack(
            domain="wsphone.test",
            user_agent="WSPhone",
            new_token=lambda: "token",
            address_for=lambda flow: ("198.51.100.1", 5060),
        )
        serial = count()
        registrar = Registrar(lambda: f"id{next(serial)}")
        agreed: set[str] = set()
        for number, raw in enumerate(hostile(MESSAGES)):
            now = float(number)
            stack.handle_timer(now)
            registrar.handle_timer(now)
            stack.receive(raw, PEER, now)
            agreed |= agreed_to([packet for packet, _ in stack.outgoing()])
            for event in stack.events():
                assert isinstance(event, Received)
                if event.request.method == "REGISTER":
                    code = registrar.register(AOR, event.request, PEER, now).code
                    assert code in (200, 400, 423, 500, 503)
                stack.respond(event.transaction, 403, now=now)
        stack.handle_timer(MESSAGES + 4_000.0)
        registrar.handle_timer(MESSAGES + 4_000.0)
        stack.outgoing()
        assert stack.counts() == NOTHING
        assert registrar.contacts(AOR, 0.0) == []
        # What asks for nothing that only a phone of ours may have.
        assert {"OPTIONS"} <= agreed <= {"OPTIONS", "INFO"}

    def test_with_credentials_at_the_gate(self) -> None:
        """Nobody who lacks our nonce gets past it, and nothing is kept of them."""
        authenticator = Authenticator("wsphone.test", b"key", lambda: "token")
        bans = Bans()
        stack = SipStack(
            domain="wsphone.test",
            user_agent="WSPhone",
            new_token=lambda: "token",
            address_for=lambda flow: ("198.51.100.1", 5060),
            ignores=lambda request, flow, now: bans.ignores(request, flow.host, now),
            gate=Gate(authenticator, lambda: 0.0).answer,
        )
        chance = random.Random(7616)
        for _ in range(GATED):
            stack.receive(mutated(chance, SIGNED), PEER, 0.0)
            assert stack.events() == []
            assert agreed_to([packet for packet, _ in stack.outgoing()]) == set()
        assert not any(stack.counts().values()), stack.counts()


SIGNED = data.edited(
    data.REGISTER,
    (
        "Expires: 120",
        'Authorization: Digest realm="wsphone.test", nonce="6b-t0-0", algorithm=SHA-256, '
        'opaque="a\\"b", username="alice",  uri="sip:wsphone.test", '
        'response="0a", cnonce="UN2i", nc=00000001, qop=auth\r\nExpires: 120',
    ),
)


class TestCalls:
    """What comes to a call in each of its states: it may end it, and can do nothing worse."""

    @pytest.mark.parametrize("code", [183, 200, 486])
    def test_broken_answers_to_our_call(self, code: int) -> None:
        chance = random.Random(code)
        more = "Record-Route: <sip:p2;lr>, <sip:p1;lr>\nReason: Q.850;cause=17\nRetry-After: 9\n"
        for _ in range(IN_CALLS // 6):
            desk = Desk()
            answer = answer_to(desk.calling(), code, body=data.OFFER, more=more)
            for _ in range(2):
                desk.stack.receive(mutated(chance, answer), PEER, desk.now)
            self.finish(desk)

    @pytest.mark.parametrize("method", ["INVITE", "ACK", "BYE", "INFO", "UPDATE", "CANCEL"])
    def test_broken_requests_in_a_call(self, method: str) -> None:
        chance = random.Random(method)
        for number in range(IN_CALLS // 12):
            desk = Desk()
            dialog: PeerDialog = (desk.up, desk.taken)[number % 2]()
            body, kind = data.OFFER + "a=sendonly\r\n", "application/sdp"
            if method == "INFO":
                body, kind = "Signal=5\r\nDuration=160\r\n", "application/dtmf-relay"
            for cseq in (21, 22):
                request = dialog.request(method, cseq, body, kind=kind)
                desk.stack.receive(mutated(chance, request), PEER, desk.now)
            self.finish(desk)

    def finish(self, desk: Desk) -> None:
        for command in (desk.stack.answer, desk.stack.ring):
            command("leg", now=desk.now, sdp=data.ANSWER)
        desk.stack.hang_up("leg", now=desk.now)
        for event in desk.events():
            # One that lost its tag on the way asks for a call of its own.
            if isinstance(event, Received):
                desk.stack.respond(event.transaction, 403, now=desk.now)
        desk.wait(400.0)
        assert desk.stack.counts() == NOTHING
        for packet, _ in desk.stack.outgoing():
            parse(packet)


class TestBombs:
    """What makes a careless parser slow: all of it comes before anybody is authenticated."""

    QUOTED = ';a="' + '\\"' * 230 + "x"

    @pytest.mark.parametrize(
        "header",
        [
            "Contact: <sip:a@b>",
            "From: <sip:a@b>;tag=1",
            "To: <sip:a@b>",
            "Via: SIP/2.0/UDP a;branch=z9hG4bKa",
            "Record-Route: <sip:a@b>",
            'Authorization: Digest realm="wsphone.test", x="1"',
            "Require: x",
        ],
    )
    @pytest.mark.parametrize("raw", [data.INVITE, data.REGISTER])
    def test_a_quote_that_never_ends_is_refused_at_once(self, raw: bytes, header: str) -> None:
        name = header.partition(":")[0]
        lines = [line for line in raw.decode().split("\r\n") if not line.startswith(f"{name}:")]
        lines.insert(1, header + self.QUOTED)
        desk = Desk()
        gate = Gate(Authenticator("wsphone.test", b"key", lambda: "t"), lambda: 0.0)
        stack = SipStack(
            domain="wsphone.test",
            user_agent="WSPhone",
            new_token=lambda: "t",
            address_for=lambda flow: ("198.51.100.1", 5060),
            gate=gate.answer,
        )
        stack.receive("\r\n".join(lines).encode(), PEER, desk.now)
        assert not any(stack.counts().values())
        assert agreed_to([packet for packet, _ in stack.outgoing()]) == set()


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
