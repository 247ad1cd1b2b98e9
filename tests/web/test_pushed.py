"""From a call to a closed page: the server pushes, the worker rings, a person answers.

The push service is ours, since browsers without the network have none: it checks what the server
sends and decrypts it as a browser would, and DevTools hands it to the worker.
"""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.end_to_end.server import ALICE, BOB
from tests.end_to_end.waiting import eventually
from tests.push.fake_https import Certificates
from tests.push.fake_webpush import FakeWebPush, Pushed
from tests.web.devtools import PushedWorker, worker_of
from tests.web.house import House, Tab, open_house

pytestmark = pytest.mark.asyncio(loop_scope="package")

HOST = "localhost"
SECTION = """
[push.webpush]
allowed_hosts = ["{host}:{port}"]
allowed_networks = ["127.0.0.0/8", "::1/128"]
ca_file = "{ca_file}"
"""

SUBSCRIBE = """({ endpoint, ...keys }) => {
  PushManager.prototype.subscribe = async ({ applicationServerKey }) => ({
    options: { applicationServerKey: applicationServerKey.buffer },
    toJSON: () => ({ endpoint, keys }),
    unsubscribe: async () => true,
  });
}"""

SERVER_KEY = """async () => {
  const { Vault } = await import('/vault.js');
  return (await new Vault().get('wake')).key;
}"""


@dataclass(frozen=True)
class Street:
    """A house, and the push service that its server knows."""

    house: House
    service: FakeWebPush

    async def pushed(self, kind: str) -> str:
        """Wait until the server has pushed this; the payload."""
        found = await eventually(lambda: self._pushed(kind), bool, seconds=20)
        return found[-1].payload.decode()

    async def _pushed(self, kind: str) -> list[Pushed]:
        return [each for each in self.service.pushed if json.loads(each.payload)["kind"] == kind]


@pytest_asyncio.fixture(loop_scope="package")
async def street(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Street]:
    certificates = Certificates.make(tmp_path_factory.mktemp("authority"), HOST)
    service = FakeWebPush(certificates, "", time.time(), host=HOST)
    async with service.server:
        section = SECTION.format(host=HOST, port=service.port, ca_file=certificates.ca_file)
        folder = tmp_path_factory.mktemp("street")
        options = {"ring_seconds": 45, "resume_seconds": 30, "more": section}
        async with open_house(folder, browser, **options) as house:
            yield Street(house, service)


@asynccontextmanager
async def sleeping_page(street: Street) -> AsyncIterator[tuple[Tab, PushedWorker]]:
    """alice wished to be woken, and closed the page; it comes back to log out."""
    async with street.house.tab(ALICE, permissions=("notifications",)) as alice:
        await alice.run(SUBSCRIBE, msgspec.to_builtins(street.service.subscription()))
        await alice.view("settings")
        await alice.part("choose-wake").check()
        await expect(alice.part("wake-words")).to_contain_text("ring here as long as")
        street.service.public_key = await alice.run(SERVER_KEY)
        worker = await worker_of(alice.page.context, street.house.url)
        await alice.page.goto("about:blank")
        yield alice, worker
        await alice.page.goto(street.house.url)
        await expect(alice.part("connection")).to_have_attribute("data-state", "online")


async def test_a_call_wakes_a_closed_page_which_answers_it(street: Street) -> None:
    async with sleeping_page(street) as (alice, worker), street.house.tab(BOB) as bob:
        await bob.call("alice")
        await worker.pass_on(await street.pushed("call"))
        await worker.shows("bob is calling")
        address = await worker.click("answer")
        opened = Tab(await alice.page.context.new_page())
        await opened.page.goto(f"{street.house.url}{address}")
        await expect(opened.part("call-state")).to_have_text("Talking", timeout=15_000)
        await expect(bob.part("call-state")).to_have_text("Talking", timeout=15_000)
        await bob.part("hangup").click()
        await opened.in_state("ended")


async def test_a_closed_page_declines(street: Street) -> None:
    async with sleeping_page(street) as (_, worker), street.house.tab(BOB) as bob:
        await bob.call("alice")
        await worker.pass_on(await street.pushed("call"))
        await worker.shows("bob is calling")
        await worker.click("decline")
        await bob.in_state("ended")
        await expect(bob.part("call")).to_have_attribute("data-reason", "declined")


async def test_a_caller_who_gives_up_leaves_a_missed_call(street: Street) -> None:
    async with sleeping_page(street) as (alice, worker), street.house.tab(BOB) as bob:
        await bob.call("alice")
        await worker.pass_on(await street.pushed("call"))
        await worker.shows("bob is calling")
        await bob.part("hangup").click()
        await bob.in_state("ended")
        await worker.pass_on(await street.pushed("ended"))
        await worker.shows("Missed call from bob")
