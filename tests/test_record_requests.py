"""Recording a call from its devices: who may, and who is told."""

import pytest

from signaling.call_actions import Ring
from signaling.call_model import RecordPolicy
from tests.client import RpcError, World
from tests.test_requests import talk, with_phone


async def test_it_is_refused_with_the_key_that_would_allow_it(world: World) -> None:
    alice, bob = await world.open("alice"), await world.open("bob")
    call = await talk(alice, bob)
    assert "record" not in alice.opened["server"]["features"]
    with pytest.raises(RpcError, match=r"calls\.record") as refused:
        await alice.call("call.record", call=call, on=True)
    assert refused.value.code == -32001


async def test_both_sides_are_told_also_one_that_was_away_and_one_that_comes_anew() -> None:
    async with World(record=RecordPolicy.ON_REQUEST) as world:
        alice, bob = await world.open("alice"), await world.open("bob")
        assert alice.opened["server"]["features"] == ["record"]
        phones = with_phone(world)
        call = await alice.start()
        assert await phones.hears("linphone", Ring)
        await bob.call("call.accept", call=call)
        await bob.call("call.answer", call=call, media=1, answer="answer of the callee")
        await alice.hears("call.answered")
        await bob.cut()
        assert await alice.call("call.record", call=call, on=True) == {}
        told = await alice.hears("call.recording")
        assert (told["call"], told["on"]) == (call, True)
        back = await world.come_back(bob, "bob")
        assert (await back.hears("call.recording"))["on"] is True
        anew = await world.open("bob")
        assert [listed["recording"] for listed in anew.opened["calls"]] == [True]
        assert (await back.call("call.get", call=call))["recording"] is True
        await back.call("call.record", call=call, on=False)
        assert (await alice.hears("call.recording"))["on"] is False
        assert len(world.shelf.finished) == 1
