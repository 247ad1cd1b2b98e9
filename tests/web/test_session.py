"""The session: nothing lost and nothing twice over broken sockets."""

from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.web.hub import Hub

pytestmark = pytest.mark.asyncio(loop_scope="package")


class Client:
    """The page's session, seen from the test."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def start(self, *tokens: str) -> None:
        await self._page.evaluate(
            """async (tokens) => {
              const { openSession } = await import('/lab.js');
              Object.assign(window, openSession(tokens));
            }""",
            list(tokens or ("token",)),
        )

    async def run(self, script: str) -> Any:
        return await self._page.evaluate(script)

    async def sees(self, condition: str) -> None:
        await self._page.wait_for_function(condition, timeout=10_000)


@pytest_asyncio.fixture(loop_scope="package")
async def client(page: Page) -> Client:
    return Client(page)


async def test_opens_with_token_and_device_and_nothing_to_resume(client: Client, hub: Hub) -> None:
    await client.start()
    _, request = await hub.opened()
    assert request["params"] == {"token": "token", "device": {"id": "lab", "platform": "web"}}
    await client.sees("session.state === 'online'")


async def test_a_cut_socket_resumes_and_events_come_once_and_in_order(
    client: Client, hub: Hub
) -> None:
    await client.start()
    first, _ = await hub.opened()
    for seq in (1, 2):
        await first.event(seq)
    await client.sees("heard.events.length === 2")
    first.cut()
    second, request = await hub.opened(seq=4, resumed=True)
    assert request["params"]["resume"] == {"session": "s1", "epoch": "e1", "seq": 2}
    for seq in (2, 3, 3, 4):
        await second.event(seq)
    await client.sees("heard.events.length === 4")
    assert await client.run("heard.events") == [1, 2, 3, 4]


async def test_a_lost_session_counts_from_the_start_again(client: Client, hub: Hub) -> None:
    await client.start()
    first, _ = await hub.opened()
    await first.event(7)
    await client.sees("heard.events.length === 1")
    first.cut()
    second, _ = await hub.opened(resumed=False)
    await second.event(1)
    await client.sees("heard.events.length === 2")
    assert await client.run("[heard.events, heard.resumed]") == [[7, 1], [False, False]]


async def test_requests_without_an_answer_are_sent_again_in_order(client: Client, hub: Hub) -> None:
    await client.start()
    first, _ = await hub.opened()
    await client.sees("session.state === 'online'")
    await client.run("void (window.one = session.request('call.get', { call: '1' }))")
    await first.receive()
    first.cut()
    await client.sees("session.state !== 'online'")
    await client.run("void (window.two = session.request('call.get', { call: '2' }))")
    second, _ = await hub.opened(resumed=True)
    again, fresh = await second.receive(), await second.receive()
    assert [again["params"]["call"], fresh["params"]["call"]] == ["1", "2"]
    await second.answer(fresh, "b")
    await second.answer(again, "a")
    assert await client.run("Promise.all([one, two])") == ["a", "b"]


async def test_a_request_that_waits_too_long_offline_fails(client: Client, hub: Hub) -> None:
    await client.start()
    failure = await client.run(
        "session.request('call.get', {}, { timeoutMs: 50 }).catch((error) => error.name)"
    )
    assert failure == "NoAnswer"


async def test_a_ping_tells_how_far_the_events_were_heard(client: Client, hub: Hub) -> None:
    await client.start()
    link, _ = await hub.opened()
    await link.event(5)
    await client.sees("heard.events.length === 1")
    await client.run("session.nudge()")
    ping = await link.receive()
    assert (ping["method"], ping["params"]) == ("session.ping", {"seq": 5})


async def test_a_socket_that_answers_no_ping_is_replaced(client: Client, hub: Hub) -> None:
    await client.start()
    await hub.opened()
    await client.sees("session.state === 'online'")
    await client.run("session.nudge()")
    await hub.opened(resumed=True)
    await client.sees("heard.resumed.length === 2")


async def test_a_session_that_moved_elsewhere_does_not_come_back(client: Client, hub: Hub) -> None:
    await client.start()
    link, _ = await hub.opened()
    await link.close(4409)
    await client.sees("heard.stopped.length === 1")
    assert await client.run("[session.state, heard.stopped, store.place]") == [
        "closed",
        ["moved"],
        None,
    ]


async def test_a_refused_token_is_renewed_and_the_session_resumed(client: Client, hub: Hub) -> None:
    await client.start("old", "new")
    first, _ = await hub.opened()
    first.cut()
    second = await hub.link()
    await second.refuse(await second.receive(), -32000)
    await second.close(4401)
    _, request = await hub.opened(resumed=True)
    assert request["params"]["token"] == "new"
    assert request["params"]["resume"]["session"] == "s1"


async def test_without_a_token_a_person_is_asked(client: Client, hub: Hub) -> None:
    await client.start("old")
    link, _ = await hub.opened()
    await link.close(4401)
    await client.sees("heard.stopped.length === 1")
    assert await client.run("heard.stopped") == ["login"]


async def test_after_a_bad_message_the_session_is_a_fresh_one(client: Client, hub: Hub) -> None:
    await client.start()
    link, _ = await hub.opened()
    await client.sees("session.state === 'online'")
    await link.close(4400)
    _, request = await hub.opened()
    assert "resume" not in request["params"]
