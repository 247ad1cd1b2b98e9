"""One stack at a desk: messages are handed in, and what comes back is read."""

from itertools import count

from signaling.sip.events import Event, Received
from signaling.sip.flow import Flow
from signaling.sip.message import Request, Response, parse
from signaling.sip.stack import SipStack
from signaling.sip.transaction import Key
from signaling.sip.transaction_layer import Limits
from signaling.sip.uri import NameAddr, Uri
from tests.sip import data

PEER = Flow("udp", "203.0.113.5", 40_000)
NOTHING = {"transactions": 0, "dialogs": 0, "legs": 0}


class Desk:
    """A stack whose clock and whose peer are the test."""

    def __init__(self, limits: Limits | None = None) -> None:
        serial = count()
        self.now = 0.0
        self.stack = SipStack(
            domain="wsphone.test",
            user_agent="WSPhone",
            new_token=lambda: f"t{next(serial)}",
            address_for=lambda flow: ("198.51.100.1", 5060),
            limits=limits,
        )

    # The peer's doing.

    def receive(self, raw: bytes, flow: Flow = PEER) -> list[Response]:
        """Hand a message in; returns the responses to it."""
        self.stack.receive(raw, flow, self.now)
        return self.responses()

    def code(self, raw: bytes) -> int:
        """Hand a request in; returns the code of its only answer."""
        (response,) = self.receive(raw)
        return response.code

    def wait(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.now + seconds
        while (due := self.stack.next_timer()) is not None and due <= end:
            self.now = due
            self.stack.handle_timer(due)
        self.now = end

    # What comes out.

    def messages(self) -> list[Request | Response]:
        return [parse(packet) for packet, _ in self.stack.outgoing()]

    def responses(self) -> list[Response]:
        return [message for message in self.messages() if isinstance(message, Response)]

    def requests(self) -> list[Request]:
        return [message for message in self.messages() if isinstance(message, Request)]

    def events(self) -> list[Event]:
        return self.stack.events()

    # Legs.

    def invited(self, invite: bytes = data.INVITE) -> Key:
        """An INVITE came; returns its transaction."""
        self.receive(invite)
        (event,) = self.events()
        assert isinstance(event, Received)
        return event.transaction

    def taken(self, invite: bytes = data.INVITE) -> "PeerDialog":
        """A leg was made of an INVITE that came, and rings."""
        self.stack.take(self.invited(invite), "leg", now=self.now)
        self.stack.ring("leg", now=self.now)
        (ringing,) = self.responses()
        return PeerDialog(ringing.to_tag)

    def up(self, invite: bytes = data.INVITE) -> "PeerDialog":
        """A leg was made of an INVITE that came, and is answered and confirmed."""
        dialog = self.taken(invite)
        self.stack.answer("leg", data.ANSWER, now=self.now)
        self.receive(dialog.request("ACK", 20))
        self.events()
        return dialog

    def calling(self) -> Request:
        """A leg calls; returns its INVITE."""
        self.stack.call(
            "leg",
            target="sip:bob@192.0.2.20:5102",
            flow=PEER,
            from_=NameAddr(Uri.parse("sip:alice@wsphone.test"), "Alice"),
            to=NameAddr(Uri.parse("sip:bob@wsphone.test")),
            sdp=data.ANSWER,
            now=self.now,
        )
        (invite,) = self.requests()
        return invite


class PeerDialog:
    """The peer's end of a dialog that data.INVITE began; `tag` is ours in it."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self._serial = count()

    def request(
        self,
        method: str,
        cseq: int,
        body: str = "",
        *,
        kind: str = "application/sdp",
        more: str = "",
    ) -> bytes:
        """A request in the dialog; `more` is header lines."""
        content = f"Content-Type: {kind}\n" if body else ""
        return data.wire(
            f"{method} sip:bob@198.51.100.1 SIP/2.0\n"
            f"Via: SIP/2.0/UDP 192.0.2.10:5101;branch=z9hG4bKin{next(self._serial)};rport\n"
            'From: "Alice" <sip:alice@wsphone.test>;tag=xvSNhXEfm\n'
            f"To: <sip:bob@wsphone.test>;tag={self.tag}\n"
            f"Call-ID: UkLmbRk2mP\nCSeq: {cseq} {method}\nMax-Forwards: 70\n"
            f"Contact: <sip:alice@192.0.2.99:5101>\n{more}{content}Content-Length: {{length}}\n\n",
            body,
        )


def answer_to(
    invite: Request, code: int, *, tag: str = "peer", body: str = "", more: str = ""
) -> bytes:
    """A response of the peer's to a request of ours."""
    headers = invite.headers
    content = "Content-Type: application/sdp\n" if body else ""
    return data.wire(
        f"SIP/2.0 {code} Whatever\nVia: {headers.only('via')}\nFrom: {headers.only('from')}\n"
        f"To: {headers.only('to')};tag={tag}\nCall-ID: {invite.call_id}\n"
        f"CSeq: {headers.only('cseq')}\nContact: <sip:{tag}@192.0.2.20:5102>\n"
        f"{more}{content}Content-Length: {{length}}\n\n",
        body,
    )


def from_callee(invite: Request, method: str, cseq: int, body: str = "") -> bytes:
    """A request of the side that we called."""
    content = "Content-Type: application/sdp\n" if body else ""
    return data.wire(
        f"{method} sip:alice@198.51.100.1 SIP/2.0\n"
        f"Via: SIP/2.0/UDP 192.0.2.20:5102;branch=z9hG4bKcallee{cseq};rport\n"
        f"From: {invite.headers.only('to')};tag=peer\nTo: {invite.headers.only('from')}\n"
        f"Call-ID: {invite.call_id}\nCSeq: {cseq} {method}\nMax-Forwards: 70\n"
        f"Contact: <sip:bob@192.0.2.20:5102>\n{content}Content-Length: {{length}}\n\n",
        body,
    )
