"""How often one caller may have a device woken, who starts calls and gives them up."""

import logging

import pytest

from signaling.call_events import HungUp, Rang
from signaling.call_model import Endpoint, EndpointKind
from signaling.shared.messages import Party
from signaling.shared.push import PushKind
from signaling.shared.reasons import EndReason
from signaling.timeline import What
from signaling.waking import PUSHES_IN_A_ROW, SECONDS_A_PUSH
from tests.exchange import tab
from tests.night import Night


async def redial(night: Night, times: int) -> None:
    """Call and give up, again and again."""
    for _ in range(times):
        before = len(night.queue.jobs)
        mailbox = night.exchange.call()
        await night.is_pushed(before + 1)
        mailbox.post(HungUp("alice"))
        await night.exchange.finished()


async def exhaust(night: Night, *, missed: bool = False) -> None:
    """Call bob's mobile until nobody else would."""
    await night.register("mobile", "token", missed=missed)
    await redial(night, PUSHES_IN_A_ROW)


class TestTooOften:
    async def test_a_caller_has_a_device_woken_so_often_and_then_hears_why_not(
        self, night: Night, caplog: pytest.LogCaptureFixture
    ) -> None:
        await exhaust(night)
        with caplog.at_level(logging.INFO):
            call = night.exchange.call().call.id
            record = await night.exchange.finished()
        assert (record.id, record.reason, record.code) == (call, EndReason.TOO_OFTEN, 480)
        assert await night.exchange.phones.end_of("alice") is EndReason.TOO_OFTEN
        assert len(night.pushed()) == PUSHES_IN_A_ROW
        assert night.refused == 1
        assert f"call {call}: its caller had a device pushed too often" in caplog.text
        assert "example.org" not in caplog.text
        (given_up,) = [
            hop
            for hop in night.exchange.directory.timelines[call]
            if hop.what is What.PUSH_GIVEN_UP
        ]
        assert (given_up.device, given_up.reason) == ("mobile", "too_often")

    async def test_what_is_refused_makes_no_other_push(self, night: Night) -> None:
        await exhaust(night, missed=True)
        before = len(night.queue.jobs)
        night.exchange.call()
        assert (await night.exchange.finished()).reason is EndReason.TOO_OFTEN
        # This one is given up before it could hear that nobody is woken.
        night.exchange.call().post(HungUp("alice"))
        assert (await night.exchange.finished()).reason is EndReason.CANCELLED
        assert len(night.queue.jobs) == before

    async def test_who_redials_by_hand_is_never_refused(self, night: Night) -> None:
        await night.register("mobile", "token")
        for _ in range(3 * PUSHES_IN_A_ROW):
            await redial(night, 1)
            night.uptime += SECONDS_A_PUSH
        assert night.refused == 0

    async def test_after_a_pause_the_phone_is_woken_again(self, night: Night) -> None:
        await exhaust(night)
        night.uptime += SECONDS_A_PUSH
        await redial(night, 1)
        night.exchange.call()
        assert (await night.exchange.finished()).reason is EndReason.TOO_OFTEN

    async def test_other_callers_and_other_devices_are_not_concerned(self, night: Night) -> None:
        await exhaust(night)
        await night.register("tablet", "other")
        mailbox = night.exchange.call()
        await night.is_pushed(2 * PUSHES_IN_A_ROW + 1)
        assert night.pushed()[-1] == "other"
        assert night.sleeps_in(mailbox, "tablet")
        night.exchange.board.start(
            "00000000-0000-4000-8000-000000000001",
            tab("carol", "carol"),
            Party("carol@example.org", "Carol"),
            to="bob",
            media=1,
            offer="offer of the caller",
        )
        await night.is_pushed(2 * PUSHES_IN_A_ROW + 3)
        assert night.pushed()[-2:] == ["token", "other"]

    async def test_a_phone_that_is_there_rings_as_ever(self, night: Night) -> None:
        await exhaust(night)
        night.exchange.here.append(night.tab("app", "mobile"))
        mailbox = night.exchange.call()
        await night.rings("app")
        mailbox.post(Rang("app"))
        mailbox.post(HungUp("alice"))
        assert (await night.exchange.finished()).reason is EndReason.CANCELLED

    async def test_missed_calls_that_pushed_nothing_count_too(self, night: Night) -> None:
        """Given up within the second in which a device that looks awake is not pushed."""
        await night.register("mobile", "token", missed=True)
        night.exchange.here.append(Endpoint("app", EndpointKind.SESSION, night.bob.id, "mobile"))
        for _ in range(PUSHES_IN_A_ROW + 5):
            mailbox = night.exchange.call()
            await night.rings("app")
            mailbox.post(HungUp("alice"))
            await night.exchange.finished()
        assert night.pushed() == []
        assert len(night.pushed(PushKind.MISSED)) == PUSHES_IN_A_ROW
        assert night.refused == 5
