"""A 2xx of ours to an INVITE: repeated until its ACK comes (RFC 3261 13.3.1.4)."""

from dataclasses import dataclass

from signaling.sip.message import Request
from signaling.sip.transaction import Key, Timers


@dataclass(slots=True)
class Acceptance:
    transaction: Key
    cseq: int
    # The 2xx carried our offer, so the ACK carries the peer's answer.
    offers: bool
    interval: float
    repeat_at: float
    give_up_at: float

    @classmethod
    def of(cls, transaction: Key, invite: Request, timers: Timers, now: float) -> "Acceptance":
        """The acceptance of `invite`, sent for the first time at `now`."""
        return cls(
            transaction,
            invite.cseq.number,
            offers=invite.sdp is None,
            interval=timers.t1,
            repeat_at=now + timers.t1,
            give_up_at=now + timers.patience,
        )

    @property
    def deadline(self) -> float:
        """When it is to be repeated, or given up."""
        return min(self.repeat_at, self.give_up_at)

    def is_due(self, now: float, timers: Timers) -> bool:
        """Whether to send it again now; the next time is later by twice as long, up to T2."""
        if self.repeat_at > now:
            return False
        self.interval = min(2 * self.interval, timers.t2)
        self.repeat_at = now + self.interval
        return True
