"""Calls over HTTP: what a notification can say without a session."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer, unused_port

from signaling.call_actions import SendPush
from signaling.call_api import add_call_api
from signaling.call_model import Endpoint, EndpointKind
from signaling.guard import Guard
from signaling.http import bearer_of, set_manners
from signaling.logins import Principal
from signaling.shared.reasons import EndReason
from tests.exchange import Exchange, MakeExchange, account, tab

Browser = TestClient[web.Request, web.Application]


def mobile() -> Endpoint:
    """A device of bob's that a push can wake."""
    return Endpoint("wake:mobile", EndpointKind.WAKE, "id of bob", "mobile")


async def principal(request: web.Request) -> Principal:
    """The token `bob:mobile` is bob's, bound to the device `mobile`."""
    name, _, device = bearer_of(request).partition(":")
    return Principal(account(name), "login", device or None, 0.0)


@asynccontextmanager
async def browser(exchange: Exchange) -> AsyncIterator[Browser]:
    app, port = web.Application(), unused_port()
    set_manners(app, Guard(host="127.0.0.1", port=port, allowed_origins=[]))
    add_call_api(app, exchange.board, principal)
    async with TestClient(TestServer(app, port=port)) as client:
        yield client


@pytest.fixture
def exchange(make: MakeExchange) -> Exchange:
    return make(mobile())


@pytest.fixture
async def http(exchange: Exchange) -> AsyncIterator[Browser]:
    async with browser(exchange) as client:
        yield client


async def rejected(http: Browser, call: str, token: str, reason: str) -> ClientResponse:
    headers = {"Authorization": f"Bearer {token}"}
    return await http.post(f"/api/calls/{call}/reject", json={"reason": reason}, headers=headers)


async def test_a_device_that_sleeps_declines_by_its_notification(
    exchange: Exchange, http: Browser
) -> None:
    mailbox = exchange.call()
    await exchange.phones.hears("wake:mobile", SendPush)
    assert (await rejected(http, mailbox.call.id.upper(), "bob:mobile", "declined")).status == 204
    assert await exchange.phones.end_of("alice") is EndReason.DECLINED


async def test_one_that_is_busy_leaves_the_call_to_the_others(make: MakeExchange) -> None:
    exchange = make(mobile(), tab("desk"))
    async with browser(exchange) as http:
        mailbox = exchange.call()
        await exchange.phones.hears("wake:mobile", SendPush)
        assert (await rejected(http, mailbox.call.id, "bob:mobile", "busy")).status == 204
        assert await exchange.phones.end_of("wake:mobile") is EndReason.BUSY
        assert exchange.board.count() == 1


@pytest.mark.parametrize(
    ("token", "status"), [("bob:tablet", 409), ("carol:mobile", 404)], ids=["device", "account"]
)
async def test_nobody_else_declines_it(
    exchange: Exchange, http: Browser, token: str, status: int
) -> None:
    mailbox = exchange.call()
    await exchange.phones.hears("wake:mobile", SendPush)
    assert (await rejected(http, mailbox.call.id, token, "declined")).status == status
    assert exchange.board.count() == 1
