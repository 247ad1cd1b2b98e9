"""Waking over a real switchboard and store: the jobs that are made, and what reports lead to."""

import asyncio

import pytest

from signaling.branches import Verdict, branches, set_up
from signaling.call_actions import Ring, ShowEnd, ShowWaking
from signaling.call_events import HungUp, Rang, Rejected
from signaling.call_model import EndpointKind, Reach
from signaling.call_wake import sip_call_id
from signaling.push_jobs import job_key
from signaling.shared.push import PushKind, Step
from signaling.shared.reasons import EndReason
from signaling.timeline import What
from signaling.waking import ENDED_SECONDS, MISSED_SECONDS
from tests.exchange import accept, answer, until
from tests.exchange import tab as tab_of
from tests.night import TOPIC, Night

CALL, ENDED, MISSED = PushKind.CALL, PushKind.ENDED, PushKind.MISSED


class TestJobs:
    async def test_the_push_says_who_calls_until_when_and_by_which_call_id(
        self, night: Night
    ) -> None:
        await night.register("mobile", "token")
        mailbox = night.exchange.call()
        job = await night.is_pushed()
        call, until_then = mailbox.call.id, mailbox.invitation.expires_at
        assert (job.kind, job.key) == (CALL, job_key(call, "mobile", CALL))
        assert (job.call, job.account, job.device) == (call, night.bob.id, "mobile")
        assert (job.reply_to, job.expires_at) == (TOPIC, until_then)
        target, notice = night.opened(job)
        assert target.token == "token"
        assert (notice.call, notice.account) == (call, night.bob.id)
        assert (notice.from_address, notice.from_name) == ("alice@example.org", "Alice")
        assert notice.sip_call_id == sip_call_id(call, "mobile")
        assert notice.expires_at == until_then
        assert notice.ring_seconds == round(until_then - night.clock(), 3)

    async def test_each_device_gets_one_push_of_a_kind(self, night: Night) -> None:
        await night.register("mobile", "one")
        await night.register("tablet", "two")
        mailbox = night.exchange.call()
        await night.is_pushed(2)
        mailbox.post(HungUp("alice"))
        await night.exchange.finished()
        assert sorted(night.pushed()) == sorted(night.pushed(ENDED)) == ["one", "two"]
        assert len({job.key for job in night.queue.jobs}) == 4

    async def test_the_end_and_the_missed_call_say_why_and_live_as_long_as_they_matter(
        self, night: Night
    ) -> None:
        await night.register("mobile", "token", missed=True)
        mailbox = night.exchange.call()
        await night.is_pushed()
        mailbox.post(HungUp("alice"))
        await night.exchange.finished()
        _, ended, missed = night.queue.jobs
        assert (ended.kind, ended.expires_at) == (ENDED, night.clock() + ENDED_SECONDS)
        assert (missed.kind, missed.expires_at) == (MISSED, night.clock() + MISSED_SECONDS)
        for job in (ended, missed):
            assert night.opened(job)[1].reason == "cancelled"

    async def test_only_devices_that_want_it_hear_of_a_missed_call(self, night: Night) -> None:
        await night.register("mobile", "wants", missed=True)
        await night.register("tablet", "wants not")
        mailbox = night.exchange.call()
        await night.is_pushed(2)
        mailbox.post(HungUp("alice"))
        await night.exchange.finished()
        assert night.pushed(MISSED) == ["wants"]

    async def test_answered_elsewhere_is_no_missed_call(self, night: Night) -> None:
        await night.register("mobile", "token", missed=True)
        night.exchange.here.append(night.tab("desk", "desk"))
        mailbox = night.exchange.call()
        await night.is_pushed()
        await night.rings("desk")
        await accept(mailbox, "desk")
        assert night.pushed(ENDED) == ["token"]
        assert night.pushed(MISSED) == []

    async def test_a_sip_phone_that_sleeps_makes_the_call_anchored(self, night: Night) -> None:
        phone, _ = await night.records.phones.add(night.bob)
        await night.register("linphone", "token", phone=phone.id)
        mailbox = night.exchange.call()
        await night.is_pushed()
        (sleeper,) = mailbox.call.sleepers()
        assert sleeper.endpoint.wakes is EndpointKind.CONTACT
        assert mailbox.call.mode == "anchored"


class TestWhoIsPushed:
    async def test_a_blocked_caller_pushes_nobody(self, night: Night) -> None:
        await night.register("mobile", "token", missed=True)
        night.exchange.directory.blocked.add((night.bob.id, "alice@example.org"))
        night.exchange.call()
        assert (await night.exchange.finished()).reason is EndReason.UNAVAILABLE
        assert night.queue.jobs == []

    async def test_the_device_that_calls_its_own_account_is_not_pushed(self, night: Night) -> None:
        await night.register("mobile", "mine")
        await night.register("tablet", "other")
        night.exchange.call(night.tab("app", "mobile"))
        await night.is_pushed()
        assert night.pushed() == ["other"]

    async def test_a_device_that_looks_awake_and_stays_silent_is_pushed_too(
        self, night: Night
    ) -> None:
        await night.register("mobile", "token")
        night.exchange.here.append(night.tab("app", "mobile"))
        night.exchange.call()
        await night.rings("app")
        assert night.queue.jobs == []
        await asyncio.wait_for(night.is_pushed(), 5.0)

    async def test_one_in_the_background_is_told_both_ways(self, night: Night) -> None:
        await night.register("mobile", "token")
        night.exchange.here.append(night.tab("app", "mobile", Reach.BACKGROUND))
        night.exchange.call()
        await night.rings("app")
        assert night.pushed() == ["token"]

    async def test_nobody_is_pushed_after_a_logout(self, night: Night) -> None:
        await night.register("mobile", "token")
        night.exchange.here.append(night.tab("app", "mobile"))
        mailbox = night.exchange.call()
        await night.rings("app")
        night.waking.revoke(night.bob.id, login=night.login)
        mailbox.post(Rejected("app", EndReason.UNAVAILABLE))
        assert (await night.exchange.finished()).reason is EndReason.UNAVAILABLE
        assert night.queue.jobs == []

    async def test_a_logout_leaves_the_other_devices_of_the_account_as_they_are(
        self, night: Night
    ) -> None:
        await night.register("mobile", "token")
        mailbox = night.exchange.call()
        await night.is_pushed()
        night.waking.revoke(night.bob.id, login="of the desk")
        mailbox.post(HungUp("alice"))
        await night.exchange.finished()
        assert night.pushed(ENDED) == ["token"]

    async def test_a_removed_account_is_pushed_nowhere(self, night: Night) -> None:
        await night.register("mobile", "token")
        mailbox = night.exchange.call()
        await night.is_pushed()
        night.waking.revoke(night.bob.id, login=None)
        mailbox.post(HungUp("alice"))
        await night.exchange.finished()
        assert night.pushed(ENDED) == []


class TestReports:
    async def test_the_caller_hears_waking_and_the_truth_when_every_push_fails(
        self, night: Night
    ) -> None:
        await night.register("mobile", "one")
        await night.register("tablet", "two")
        night.exchange.call()
        await night.is_pushed(2)
        await night.exchange.phones.hears("alice", ShowWaking)
        for job in night.queue.jobs:
            night.report(job, Step.FAILED, "provider is down")
        assert await night.exchange.phones.end_of("alice") is EndReason.UNAVAILABLE

    async def test_a_device_with_several_targets_is_pushed_where_it_worked_and_then_at_the_next(
        self, night: Night
    ) -> None:
        await night.register("mobile", "old", "new")
        await night.worked("new")
        mailbox = night.exchange.call()
        first = await night.is_pushed()
        assert night.pushed() == ["new"]
        night.report(first, Step.RETRYING)
        night.report(first, Step.FAILED)
        night.report(first, Step.FAILED)
        assert night.pushed() == ["new", "old"]
        night.report(night.queue.jobs[1], Step.ACCEPTED)
        night.report(night.queue.jobs[1], Step.FAILED)
        mailbox.post(Rang("alice"))
        await until(lambda: mailbox.call.legs["wake:mobile"].push == "accepted")
        assert night.sleeps_in(mailbox, "mobile")

    async def test_one_that_was_reached_is_pushed_nowhere_else(self, night: Night) -> None:
        await night.register("mobile", "one", "two")
        night.exchange.call()
        first = await night.is_pushed()
        night.report(first, Step.ACCEPTED)
        night.report(first, Step.FAILED, "claimed by another worker")
        assert len(night.queue.jobs) == 1

    async def test_a_dead_target_is_forgotten_and_the_other_device_wakes(
        self, night: Night
    ) -> None:
        await night.register("mobile", "dead")
        await night.register("tablet", "lives")
        mailbox = night.exchange.call()
        await night.is_pushed(2)
        dead, lives = sorted(night.queue.jobs, key=lambda job: job.device)
        night.report(dead, Step.FAILED, "UNREGISTERED", dead=True)
        night.report(lives, Step.ACCEPTED)
        night.appears(night.tab("pad", "tablet"))
        await night.rings("pad")
        await answer(mailbox, "pad")
        await night.waking.stop()
        (kept,) = await night.records.push_targets.of_account(night.bob.id)
        assert kept.target.token == "lives"
        assert kept.last_success_at == night.clock()

    async def test_what_is_reported_after_the_end_is_kept_with_the_target(
        self, night: Night
    ) -> None:
        await night.register("mobile", "token")
        mailbox = night.exchange.call()
        job = await night.is_pushed()
        mailbox.post(HungUp("alice"))
        await night.exchange.finished()
        night.report(job, Step.FAILED, "Unavailable")
        await night.waking.stop()
        (kept,) = await night.records.push_targets.of_account(night.bob.id)
        assert kept.last_failure_reason == "Unavailable"

    async def test_a_cancel_that_a_phone_does_not_take_is_no_failure(self, night: Night) -> None:
        await night.register("mobile", "token")
        mailbox = night.exchange.call()
        await night.is_pushed()
        mailbox.post(HungUp("alice"))
        await night.exchange.finished()
        night.report(await night.is_pushed(2), Step.DROPPED, "not sent")
        await night.waking.stop()
        (kept,) = await night.records.push_targets.of_account(night.bob.id)
        assert kept.last_failure_reason is None


class TestWaking:
    async def test_a_device_that_wakes_gets_the_call_and_may_answer_while_the_push_is_on_its_way(
        self, night: Night
    ) -> None:
        await night.register("mobile", "token")
        mailbox = night.exchange.call()
        job = await night.is_pushed()
        night.appears(night.tab("app", "mobile"))
        await answer(mailbox, "app")
        night.report(job, Step.ACCEPTED)
        assert night.waking.count() == 1
        mailbox.post(HungUp("alice"))
        assert (await night.exchange.finished()).reason is EndReason.HANGUP
        await until(lambda: not night.waking.count())
        assert night.pushed() == ["token"]
        assert not night.pushed(ENDED)

    async def test_one_that_wakes_twice_is_pushed_once(self, night: Night) -> None:
        await night.register("mobile", "token")
        night.exchange.call()
        await night.is_pushed()
        for name in ("app", "app again", "app again"):
            night.appears(night.tab(name, "mobile"))
        await night.rings("app again")
        assert len(night.exchange.phones.all("app again", Ring)) == 1
        assert night.pushed() == ["token"]

    async def test_the_timeline_tells_each_hop_of_a_wake(self, night: Night) -> None:
        await night.register("mobile", "token")
        mailbox = night.exchange.call()
        job = await night.is_pushed()
        night.report(job, Step.SENDING)
        night.report(job, Step.ACCEPTED, "200 OK")
        night.appears(night.tab("app", "mobile"))
        await answer(mailbox, "app")
        mailbox.post(HungUp("alice"))
        record = await night.exchange.finished()
        timeline = night.exchange.directory.timelines[record.id]
        told = [hop.what for hop in timeline if hop.device == "mobile"]
        assert told == [
            What.PUSH_ASKED,
            What.PUSH_SENDING,
            What.PUSH_ACCEPTED,
            What.APPEARED,
            What.INVITED,
            What.ANSWERED,
            *told[6:],
        ]
        assert [each.verdict for each in branches(timeline)] == [Verdict.WOKE, Verdict.ANSWERED]
        assert len(set_up(timeline).wakes) == 1

    async def test_the_history_tells_that_a_device_was_woken(self, night: Night) -> None:
        await night.register("mobile", "token")
        mailbox = night.exchange.call()
        await night.is_pushed()
        mailbox.post(HungUp("alice"))
        record = await night.exchange.finished()
        (leg,) = [leg for leg in record.legs if leg.kind == "wake"]
        assert (leg.endpoint, leg.state) == ("wake:mobile", "invited")
        assert leg.reason is EndReason.CANCELLED


class TestTooLate:
    async def cancelled(self, night: Night) -> str:
        """A call that was pushed and cancelled; nobody woke."""
        await night.register("mobile", "token")
        mailbox = night.exchange.call()
        await night.is_pushed()
        mailbox.post(HungUp("alice"))
        await night.exchange.finished()
        return mailbox.call.id

    @pytest.mark.parametrize("kind", ["session", "contact"])
    async def test_who_wakes_after_the_end_hears_how_it_ended_and_nothing_else(
        self, night: Night, kind: str
    ) -> None:
        call = await self.cancelled(night)
        woken = (night.tab if kind == "session" else night.contact)("woken", "mobile")
        night.appears(woken)
        (end,) = night.late_ends("woken")
        assert end.reason is EndReason.CANCELLED
        assert night.exchange.phones.told[-1] is end
        assert night.exchange.board.late_ends.was_told(call, woken)

    async def test_it_hears_so_once(self, night: Night) -> None:
        await self.cancelled(night)
        night.appears(night.contact("woken", "mobile"))
        night.appears(night.contact("woken", "mobile", "elsewhere"))
        night.appears(night.tab("app", "mobile"))
        assert len(night.late_ends("woken")) == 1
        assert night.late_ends("app") == []

    async def test_other_devices_and_other_accounts_hear_nothing(self, night: Night) -> None:
        await self.cancelled(night)
        night.appears(night.tab("desk", "desk"))
        night.appears(tab_of("mobile", "carol"))
        assert night.late_ends("desk") == night.late_ends("mobile") == []

    async def test_one_that_woke_while_others_talk_hears_answered_elsewhere(
        self, night: Night
    ) -> None:
        await night.register("mobile", "token")
        night.exchange.here.append(night.tab("desk", "desk"))
        mailbox = night.exchange.call()
        await night.rings("desk")
        await answer(mailbox, "desk")
        night.appears(night.tab("app", "mobile"))
        (end,) = night.late_ends("app")
        assert end.reason is EndReason.ANSWERED_ELSEWHERE
        told = await night.exchange.board.how_it_ended(mailbox.call.id, night.bob.id, "mobile")
        assert told is not None
        assert (told.state, told.reason) == ("ended", "answered_elsewhere")
        assert await night.exchange.board.how_it_ended(mailbox.call.id, night.bob.id) is None
        mailbox.post(HungUp("alice"))
        await night.exchange.finished()
        for device, reason in (("mobile", "answered_elsewhere"), ("desk", "hangup")):
            told = await night.exchange.board.how_it_ended(mailbox.call.id, night.bob.id, device)
            assert told is not None
            assert told.reason == reason

    async def test_one_that_rang_has_heard_the_end_already(self, night: Night) -> None:
        await night.register("mobile", "token")
        mailbox = night.exchange.call()
        await night.is_pushed()
        night.appears(night.contact("phone", "mobile"))
        await night.rings("phone")
        mailbox.post(Rang("phone"))
        mailbox.post(HungUp("alice"))
        await night.exchange.finished()
        night.appears(night.contact("phone", "mobile", "elsewhere"))
        assert night.exchange.phones.all("phone", ShowEnd)
        assert night.late_ends("phone") == []
