"""Ends that come before a device: how long they are kept, and how many."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from signaling import late_ends
from signaling.call_actions import LegAction, RememberEnd, ShowLateEnd
from signaling.call_model import Endpoint, EndpointKind
from signaling.late_ends import MAX_OF_DEVICE, LateEnds
from signaling.mailbox import Invitation
from signaling.shared.bus import account_topic
from signaling.shared.bus_memory import MemoryBus
from signaling.shared.messages import Party
from signaling.shared.reasons import EndedBy, EndReason
from tests.exchange import tab, until

MOBILE = Endpoint("wake:mobile", EndpointKind.WAKE, "id of bob", "device of app")
END = RememberEnd("wake:mobile", EndReason.CANCELLED, EndedBy.CALLER, 0.0)


class Bus(MemoryBus):
    """Knows how many listen."""

    def __init__(self) -> None:
        super().__init__()
        self.listeners = 0

    def subscribe(self, topic: str, listener: Callable[[Any], None]) -> Callable[[], None]:
        end = super().subscribe(topic, listener)
        self.listeners += 1

        def counted() -> None:
            self.listeners -= 1
            end()

        return counted


class Late:
    """Late ends, and what endpoints were told of them."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.told: list[tuple[str, str]] = []
        self.ends = LateEnds(self.bus, self._tell)

    def remember(self, call: str, *, ring_seconds: float = 30.0) -> None:
        party = Party("alice@example.org", "Alice")
        invitation = Invitation(call, party, "bob", time.time() + ring_seconds)
        self.ends.remember(invitation, MOBILE, END)

    def appears(self, endpoint: Endpoint) -> None:
        self.bus.publish(account_topic(endpoint.account), endpoint)

    def _tell(self, invitation: Invitation, endpoint: Endpoint, action: LegAction) -> None:
        assert isinstance(action, ShowLateEnd)
        self.told.append((endpoint.id, invitation.call))


async def test_an_end_is_kept_until_no_push_arrives_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = Late()
    late.remember("long")
    monkeypatch.setattr(late_ends, "LATE_SECONDS", 0.0)
    late.remember("short", ring_seconds=0.0)
    await until(lambda: late.ends.count() == 1)
    late.appears(tab("app"))
    assert late.told == [("app", "long")]
    late.ends.clear()


async def test_a_call_that_rings_on_keeps_it_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_ends, "LATE_SECONDS", 0.0)
    late = Late()
    late.remember("call", ring_seconds=30.0)
    for _ in range(3):
        await asyncio.sleep(0)
    assert late.ends.count() == 1
    late.ends.clear()


async def test_of_many_calls_a_device_hears_of_the_last_ones() -> None:
    late = Late()
    for number in range(MAX_OF_DEVICE + 3):
        late.remember(f"call {number}")
    late.appears(tab("app"))
    assert [call for _, call in late.told] == [
        f"call {number}" for number in range(3, MAX_OF_DEVICE + 3)
    ]
    late.ends.clear()


async def test_nobody_listens_for_what_is_forgotten() -> None:
    late = Late()
    late.remember("one")
    late.remember("two")
    assert late.bus.listeners == 1
    late.ends.clear()
    assert (late.bus.listeners, late.ends.count()) == (0, 0)
    late.appears(tab("app"))
    assert late.told == []
