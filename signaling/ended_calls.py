"""How the calls of the last minutes ended, as each side that took part is told of it."""

from collections import OrderedDict
from dataclasses import dataclass

from signaling.call_actions import Finish
from signaling.call_record import info
from signaling.mailbox import Mailbox
from signaling.shared.errors import NoSuchCall
from signaling.shared.messages import CallInfo

REMEMBER_SECONDS = 600.0
MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a call ended, by account and device; for an account as such, of the leg that counts."""

    at: float
    told: dict[tuple[str, str | None], CallInfo]


class EndedCalls:
    """By their ids, the oldest first; older ones are for the history to tell of."""

    def __init__(self) -> None:
        self._ended: OrderedDict[str, _Ended] = OrderedDict()

    def __contains__(self, call: str) -> bool:
        return call in self._ended

    def remember(self, mailbox: Mailbox, finish: Finish, now: float) -> None:
        """Keep the end of a call; `now` is the loop's time, in seconds."""
        call = mailbox.call
        # An account with several legs is told of its own call, or of the one that it answered.
        by_weight = [*reversed(call.legs), call.winner or call.caller, call.caller]
        told: dict[tuple[str, str | None], CallInfo] = {}
        for leg in by_weight:
            endpoint, seen = call.legs[leg].endpoint, info(mailbox, leg, finish)
            told[endpoint.account, None] = told[endpoint.account, endpoint.device] = seen
        self._ended[call.id] = _Ended(now, told)
        while self._ended:
            ended_at = next(iter(self._ended.values())).at
            if len(self._ended) <= MAX_REMEMBERED and now - ended_at < REMEMBER_SECONDS:
                break
            self._ended.popitem(last=False)

    def told(self, call: str, account: str, device: str | None) -> CallInfo | None:
        """How a remembered call ended for a device, or else its account; None for strangers."""
        told = self._ended[call].told
        return told.get((account, device)) or told.get((account, None))

    def refuse(self, call: str, account: str) -> None:
        """Raise NoSuchCall for a call that is over: how it ended, if the account took part."""
        if call not in self._ended:
            return
        told = self.told(call, account, None)
        if told is None:
            raise NoSuchCall("there is no such call")
        reason = told.reason
        raise NoSuchCall(f"the call is over: {reason}", ended=reason)

    def forget(self) -> None:
        """Leave all of them to the history."""
        self._ended.clear()
