"""What is refused before anyone looks at it, and what is refused inside and outside dialogs."""

from collections.abc import Sequence
from dataclasses import dataclass

from signaling.sip.compose import ACCEPT, ALLOW, METHODS, SUPPORTED
from signaling.sip.message import Pair, Request
from signaling.sip.syntax import BadSip


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that takes no more than the request to decide."""

    code: int
    headers: Sequence[Pair] = ()
    phrase: str = ""


def screen(request: Request) -> Answer | None:
    """Why a request goes no further (RFC 3261 8.2); None when nothing speaks against it."""
    if request.version != "SIP/2.0":
        return Answer(505)
    try:
        _read(request)
        scheme, max_forwards = request.uri.scheme, request.max_forwards
        required = request.headers.values("require")
    except BadSip as error:
        return Answer(400, phrase=f"Bad Request: {error}")
    if scheme not in ("sip", "sips", "tel"):
        return Answer(416)
    if request.method == "CANCEL":
        return None  # hop by hop: neither Max-Forwards nor Require bear on it (9.2, 20.32)
    if max_forwards == 0 and request.method != "OPTIONS":
        return Answer(483)
    if required:
        return Answer(420, [("Unsupported", ", ".join(required))])
    return _refused_body(request)


def _read(request: Request) -> None:
    """Decode what everything after this relies on."""
    if request.cseq.method != request.method:
        raise BadSip("the CSeq names another method")
    if not request.from_tag:
        raise BadSip("From has no tag")
    if request.uri.headers:
        raise BadSip("the Request-URI has headers")
    _ = (request.call_id, request.to_tag, request.body)
    if request.method == "INVITE":
        if len(request.contacts) != 1:
            raise BadSip("an INVITE takes exactly one Contact")
        _ = request.record_routes


def _refused_body(request: Request) -> Answer | None:
    encoding = (request.headers.first("content-encoding") or "identity").lower()
    if request.body and encoding != "identity":
        return Answer(415, [("Accept-Encoding", "identity"), ACCEPT])
    if request.method == "INVITE" and request.body and request.sdp is None:
        return Answer(415, [ACCEPT])
    return None


def stock_answer(request: Request) -> Answer:
    """What every request gets that neither a call nor a registration is about."""
    if request.method == "OPTIONS":
        return Answer(200, [ALLOW, ACCEPT, SUPPORTED])
    if request.method == "BYE":
        return Answer(481)
    if request.method == "INFO":
        # An empty one only asks whether the call is still there (RFC 2976 2.2).
        return Answer(415, [ACCEPT]) if request.body else Answer(200)
    return Answer(405 if request.method in METHODS else 501, [ALLOW])
