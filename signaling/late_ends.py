"""Calls that ended before a device woke: told to whatever of the device comes first."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from signaling.call_actions import LegAction, RememberEnd, ShowLateEnd
from signaling.call_model import Endpoint
from signaling.mailbox import Invitation
from signaling.shared.bus import Bus, account_topic

LATE_SECONDS = 30.0
"""How long after the ring time a push may still arrive."""
MAX_OF_DEVICE = 8

_Tell = Callable[[Invitation, Endpoint, LegAction], None]


@dataclass(slots=True)
class _LateEnd:
    """One call that a device was pushed for; `told` is the endpoint that heard of its end."""

    invitation: Invitation
    end: RememberEnd
    timer: asyncio.TimerHandle
    told: str | None = None


class LateEnds:
    """By device and call. `tell` tells an endpoint that is no leg of a call."""

    def __init__(self, bus: Bus, tell: _Tell) -> None:
        self._bus = bus
        self._tell = tell
        self._of_device: dict[tuple[str, str], dict[str, _LateEnd]] = {}
        # Of each account with late ends, how to stop listening to it.
        self._listening: dict[str, Callable[[], None]] = {}

    def remember(self, invitation: Invitation, sleeper: Endpoint, end: RememberEnd) -> None:
        """Tell the device of `sleeper` once it comes, unless that is too late for any push."""
        if sleeper.device is None:
            return
        device = (sleeper.account, sleeper.device)
        known = self._of_device.setdefault(device, {})
        if len(known) >= MAX_OF_DEVICE:
            self._drop(device, next(iter(known)))
        seconds = max(0.0, invitation.expires_at - time.time()) + LATE_SECONDS
        loop = asyncio.get_running_loop()
        timer = loop.call_later(seconds, self._drop, device, invitation.call)
        self._of_device.setdefault(device, {})[invitation.call] = _LateEnd(invitation, end, timer)
        if sleeper.account not in self._listening:
            topic = account_topic(sleeper.account)
            self._listening[sleeper.account] = self._bus.subscribe(topic, self._appeared)

    def was_told(self, call: str, endpoint: Endpoint) -> bool:
        """Whether the endpoint has just heard that the call is over."""
        late = self._known(endpoint).get(call)
        return late is not None and late.told == endpoint.id

    def count(self) -> int:
        """Ends that are kept for devices."""
        return sum(len(known) for known in self._of_device.values())

    def clear(self) -> None:
        """Forget all of it."""
        for device, known in list(self._of_device.items()):
            for call in list(known):
                self._drop(device, call)

    def _appeared(self, endpoint: Endpoint) -> None:
        for late in self._known(endpoint).values():
            if late.told is None:
                late.told = endpoint.id
                end = late.end
                action = ShowLateEnd(endpoint.id, end.reason, end.by, end.seconds)
                self._tell(late.invitation, endpoint, action)

    def _known(self, endpoint: Endpoint) -> dict[str, _LateEnd]:
        return self._of_device.get((endpoint.account, endpoint.device or ""), {})

    def _drop(self, device: tuple[str, str], call: str) -> None:
        known = self._of_device.get(device, {})
        late = known.pop(call, None)
        if late is not None:
            late.timer.cancel()
        if known:
            return
        self._of_device.pop(device, None)
        account = device[0]
        if not any(owner == account for owner, _ in self._of_device):
            stop = self._listening.pop(account, None)
            if stop is not None:
                stop()
