"""Figures of talking calls: told to sessions, unnumbered; kept and logged at the end."""

import asyncio
import logging

import pytest

from signaling.call_actions import Ring, ShowAnswer
from signaling.call_events import HungUp
from signaling.call_figures import event_of, kept, tell_call, tell_figures
from signaling.mailbox import Mailbox
from signaling.shared.errors import MediaError
from signaling.shared.messages import CallFigures, StreamFigures
from tests.exchange import MakeExchange, answer, phone, tab, talk, until
from tests.fake_engine import CODECS

SENT = StreamFigures(
    packets=100, lost=1, jitter_ms=2.5, round_trip_ms=None, mos=4.36, codec=CODECS[0], late=0
)
RECEIVED = StreamFigures(
    packets=99, lost=None, jitter_ms=None, round_trip_ms=None, mos=None, codec=CODECS[0]
)


class Told:
    """What sessions were told."""

    def __init__(self) -> None:
        self.all: list[tuple[str, CallFigures]] = []

    def __call__(self, session: str, event: CallFigures) -> None:
        self.all.append((session, event))

    async def by(self, mailbox: Mailbox) -> list[tuple[str, CallFigures]]:
        await tell_call(mailbox, self)
        return self.all


class TestTelling:
    async def test_the_session_of_a_call_with_a_phone_hears_both_directions(
        self, make: MakeExchange
    ) -> None:
        exchange = make(phone("linphone"))
        mailbox = await talk(exchange)
        event = CallFigures(call=mailbox.call.id, sent=SENT, received=RECEIVED)
        assert await Told().by(mailbox) == [("alice", event)]

    async def test_a_direct_call_has_no_figures_of_ours(self, make: MakeExchange) -> None:
        exchange = make(tab("bob"))
        mailbox = exchange.call()
        await exchange.phones.hears("bob", Ring)
        await answer(mailbox, "bob")
        await exchange.phones.hears("alice", ShowAnswer)
        assert await Told().by(mailbox) == []
        assert exchange.board.talking() == [mailbox]

    async def test_a_call_that_still_rings_is_not_talking(self, make: MakeExchange) -> None:
        exchange = make(phone("linphone"))
        mailbox = exchange.call()
        await exchange.phones.hears("linphone", Ring)
        assert exchange.board.talking() == []
        assert await Told().by(mailbox) == []

    async def test_an_engine_that_does_not_answer_is_passed_over(self, make: MakeExchange) -> None:
        exchange = make(phone("linphone"))
        mailbox = await talk(exchange)
        exchange.engine.trouble["query"] = MediaError("gone")
        assert await Told().by(mailbox) == []

    async def test_a_call_that_fails_does_not_silence_the_others(
        self, make: MakeExchange, caplog: pytest.LogCaptureFixture
    ) -> None:
        exchange = make(phone("linphone"))
        mailbox = await talk(exchange)
        told = Told()
        exchange.engine.trouble["query"] = RuntimeError("broken")
        telling = asyncio.create_task(
            tell_figures(exchange.board.talking, told, seconds=0.001), name="figures"
        )
        await until(lambda: "could not be told" in caplog.text)
        assert mailbox.call.id in caplog.text
        exchange.engine.trouble.clear()
        await until(lambda: told.all)
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


class TestEnd:
    async def test_the_log_line_of_a_call_tells_how_it_sounded(
        self, make: MakeExchange, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        exchange = make(phone("linphone"))
        mailbox = await talk(exchange)
        mailbox.post(HungUp("alice"))
        await exchange.finished()
        line = next(text for text in caplog.messages if " ended: " in text)
        assert "; caller: opus/48000/2, received 100 packets, 1 lost, jitter 2.5 ms" in line
        assert "; callee: " in line and "round trip unknown" in line
        assert "linphone" not in line and "alice" not in line

    async def test_the_history_keeps_both_directions(self, make: MakeExchange) -> None:
        exchange = make(phone("linphone"))
        mailbox = await talk(exchange)
        figures = await mailbox.media.look(mailbox.call.caller_leg())
        assert figures is not None
        assert kept(figures) == {
            "received": {"packets": 100, "lost": 1, "jitter_ms": 2.5, "mos": 4.36, "late": 0},
            "sent": {"packets": 99, "lost": None, "jitter_ms": None, "mos": None, "late": None},
            "round_trip_ms": None,
            "dropped": 0,
        }
        assert event_of("c", figures).received == RECEIVED
