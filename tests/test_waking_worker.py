"""Waking through the real queue and a real worker, up to what a provider is handed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from push.sender import FcmPush, Outcome, Verdict
from push.worker import PushWorker
from signaling.call_events import HungUp
from signaling.shared.push import Provider
from signaling.shared.queue_memory import MemoryPushQueue
from signaling.shared.reasons import EndReason
from tests.exchange import answer, until
from tests.night import Night


class Carrier:
    """A sender whose every attempt has the same outcome; keeps what it was handed."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.sent: list[FcmPush] = []

    async def warm(self) -> None: ...

    async def send(self, push: FcmPush, *, seconds: float) -> Outcome:
        self.sent.append(push)
        return Outcome(self.verdict, "as the test has it")

    async def aclose(self) -> None: ...


@asynccontextmanager
async def worked_by(night: Night, carrier: Carrier) -> AsyncIterator[None]:
    """The real queue and a real worker, up to the provider."""
    queue = MemoryPushQueue(night.exchange.bus, night.clock)
    waking = night.woken_by(queue, "reports of the worker")
    senders = {Provider.FCM: carrier}
    bus, keyring = night.exchange.bus, night.records.keyring
    worker = asyncio.create_task(PushWorker(queue, senders, keyring, bus, night.clock).run())
    yield
    await night.exchange.board.stop()
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    await waking.stop()


async def test_a_push_that_was_accepted_is_followed_by_the_call(night: Night) -> None:
    await night.register("mobile", "token")
    carrier = Carrier(Verdict.ACCEPTED)
    async with worked_by(night, carrier):
        mailbox = night.exchange.call()
        await until(lambda: mailbox.call.legs.get("wake:mobile") is not None)
        await until(lambda: mailbox.call.legs["wake:mobile"].push == "accepted")
        (push,) = carrier.sent
        assert (push.token, push.high_priority) == ("token", True)
        night.appears(night.tab("app", "mobile"))
        await answer(mailbox, "app")
        mailbox.post(HungUp("alice"))
        assert (await night.exchange.finished()).reason is EndReason.HANGUP


@pytest.mark.parametrize("verdict", [Verdict.FAULT, Verdict.DEAD, Verdict.REFUSED])
async def test_a_call_that_no_provider_takes_ends_at_once(night: Night, verdict: Verdict) -> None:
    await night.register("mobile", "one", "two")
    carrier = Carrier(verdict)
    async with worked_by(night, carrier):
        night.exchange.call()
        assert (await night.exchange.finished()).reason is EndReason.UNAVAILABLE
        assert sorted(push.token for push in carrier.sent) == ["one", "two"]
    left = await night.records.push_targets.of_account(night.bob.id)
    assert len(left) == (0 if verdict is Verdict.DEAD else 2)


async def test_a_push_that_is_tried_again_is_not_once_the_call_is_over(night: Night) -> None:
    await night.register("mobile", "token")
    carrier = Carrier(Verdict.RETRY)
    async with worked_by(night, carrier):
        mailbox = night.exchange.call()
        await until(lambda: carrier.sent)
        carrier.verdict = Verdict.ACCEPTED
        mailbox.post(HungUp("alice"))
        await night.exchange.finished()
        # The second attempt would have come half a second later.
        await asyncio.gather(*(each for each in asyncio.all_tasks() if each.get_name() == "push"))
        assert [push.data["kind"] for push in carrier.sent] == ["call", "ended"]
