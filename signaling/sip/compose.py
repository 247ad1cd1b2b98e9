"""Our own messages: requests with our Via, responses with what they echo."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from signaling.sip.flow import Flow, bracketed
from signaling.sip.message import Headers, Pair, Request, Response, value_of
from signaling.sip.syntax import BadSip, split_list
from signaling.sip.uri import NameAddr, Uri, request_target
from signaling.sip.via import MAGIC_COOKIE, Via

METHODS = frozenset(
    "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER"
    " SUBSCRIBE UPDATE".split()
)
"""Every method that some RFC defines: we refuse one with 405, any other with 501."""

ALLOW: Pair = ("Allow", "ACK, BYE, CANCEL, INFO, INVITE, OPTIONS, REGISTER")
ACCEPT: Pair = ("Accept", "application/sdp")
# Empty is legal and true: no extension is supported (RFC 3261 20.37).
SUPPORTED: Pair = ("Supported", "")

_PHRASES = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    # RFC 3261 21.1.4 lets the phrase tell more; this code is sent for nothing else here.
    182: "Queued: waking the phone",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}
_CLASSES = ("", "Progress", "OK", "Moved", "Request Failure", "Server Failure", "Global Failure")


@dataclass(frozen=True, slots=True)
class Composer:
    """Composes messages in our name.

    `new_token` returns an unguessable token; `address_for` tells host and port by which the
    other end of a flow reaches us.
    """

    domain: str
    user_agent: str
    new_token: Callable[[], str]
    address_for: Callable[[Flow], tuple[str, int]]

    def request(
        self,
        method: str,
        target: str,
        headers: Sequence[Pair],
        flow: Flow,
        *,
        sdp: str | None = None,
        max_forwards: int = 70,
    ) -> Request:
        """A request with a branch of its own."""
        host, port = self.address_for(flow)
        branch = MAGIC_COOKIE + self.new_token()
        via = f"SIP/2.0/{flow.transport.upper()} {bracketed(host)}:{port};branch={branch};rport"
        body = (sdp or "").encode("utf-8", "replace")
        pairs = [
            ("Via", via),
            ("Max-Forwards", str(max_forwards)),
            *headers,
            ("User-Agent", self.user_agent),
            *_content(body),
        ]
        return Request(method, target, Headers.of(pairs), body)

    def contact(self, flow: Flow, user: str | None) -> Pair:
        """Our Contact for the peer behind a flow; `user` as written in a URI."""
        host, port = self.address_for(flow)
        before = f"{user}@" if user else ""
        after = "" if flow.transport == "udp" else f";transport={flow.transport}"
        return ("Contact", f"<sip:{before}{bracketed(host)}:{port}{after}>")

    def warning(self, code: int, text: str) -> Pair:
        """A Warning header (RFC 3261 20.43); `text` is ours, without quotes."""
        return ("Warning", f'{code} {self.domain} "{text}"')

    def response(
        self,
        request: Request,
        code: int,
        flow: Flow,
        *,
        tag: str = "",
        headers: Sequence[Pair] = (),
        sdp: str | None = None,
        phrase: str = "",
    ) -> Response:
        """A response that echoes what it must, byte for byte (RFC 3261 8.2.6).

        `tag` is added to a To that has none, except in a 100.
        """
        body = (sdp or "").encode("utf-8", "replace")
        lines = [*_way_back(request, flow), *request.headers.named("from")]
        lines += _tagged(request, tag if code > 100 else "")
        lines += [*request.headers.named("call-id"), *request.headers.named("cseq")]
        if code == 100:
            lines += request.headers.named("timestamp")
        if request.method == "INVITE" and 100 < code < 300:
            lines += request.headers.named("record-route")
        own = Headers.of([*headers, ("Server", self.user_agent), *_content(body)])
        return Response(code, phrase or phrase_of(code), Headers([*lines, *own.lines]), body)


def phrase_of(code: int) -> str:
    """The reason phrase of a code, or one of its class."""
    return _PHRASES.get(code) or _CLASSES[code // 100]


def outgoing_invite(
    composer: Composer,
    target: str,
    flow: Flow,
    *,
    from_: NameAddr,
    to: NameAddr,
    sdp: str,
    call_id: str | None = None,
    headers: Sequence[Pair] = (),
    max_forwards: int = 70,
) -> Request:
    """The INVITE that a calling leg begins with; raises BadSip when `target` is no URI."""
    pairs = [
        ("From", f"{from_};tag={composer.new_token()}"),
        ("To", str(to)),
        ("Call-ID", call_id or f"{composer.new_token()}@{composer.domain}"),
        ("CSeq", "1 INVITE"),
        composer.contact(flow, from_.uri.user),
        ALLOW,
        SUPPORTED,
        *headers,
    ]
    return composer.request(
        "INVITE",
        request_target(Uri.parse(target)),
        pairs,
        flow,
        sdp=sdp,
        max_forwards=max_forwards,
    )


def failure_ack(invite: Request, response: Response) -> Request:
    """The ACK to 300 and above: of the INVITE's own transaction (RFC 3261 17.1.1.3)."""
    lines = [
        invite.headers.named("via")[0],
        *invite.headers.named("max-forwards"),
        *invite.headers.named("route"),
        *invite.headers.named("from"),
        *response.headers.named("to"),
        *invite.headers.named("call-id"),
        f"CSeq: {invite.cseq.number} ACK",
        "Content-Length: 0",
    ]
    return Request("ACK", invite.target, Headers(lines))


def cancel_of(invite: Request, reason: str | None) -> Request:
    """The CANCEL of our INVITE, on the same branch (RFC 3261 9.1); `reason` as in RFC 3326."""
    lines = [
        invite.headers.named("via")[0],
        *invite.headers.named("max-forwards"),
        *invite.headers.named("route"),
        *invite.headers.named("from"),
        *invite.headers.named("to"),
        *invite.headers.named("call-id"),
        f"CSeq: {invite.cseq.number} CANCEL",
        *Headers.of([("Reason", reason)] if reason else []).lines,
        "Content-Length: 0",
    ]
    return Request("CANCEL", invite.target, Headers(lines))


def _content(body: bytes) -> list[Pair]:
    kind = [("Content-Type", "application/sdp")] if body else []
    return [*kind, ("Content-Length", str(len(body)))]


def _way_back(request: Request, flow: Flow) -> list[str]:
    first, *others = request.headers.named("via")
    top, *below = split_list(value_of(first), ",")
    return [", ".join([f"Via: {Via.parse(top).seen_from(flow)}", *below]), *others]


def _tagged(request: Request, tag: str) -> list[str]:
    lines = list(request.headers.named("to"))
    if tag and lines and not _has_tag(request):
        lines[0] = f"{lines[0].rstrip()};tag={tag}"
    return lines


def _has_tag(request: Request) -> bool:
    try:
        return bool(request.to_tag)
    except BadSip:
        return True  # A To that we cannot read goes back untouched, in a 400.
