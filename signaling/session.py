"""The numbered events of one client session, and their replay after a cut."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec

from signaling.shared.messages import Event, Fleeting

MAX_EVENTS = 256
MAX_BYTES = 1_048_576


@dataclass(slots=True)
class EventLog:
    """What a session was told and has not acknowledged.

    `epoch` names one unbroken numbering. Events beyond the bounds push the oldest out; a client
    that still needs those cannot resume and gets a fresh session.
    """

    epoch: str
    seq: int = 0
    kept: deque[tuple[int, str]] = field(default_factory=deque)
    kept_bytes: int = 0

    def append(self, event: Event) -> str:
        """Number an event; returns its JSON-RPC notification, ready to be sent."""
        self.seq += 1
        params = msgspec.json.encode(event)[:-1].decode()
        separator = "" if params == "{" else ","
        frame = _notification(event, f'{params}{separator}"seq":{self.seq}}}')
        self.kept.append((self.seq, frame))
        self.kept_bytes += len(frame)
        while len(self.kept) > MAX_EVENTS or self.kept_bytes > MAX_BYTES:
            self._forget_oldest()
        return frame

    def acknowledge(self, seq: int) -> None:
        """The client has everything up to `seq`."""
        while self.kept and self.kept[0][0] <= seq:
            self._forget_oldest()

    def resume(self, epoch: str, seq: int) -> list[str] | None:
        """The events after `seq`, in order; None when they cannot be told without a gap."""
        oldest = self.kept[0][0] if self.kept else self.seq + 1
        if epoch != self.epoch or not oldest - 1 <= seq <= self.seq:
            return None
        self.acknowledge(seq)
        return [frame for _, frame in self.kept]

    def snapshot(self) -> dict[str, Any]:
        """Everything another process needs to go on, as JSON values."""
        return {"epoch": self.epoch, "seq": self.seq, "kept": [list(each) for each in self.kept]}

    @classmethod
    def restore(cls, snapshot: dict[str, Any]) -> Self:
        """The log that `snapshot` was taken of."""
        kept = deque((seq, frame) for seq, frame in snapshot["kept"])
        size = sum(len(frame) for _, frame in kept)
        return cls(snapshot["epoch"], snapshot["seq"], kept, size)

    def _forget_oldest(self) -> None:
        _, frame = self.kept.popleft()
        self.kept_bytes -= len(frame)


def fleeting(event: Fleeting) -> str:
    """The notification of an event that has no number: it is true only now."""
    return _notification(event, msgspec.json.encode(event).decode())


def _notification(event: Event | Fleeting, params: str) -> str:
    return f'{{"jsonrpc":"2.0","method":"{event.method}","params":{params}}}'
