"""What a message costs, counted in steps of the interpreter: the same however much goes on."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from signaling.sip.events import Received
from signaling.sip.flow import Flow
from signaling.sip.message import MAX_LINES, Headers, parse
from signaling.sip.uri import NameAddr, Uri
from tests.sip import data
from tests.sip.desk import PEER, Desk, answer_to

CROWD = 500
ALICE = NameAddr(Uri.parse("sip:alice@wsphone.test"))


def steps(act: Callable[[], object]) -> int:
    """How many instructions of the interpreter it takes: no clock, so no busy machine matters."""
    taken = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Callable[..., Any]:
        nonlocal taken
        frame.f_trace_opcodes = True
        taken += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return taken


def cost_of(desk: Desk, raw: bytes) -> int:
    """What it takes to hand a message in."""
    return steps(lambda: desk.stack.receive(raw, PEER, desk.now))


def crowd(desk: Desk) -> None:
    """Many calls, in and out, that have nothing to do with the test's own."""
    for number in range(CROWD):
        flow = Flow("udp", f"198.51.100.{number % 250}", 5060)
        invite = data.edited(
            data.INVITE,
            ("z9hG4bK.ikgpD1fRt", f"z9hG4bKcrowd{number}"),
            ("UkLmbRk2mP", f"crowd-{number}"),
        )
        desk.stack.receive(invite, flow, desk.now)
        (event,) = desk.events()
        assert isinstance(event, Received)
        desk.stack.take(event.transaction, f"in {number}", now=desk.now)
        desk.stack.call(
            f"out {number}",
            target="sip:bob@192.0.2.20",
            flow=flow,
            from_=ALICE,
            to=ALICE,
            sdp=data.ANSWER,
            now=desk.now,
        )
    desk.messages()


def a_question(desk: Desk) -> bytes:
    return data.OPTIONS


def a_call(desk: Desk) -> bytes:
    return data.INVITE


def a_repeated_call(desk: Desk) -> bytes:
    desk.invited()
    return data.INVITE


def an_answer(desk: Desk) -> bytes:
    return answer_to(desk.calling(), 200, body=data.OFFER)


def a_request_in_a_call(desk: Desk) -> bytes:
    return desk.up().request("OPTIONS", 21)


def a_goodbye(desk: Desk) -> bytes:
    return desk.up().request("BYE", 21)


@pytest.mark.parametrize(
    "what", [a_question, a_call, a_repeated_call, an_answer, a_request_in_a_call, a_goodbye]
)
def test_a_message_costs_the_same_however_many_calls_there_are(
    what: Callable[[Desk], bytes],
) -> None:
    costs = []
    for crowded in (False, True):
        desk = Desk()
        if crowded:
            crowd(desk)
        raw = what(desk)
        costs.append(cost_of(desk, raw))
        assert desk.messages()
    alone, among_many = costs
    # The heap of the deadlines is a little higher.
    assert among_many < 1.2 * alone


def test_a_header_is_found_without_a_walk_over_all() -> None:
    few, many = (Headers([f"X-{n}: y" for n in range(count)]) for count in (8, MAX_LINES))
    assert many.first("x-7") == "y"
    assert steps(lambda: many.first("x-7")) == steps(lambda: few.first("x-7"))
    assert steps(lambda: many.first("none")) == steps(lambda: few.first("none"))


@pytest.mark.parametrize("line", ["X-{}: y", "Contact: <sip:{}@h>", "Via: SIP/2.0/UDP a{}"])
def test_twice_the_headers_cost_twice_the_work(line: str) -> None:
    half, whole = (
        "\r\n".join(["OPTIONS sip:a@b SIP/2.0", *map(line.format, range(most)), "", ""]).encode()
        for most in (MAX_LINES // 2, MAX_LINES)
    )
    parse(whole)  # From here on the names of its headers are known.
    assert steps(lambda: parse(whole)) < 2.2 * steps(lambda: parse(half))
