"""RFC 4475: what is odd is understood, what is wrong is refused in the right way."""

import pytest

from signaling.sip.events import Received
from signaling.sip.registrar import Registrar
from tests.sip import torture
from tests.sip.desk import NOTHING, Desk


def outcome(raw: bytes) -> int | str | None:
    """What a stack makes of a message: a code, what it tells of, or nothing at all."""
    desk = Desk()
    codes = [response.code for response in desk.receive(raw)]
    (event,) = desk.events() or (None,)
    if isinstance(event, Received):
        assert codes == ([100] if event.request.method == "INVITE" else [])
        return "call" if event.request.method == "INVITE" else registration(event)
    assert event is None
    desk.wait(200.0)
    assert desk.stack.counts() == NOTHING
    return codes[0] if codes else None


def registration(received: Received) -> int | str:
    """What a registrar makes of a REGISTER that a phone signed."""
    registrar = Registrar(lambda: "id")
    answer = registrar.register("sip:user@example.com", received.request, received.flow, 0.0)
    return "register" if answer.code == 200 else answer.code


@pytest.mark.parametrize(
    ("raw", "expected"), [pytest.param(raw, code, id=name) for name, raw, code in torture.VALID]
)
def test_what_is_valid_is_understood(raw: bytes, expected: int | str | None) -> None:
    assert outcome(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"), [pytest.param(raw, code, id=name) for name, raw, code in torture.INVALID]
)
def test_what_is_invalid_is_refused(raw: bytes, expected: int | str | None) -> None:
    assert outcome(raw) == expected
