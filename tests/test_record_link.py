"""A call's recording between the core, the engine and the shelf."""

import asyncio

import pytest

from media.engine import Recorded, Unrecorded
from signaling.call_events import HungUp, MediaConnected, OfferMade, RecordAsked
from signaling.call_model import RecordPolicy, State, Taping
from signaling.mailbox import Mailbox
from signaling.media_link import engine_leg
from signaling.record_link import MAX_RECORDINGS
from signaling.shared.errors import MediaError, OperatorError, TryAgain, WrongState
from signaling.shared.messages import Done, Result
from signaling.timeline import What
from tests.exchange import Exchange, phone, talk, until

WHOLE = Recorded(seconds=4.5, size=20_000)


def make(record: RecordPolicy = RecordPolicy.ON_REQUEST) -> Exchange:
    return Exchange(phone("linphone"), record=record)


def asks(mailbox: Mailbox, *, on: bool = True) -> asyncio.Future[Result]:
    return mailbox.ask(lambda request: RecordAsked("alice", on, request))


async def moves(exchange: Exchange, mailbox: Mailbox, media: int) -> None:
    """alice goes on with another media generation, and is recorded with that."""
    await mailbox.ask(lambda request: OfferMade("alice", media, "offer", request))
    mailbox.post(MediaConnected("alice", media))
    call = mailbox.call.id
    legs = (engine_leg(call, "alice", media), engine_leg(call, "linphone", 1))
    await until(lambda: legs in exchange.engine.recorded.values())


async def test_it_begins_and_is_kept_when_it_ends() -> None:
    exchange = make()
    mailbox = await talk(exchange)
    call = mailbox.call.id
    assert await asks(mailbox) == Done()
    assert exchange.shelf.begun == [(call, "id of alice", "id of bob")]
    legs = (engine_leg(call, "alice", 1), engine_leg(call, "linphone", 1))
    assert exchange.engine.recorded == {"recording 1": legs}
    assert await asks(mailbox, on=False) == Done()
    assert exchange.shelf.finished == [("recording 1", WHOLE)]
    assert await asks(mailbox) == Done()
    mailbox.post(HungUp("linphone"))
    await exchange.finished()
    assert [name for name, _ in exchange.shelf.finished] == ["recording 1", "recording 2"]
    assert not exchange.engine.recorded
    told = [hop.what for hop in exchange.directory.timelines[call]]
    assert told.count(What.RECORDING_BEGAN) == told.count(What.RECORDING_ENDED) == 2


async def test_every_call_is_recorded_where_the_operator_says_so() -> None:
    exchange = make(RecordPolicy.ALWAYS)
    mailbox = await talk(exchange)
    await until(lambda: exchange.engine.recorded)
    assert mailbox.call.taping is Taping.ON


@pytest.mark.parametrize("policy", RecordPolicy)
async def test_phones_are_told_at_once_where_every_call_is_recorded(policy: RecordPolicy) -> None:
    exchange = make(policy)
    mailbox = await talk(exchange)
    both = ["linphone/1", "alice/1"] if policy is RecordPolicy.ALWAYS else []
    assert [leg.partition("/")[2] for leg in exchange.engine.announced] == both
    assert mailbox.call.state is State.TALKING


@pytest.mark.parametrize("goes_on", [True, False])
async def test_media_that_comes_later_is_told_what_is_so_now(*, goes_on: bool) -> None:
    exchange = make(RecordPolicy.ALWAYS)
    if not goes_on:
        exchange.engine.trouble["record"] = MediaError("the disk is full")
    mailbox = await talk(exchange)
    wanted = Taping.ON if goes_on else Taping.OFF
    await until(lambda: mailbox.call.taping is wanted)
    exchange.engine.announced.clear()
    await mailbox.ask(lambda request: OfferMade("alice", 2, "offer", request))
    assert len(exchange.engine.announced) == goes_on


@pytest.mark.parametrize(
    "trouble", [MediaError("the disk is full"), TryAgain("no room", retry_after=10), TimeoutError()]
)
async def test_what_the_engine_refuses_leaves_nothing_on_the_shelf(trouble: Exception) -> None:
    exchange = make()
    mailbox = await talk(exchange)
    exchange.engine.trouble["record"] = trouble
    with pytest.raises(WrongState):
        await asks(mailbox)
    assert exchange.shelf.discarded == ["recording 1"]
    assert mailbox.call.taping is Taping.OFF


@pytest.mark.parametrize(
    "trouble",
    [
        TryAgain("no database", retry_after=5),
        OperatorError("no directory"),
        RuntimeError("failed on our side"),
    ],
)
async def test_without_a_place_on_the_shelf_nothing_is_recorded(trouble: Exception) -> None:
    exchange = make()
    mailbox = await talk(exchange)
    exchange.shelf.trouble = trouble
    with pytest.raises(WrongState, match=str(trouble)):
        await asks(mailbox)
    assert "record" not in dict(exchange.engine.asked)
    assert exchange.board.count() == 1


async def test_it_goes_on_with_other_media_or_in_another_file_where_it_cannot() -> None:
    exchange = make()
    mailbox = await talk(exchange)
    await asks(mailbox)
    await moves(exchange, mailbox, 2)
    assert list(exchange.engine.recorded) == ["recording 1"]
    # As if another process carried the call.
    exchange.engine.forgets = True
    await moves(exchange, mailbox, 3)
    assert list(exchange.engine.recorded) == ["recording 2"]
    assert [name for name, _ in exchange.shelf.finished] == ["recording 1"]


async def test_what_a_dead_process_wrote_is_left_to_be_mended() -> None:
    exchange = make()
    mailbox = await talk(exchange)
    await asks(mailbox)
    exchange.engine.forgets = True
    exchange.engine.trouble["stop_recording"] = MediaError("the media process died")
    await moves(exchange, mailbox, 2)
    assert list(exchange.engine.recorded) == ["recording 1", "recording 2"]
    assert (exchange.shelf.left, exchange.shelf.finished) == (["recording 1"], [])
    assert mailbox.call.taping is Taping.ON
    # The last process dies, too, and nobody takes the call up.
    mailbox.post(HungUp("linphone"))
    await exchange.finished()
    assert exchange.shelf.left == ["recording 1", "recording 2"]


async def test_a_call_has_a_most_of_recordings() -> None:
    exchange = make()
    mailbox = await talk(exchange)
    for _ in range(MAX_RECORDINGS):
        await asks(mailbox)
        await asks(mailbox, on=False)
    with pytest.raises(WrongState, match="at most"):
        await asks(mailbox)


async def test_one_that_the_engine_gave_up_is_kept_as_far_as_it_came() -> None:
    exchange = make()
    mailbox = await talk(exchange)
    await asks(mailbox)
    leg = engine_leg(mailbox.call.id, "alice", 1)
    exchange.engine.tell(Unrecorded(leg, "No space left on device"))
    await until(lambda: exchange.shelf.finished)
    assert mailbox.call.taping is Taping.OFF
    assert exchange.board.count() == 1
