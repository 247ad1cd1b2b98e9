"""The connections to Apple: kept, replaced, drained, closed; against a fake on the real wire."""

import asyncio
import gc
import socket
from collections import Counter
from pathlib import Path

import pytest

from push import http2, origin
from push.apns import ApnsSender
from push.line import Line
from push.sender import Outcome, Verdict
from tests.push.apns_lab import (
    ACCEPTED,
    SECONDS,
    TOKEN,
    Holding,
    MakeApns,
    delivered,
    drop,
    refuse_stream,
    silence,
    tokens,
    voip,
)
from tests.push.fake_apns import FakeApns, Reply
from tests.push.fake_http2 import CANCEL, FakeConnection, Heard
from tests.push.loop_clock import let_pass


class TestGoAway:
    async def test_over_six_of_them_600_pushes_arrive_once_each(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        taken: Counter[FakeConnection] = Counter()

        def take_100(connection: FakeConnection, heard: Heard) -> None:
            taken[connection] += 1
            if taken[connection] == 100:
                connection.go_away(heard.stream)
                for stream in sorted(connection.open):
                    if stream <= heard.stream:
                        connection.answer(stream, 200, {}, b"")

        apple.always = take_100
        pushes = [voip(token) for token in tokens(600)]
        outcomes = await asyncio.gather(*(delivered(apns, push) for push in pushes))
        assert Counter(outcomes) == {ACCEPTED: 600}
        assert Counter(arrived.id for arrived in apple.arrived) == {push.id: 1 for push in pushes}
        assert list(taken.values()) == 6 * [100]

    async def test_a_drained_connection_is_closed_and_another_kept_ready(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        await apns.send(voip(), seconds=SECONDS)
        first = await apple.opened.get()
        first.go_away(1)
        await first.gone.wait()
        await apple.opened.get()
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert len(apple.connections) == 2


class TestBrokenConnections:
    async def test_a_drop_may_have_come_after_the_push(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        apple.script(TOKEN, drop)
        outcome = await apns.send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.RETRY, "connection lost")
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert len(apple.arrived) == 2

    async def test_a_refused_stream_is_surely_unsent(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        apple.script(TOKEN, refuse_stream)
        outcome = await apns.send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.UNSENT, "stream refused")
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert len(apple.connections) == 1

    async def test_a_cancelled_send_ends_its_stream_and_no_other(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        apple.always = holding = Holding(100)
        sends = [
            asyncio.create_task(apns.send(voip(token), seconds=SECONDS)) for token in tokens(100)
        ]
        await holding.full.wait()
        for send in sends[::2]:
            send.cancel()
        # A push on the same connection is behind their RST_STREAM frames.
        apple.always = Reply()
        await apns.send(voip(), seconds=SECONDS)
        holding.answer_all()
        outcomes = await asyncio.gather(*sends, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[::2])
        assert outcomes[1::2] == 50 * [ACCEPTED]
        assert [heard.reset for _, heard in holding.held].count(CANCEL) == 50
        assert len(apple.arrived) == 101
        assert len(apple.connections) == 1

    async def test_time_that_runs_out_ends_one_push(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        await apns.warm()
        apple.script(TOKEN, silence)
        assert await apns.send(voip(), seconds=0.05) == Outcome(Verdict.RETRY, "no answer in time")
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert apple.last.requests[1].reset == CANCEL
        assert len(apple.connections) == 1

    async def test_an_answer_in_the_last_moment_is_not_lost(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        def late(connection: FakeConnection, heard: Heard) -> None:
            # Answer and time-out come in the same turn of the loop, and asyncio's reads before it
            # looks at its timers.
            let_pass(SECONDS)
            apple.reply(connection, heard, Reply())

        await apns.warm()
        apple.always = late
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED

    async def test_a_stalled_connection_is_replaced(
        self, apple: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http2, "BUSY_PING_SECONDS", 0.05)
        monkeypatch.setattr(http2, "PING_ANSWER_SECONDS", 0.05)
        await apns.warm()
        stalled = await apple.opened.get()
        stalled.deaf = True
        lost = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await apple.opened.get()
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert apple.connections[apple.arrived[0].connection] is not stalled
        lost.cancel()
        await stalled.gone.wait()

    async def test_one_that_breaks_the_protocol_is_left(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        await apns.warm()
        broken = await apple.opened.get()
        broken.write_raw(9 * b"\xff")
        await broken.gone.wait()
        assert broken.violations == ["GOAWAY 6 from the client"]
        broken.violations.clear()
        await apple.opened.get()
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED

    async def test_those_that_ended_are_forgotten(self, apple: FakeApns, apns: ApnsSender) -> None:
        await apns.warm()
        for _ in range(5):
            connection = await apple.opened.get()
            assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
            connection.drop()
        await apple.opened.get()
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        gc.collect()
        assert sum(isinstance(held, Line) for held in gc.get_objects()) == 1

    async def test_an_idle_one_is_pinged_and_stays(
        self, apple: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http2, "IDLE_PING_SECONDS", 0.02)
        await apns.warm()
        for _ in range(3):
            await apple.last.pinged.get()
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        assert len(apple.connections) == 1


class TestConnecting:
    async def test_a_warm_sender_is_connected_before_its_first_push(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        await apns.warm()
        assert len(apple.connections) == 1
        await apns.send(voip(), seconds=SECONDS)
        assert len(apple.connections) == 1

    async def test_a_lost_connection_comes_back_by_itself(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        await apns.warm()
        (await apple.opened.get()).drop()
        await apple.opened.get()

    async def test_without_a_server_nothing_was_sent(
        self, apple: FakeApns, make_apns: MakeApns
    ) -> None:
        apns = make_apns(url=f"https://127.0.0.1:{unused_port()}")
        await apns.warm()
        outcome = await apns.send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.UNSENT, "no connection")

    async def test_a_server_that_comes_back_is_found(
        self, apple: FakeApns, make_apns: MakeApns, tmp_path: Path
    ) -> None:
        late = FakeApns(tmp_path / "tls", port=unused_port())
        apns = make_apns(url=f"https://127.0.0.1:{late.port}")
        await apns.warm()
        late.key = apple.key
        async with late:
            assert await delivered(apns, voip()) == ACCEPTED

    async def test_a_server_without_http2_is_none(
        self, apple: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apple.tls.set_alpn_protocols(["http/1.1"])
        outcome = await apns.send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.UNSENT, "no connection")

    async def test_a_server_that_says_nothing_is_none(
        self, apple: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(origin, "CONNECT_SECONDS", 0.2)
        apple.rules.greets = False
        outcome = await apns.send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.UNSENT, "no connection")
        assert apple.arrived == []

    async def test_a_strange_authority_is_not_trusted(
        self, apple: FakeApns, make_apns: MakeApns
    ) -> None:
        outcome = await make_apns(ca_file=None).send(voip(), seconds=SECONDS)
        assert outcome == Outcome(Verdict.FAULT, "certificate not trusted")
        assert apple.arrived == []

    async def test_each_failure_in_a_row_is_followed_by_a_longer_pause(
        self, apple: FakeApns, make_apns: MakeApns, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failures = recorded_pauses(monkeypatch)
        apns = make_apns(url=f"https://127.0.0.1:{unused_port()}")
        for _ in range(4):
            await apns.send(voip(), seconds=SECONDS)
        assert failures[:3] == [1, 2, 3]

    async def test_a_connection_that_was_of_no_use_counts_as_a_failure(
        self, apple: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failures = recorded_pauses(monkeypatch)
        await apns.warm()
        (await apple.opened.get()).go_away(0)
        (await apple.opened.get()).go_away(0)
        await apple.opened.get()
        assert failures == [1, 2]
        assert await apns.send(voip(), seconds=SECONDS) == ACCEPTED
        apple.last.go_away(1)
        await apple.opened.get()
        assert failures == [1, 2]

    def test_no_pause_is_longer_than_a_call_can_wait(self) -> None:
        assert 0.08 <= origin.pause_seconds(1) <= 0.12
        assert 0.16 <= origin.pause_seconds(2) <= 0.24
        assert 1.6 <= origin.pause_seconds(1_000_000) <= 2.4


class TestRoom:
    async def test_a_push_that_found_no_stream_in_time_was_not_sent(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        apple.rules.streams = 1
        apple.always = holding = Holding(1)
        first = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await holding.full.wait()
        assert await apns.send(voip(), seconds=0.05) == Outcome(Verdict.UNSENT, "no answer in time")
        holding.answer_all()
        assert await first == ACCEPTED
        assert len(apple.arrived) == 1

    async def test_more_than_may_wait_are_told_to_come_back(
        self, apple: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(origin, "MAX_WAITING", 1)
        apple.rules.streams = 1
        apple.always = holding = Holding(1)
        first = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await holding.full.wait()
        apple.always = Reply()
        second = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await asyncio.sleep(0)
        assert await apns.send(voip(), seconds=SECONDS) == Outcome(Verdict.RETRY, "too many pushes")
        holding.answer_all()
        assert [await first, await second] == [ACCEPTED, ACCEPTED]

    async def test_those_who_give_up_make_room(
        self, apple: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(origin, "MAX_WAITING", 1)
        apple.rules.streams = 1
        apple.always = holding = Holding(1)
        first = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await holding.full.wait()
        assert (await apns.send(voip(), seconds=0.05)).reason == "no answer in time"
        assert (await apns.send(voip(), seconds=0.05)).reason == "no answer in time"
        first.cancel()


class TestClosing:
    async def test_what_is_in_flight_is_answered_first(
        self, apple: FakeApns, apns: ApnsSender
    ) -> None:
        apple.always = holding = Holding(1)
        send = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await holding.full.wait()
        closing = asyncio.create_task(apns.aclose())
        # One turn of the loop for this task, and one for those of the two connections.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await apns.send(voip(), seconds=SECONDS) == Outcome(Verdict.UNSENT, "shutting down")
        holding.answer_all()
        assert await send == ACCEPTED
        await closing
        await apple.last.gone.wait()

    async def test_what_is_not_answered_then_may_have_arrived(
        self, apple: FakeApns, apns: ApnsSender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(origin, "GOODBYE_SECONDS", 0.05)
        apple.always = holding = Holding(1)
        send = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await holding.full.wait()
        await apns.aclose()
        assert await send == Outcome(Verdict.RETRY, "shutting down")

    async def test_what_still_waits_was_not_sent(
        self, apple: FakeApns, make_apns: MakeApns
    ) -> None:
        apple.rules.streams = 1
        apple.always = holding = Holding(1)
        apns = make_apns()
        first = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await holding.full.wait()
        waiting = asyncio.create_task(apns.send(voip(), seconds=SECONDS))
        await asyncio.sleep(0)
        closing = asyncio.create_task(apns.aclose())
        assert await waiting == Outcome(Verdict.UNSENT, "shutting down")
        holding.answer_all()
        await closing
        assert await first == ACCEPTED


def recorded_pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """After how many failures it paused; the pauses themselves are none."""
    failures: list[int] = []

    def no_pause(count: int) -> float:
        failures.append(count)
        return 0.0

    monkeypatch.setattr(origin, "pause_seconds", no_pause)
    return failures


def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
