"""Our descriptions of a call on hold (RFC 3264, sections 6.1 and 8.4): who sends, who listens."""

from media import sdp
from media.negotiate import Agreement

_FLOWS = {
    "sendrecv": (True, True),
    "sendonly": (True, False),
    "recvonly": (False, True),
    "inactive": (False, False),
}
_NAMES = {flows: name for name, flows in _FLOWS.items()}


def bounded(text: str, *, talks: bool, listens: bool) -> str:
    """Our answer, saying no more than that we send where `talks` and take where `listens`."""
    description = sdp.parse(text)
    for section in _live(description):
        sends, takes = _FLOWS[section.direction]
        _direct(section, sends and talks, takes and listens)
    return str(description)


def reoffer(text: str, agreement: Agreement, *, version: int, talks: bool, listens: bool) -> str:
    """A new offer after our last description `text`: only of what was agreed on, and directed.

    All else stays as it was, so that the peer changes nothing but the direction.
    """
    description = sdp.parse(text)
    kept = {str(number) for number in agreement.heard | agreement.heard_events}
    for section in _live(description):
        _keep(section, kept)
        _direct(section, talks, listens)
    lines = description.session.lines
    at = next(index for index, line in enumerate(lines) if line.startswith("o="))
    words = lines[at].split()
    words[2] = str(version)
    lines[at] = " ".join(words)
    return str(description)


def holds(agreement: Agreement, *, we_talked: bool, before: bool) -> bool:
    """Whether the peer holds us, by what it agreed to last.

    Where we did not offer to send, that it does not take says nothing: it is as `before`.
    """
    return not agreement.peer_listens if we_talked else before


def _live(description: sdp.Description) -> list[sdp.MediaSection]:
    return [part for part in description.media if part.kind == "audio" and not part.rejected]


def _direct(section: sdp.MediaSection, sends: bool, takes: bool) -> None:
    lines = [line for line in section.lines if line[2:] not in sdp.DIRECTIONS]
    section.lines[:] = [*lines, "a=" + _NAMES[sends, takes]]


def _keep(section: sdp.MediaSection, numbers: set[str]) -> None:
    """Leave out the formats of all other numbers."""
    head, formats = section.lines[0].split()[:3], section.formats
    kept = [number for number in formats if number in numbers]
    section.lines[0] = " ".join([*head, *kept])
    section.formats = tuple(kept)
    section.lines[:] = [line for line in section.lines if _number(line) in (None, *kept)]


def _number(line: str) -> str | None:
    """The payload type that a line is about."""
    name, colon, value = line.partition(":")
    return value.split()[0] if colon and name in ("a=rtpmap", "a=fmtp") else None
