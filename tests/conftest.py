"""What tests of several modules share."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from signaling.call_model import Endpoint
from tests.client import World
from tests.exchange import Exchange, MakeExchange


@pytest.fixture
async def make() -> AsyncIterator[MakeExchange]:
    """Makes exchanges; in the end none of them may have anything left."""
    made: list[Exchange] = []

    def make_one(*here: Endpoint, ring_seconds: float = 30.0, direct: bool = True) -> Exchange:
        made.append(Exchange(*here, ring_seconds=ring_seconds, direct=direct))
        return made[-1]

    yield make_one
    for exchange in made:
        await exchange.board.stop()
        assert exchange.board.count() == 0
        assert not exchange.engine.held
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A server on a real socket; in the end it may have nothing left."""
    async with World() as world:
        yield world
    assert world.hub.count() == 0
    assert world.board.count() == 0
    assert not world.engine.held
    assert asyncio.all_tasks() == {asyncio.current_task()}
