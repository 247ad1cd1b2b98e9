"""Pushes that nobody accepted before their call was over: they are withdrawn."""

from signaling.call_events import HungUp
from signaling.shared.push import Step
from tests.exchange import answer
from tests.night import Night


async def test_a_call_that_ends_is_not_pushed_any_more(night: Night) -> None:
    await night.register("mobile", "token")
    mailbox = night.exchange.call()
    job = await night.is_pushed()
    night.report(job, Step.RETRYING, "provider is down")
    mailbox.post(HungUp("alice"))
    await night.exchange.finished()
    assert night.queue.withdrawn == [job.key]


async def test_nor_is_one_that_another_device_answered(night: Night) -> None:
    await night.register("mobile", "one", "two")
    night.exchange.here.append(night.tab("desk", "desk"))
    mailbox = night.exchange.call()
    job = await night.is_pushed()
    await night.rings("desk")
    await answer(mailbox, "desk")
    night.report(job, Step.FAILED, "provider is down")
    assert len(night.pushed()) == 1
    assert night.queue.withdrawn == [job.key]


async def test_nor_the_device_that_answered_by_itself(night: Night) -> None:
    await night.register("mobile", "token")
    mailbox = night.exchange.call()
    job = await night.is_pushed()
    night.appears(night.tab("app", "mobile"))
    await answer(mailbox, "app")
    assert night.queue.withdrawn == [job.key]


async def test_nor_one_whose_login_ended(night: Night) -> None:
    await night.register("mobile", "token")
    night.exchange.call()
    job = await night.is_pushed()
    night.waking.revoke(night.bob.id, login=night.login)
    assert night.queue.withdrawn == [job.key]


async def test_what_was_accepted_is_left_alone(night: Night) -> None:
    await night.register("mobile", "token")
    mailbox = night.exchange.call()
    night.report(await night.is_pushed(), Step.ACCEPTED)
    mailbox.post(HungUp("alice"))
    await night.exchange.finished()
    assert night.queue.withdrawn == []
