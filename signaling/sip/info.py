"""Keys that phones report by INFO, in the two forms that are in use; no RFC has either."""

from dataclasses import dataclass

from signaling.sip.message import Request
from signaling.sip.syntax import BadSip, number

DTMF_RELAY = "application/dtmf-relay"
DTMF = "application/dtmf"

_DIGITS = frozenset("0123456789*#ABCD")
# Some phones send the events of RFC 4733 by their numbers.
_NUMBERED = {"10": "*", "11": "#"}
USUAL_MS = 160
LONGEST_MS = 5_000


@dataclass(frozen=True, slots=True)
class Press:
    """One key and how long it was held, as far as the phone says so."""

    digit: str
    duration_ms: int = USUAL_MS


def press_of(request: Request) -> Press | None:
    """The key that an INFO is about, None when it is about something else; BadSip for a bad one."""
    if request.content_type == DTMF:
        return Press(_digit(request.body.decode("ascii", "replace").strip()))
    if request.content_type != DTMF_RELAY:
        return None
    fields = {}
    for line in request.body.decode("ascii", "replace").splitlines():
        name, _, value = line.partition("=")
        fields[name.strip().lower()] = value.strip()
    digit = _digit(fields.get("signal", ""))
    if "duration" not in fields:
        return Press(digit)
    return Press(digit, min(max(40, number(fields["duration"], "Duration")), LONGEST_MS))


def _digit(text: str) -> str:
    digit = _NUMBERED.get(text, text.upper())
    if digit not in _DIGITS:
        raise BadSip("this is no key")
    return digit
