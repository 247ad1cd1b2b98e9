"""Dialogs: what two user agents remember of each other (RFC 3261 12)."""

from dataclasses import asdict, dataclass
from typing import Any

from signaling.sip.flow import Flow
from signaling.sip.message import Message, Pair, Request, Response
from signaling.sip.uri import NameAddr, request_target


@dataclass(slots=True)
class Dialog:
    """One dialog, seen from our side; `local` and `remote` are header values with their tags.

    Requests go to `flow`, where the peer's messages came from: what its Contact says may be
    an address behind a NAT. `target` is the Contact's URI and stands in the request line.
    """

    call_id: str
    local_tag: str
    remote_tag: str
    local: str
    remote: str
    target: str
    routes: tuple[str, ...]
    local_cseq: int
    remote_cseq: int | None
    flow: Flow

    @classmethod
    def accepted(cls, invite: Request, local_tag: str, flow: Flow) -> "Dialog":
        """The dialog that our answer to a request makes (RFC 3261 12.1.1)."""
        return cls(
            call_id=invite.call_id,
            local_tag=local_tag,
            remote_tag=invite.from_tag,
            local=f"{invite.headers.only('to')};tag={local_tag}",
            remote=invite.headers.only("from"),
            target=_contact(invite) or str(invite.from_.uri),
            routes=tuple(invite.record_routes),
            local_cseq=0,
            remote_cseq=invite.cseq.number,
            flow=flow,
        )

    @classmethod
    def offered(cls, invite: Request, response: Response, flow: Flow) -> "Dialog":
        """The dialog that an answer to our request makes (RFC 3261 12.1.2)."""
        return cls(
            call_id=invite.call_id,
            local_tag=invite.from_tag,
            remote_tag=response.to_tag,
            local=invite.headers.only("from"),
            remote=response.headers.only("to"),
            target=_contact(response) or invite.target,
            routes=tuple(reversed(response.record_routes)),
            local_cseq=invite.cseq.number,
            remote_cseq=None,
            flow=flow,
        )

    def request(self, method: str, *, cseq: int | None = None) -> tuple[str, list[Pair]]:
        """Request-URI and headers of our next request; an ACK names the `cseq` of its INVITE."""
        if cseq is None:
            self.local_cseq += 1
            cseq = self.local_cseq
        target, routes = self._way()
        headers = [("Route", route) for route in routes]
        headers += [
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        return target, headers

    def _way(self) -> tuple[str, tuple[str, ...]]:
        if not self.routes:
            return self.target, ()
        first = NameAddr.parse(self.routes[0]).uri
        if first.parameter("lr") is not None:
            return self.target, self.routes
        # A strict router takes the request line for itself (RFC 3261 12.2.1.1).
        return str(first), (*self.routes[1:], f"<{self.target}>")

    def take(self, request: Request) -> bool:
        """Note the peer's request; False when it comes out of order (RFC 3261 12.2.2)."""
        if self.remote_cseq is not None and request.cseq.number <= self.remote_cseq:
            return False
        self.remote_cseq = request.cseq.number
        return True

    def refresh(self, message: Message, flow: Flow) -> None:
        """Take over where a target refresh says the peer is now."""
        self.target = _contact(message) or self.target
        self.flow = flow

    def snapshot(self) -> dict[str, Any]:
        """All of it as plain data, for another process to take over."""
        return asdict(self)

    @classmethod
    def restore(cls, data: dict[str, Any]) -> "Dialog":
        """The dialog that `snapshot` described."""
        return cls(**{**data, "routes": tuple(data["routes"]), "flow": Flow(**data["flow"])})


def _contact(message: Message) -> str | None:
    return request_target(message.contacts[0].uri) if message.contacts else None
