"""The calls that go on, for whoever looks into them, as the history has those that are over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from signaling.call_record import live_call
from signaling.mailbox import Mailbox
from signaling.shared.model import LiveCall
from signaling.timeline import Hop


@dataclass(frozen=True, slots=True)
class LiveReport:
    """A call and what has passed in it so far."""

    call: LiveCall
    hops: list[Hop]


class LiveCalls:
    """`mailboxes` are the calls of this process, in the order in which they began."""

    def __init__(self, mailboxes: Callable[[], Sequence[Mailbox]]) -> None:
        self._mailboxes = mailboxes

    def recent(self, account: str | None = None, *, limit: int = 50) -> list[LiveCall]:
        """The calls of one account, or of everybody, newest first."""
        found = [
            mailbox
            for mailbox in reversed(self._mailboxes())
            if account is None or account in _parties(mailbox)
        ]
        return [live_call(mailbox) for mailbox in found[:limit]]

    def get(self, call: str) -> LiveReport | None:
        """The call with this id; whether the asker may see it is the caller's to check."""
        for mailbox in self._mailboxes():
            if mailbox.call.id == call:
                return LiveReport(live_call(mailbox), list(mailbox.timeline.hops))
        return None


def _parties(mailbox: Mailbox) -> tuple[str | None, str | None]:
    call = mailbox.call
    return call.caller_leg().endpoint.account, call.callee_account
