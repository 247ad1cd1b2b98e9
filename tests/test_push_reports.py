"""What becomes of a push is kept where its call is over already."""

import asyncio
from collections.abc import Collection

import pytest

from signaling.push_reports import MAX_WAITING, PushReports
from signaling.shared.bus_memory import MemoryBus
from signaling.shared.errors import TryAgain
from signaling.shared.push import Provider, PushKind, PushReport, Step
from signaling.timeline import Hop, What
from tests.exchange import until

TOPIC = "reports"


class Desk:
    """Everything around it, in lists; `gate` holds the database up."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, Hop]] = []
        self.live: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.trouble = False
        self.bus = MemoryBus()
        self.reports = PushReports(self.bus, TOPIC, self.live.__contains__, self._add)

    def report(self, call: str | None, kind: PushKind = PushKind.CALL) -> None:
        told = PushReport(
            *("key", kind, "id of bob", "mobile", "target", Provider.FCM, Step.ACCEPTED),
            at=1_700_000_000.0,
            attempt=1,
            registered_at=0.0,
            call=call,
        )
        self.bus.publish(TOPIC, told)

    async def _add(self, call: str, hops: Collection[Hop]) -> None:
        await self.gate.wait()
        if self.trouble:
            raise TryAgain("the database cannot be reached now", retry_after=5)
        self.kept.extend((call, hop) for hop in hops)


async def test_a_report_after_the_end_is_kept_with_its_call() -> None:
    desk = Desk()
    desk.report("over", PushKind.MISSED)
    await until(lambda: desk.kept)
    ((call, hop),) = desk.kept
    assert (call, hop.what, hop.detail) == ("over", What.PUSH_ACCEPTED, "fcm missed")
    await desk.reports.stop()


async def test_a_live_call_hears_of_it_by_its_mailbox() -> None:
    desk = Desk()
    desk.live.add("call")
    desk.report("call")
    desk.report(None, PushKind.TEST)
    await desk.reports.stop()
    assert desk.kept == []


async def test_what_was_heard_is_kept_before_the_end_and_nothing_is_heard_after() -> None:
    desk = Desk()
    desk.gate.clear()
    desk.report("over")
    stopping = asyncio.create_task(desk.reports.stop())
    desk.gate.set()
    await stopping
    desk.report("over")
    assert len(desk.kept) == 1


async def test_a_database_that_is_away_holds_up_only_so_many() -> None:
    desk = Desk()
    desk.gate.clear()
    for _ in range(MAX_WAITING + 10):
        desk.report("over")
    desk.gate.set()
    await desk.reports.stop()
    assert len(desk.kept) == MAX_WAITING


async def test_a_hop_that_cannot_be_kept_is_told_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    desk.trouble = True
    desk.report("over")
    await desk.reports.stop()
    assert "call over: a push after its end could not be kept" in caplog.text
