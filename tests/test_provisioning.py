"""Addresses where phones fetch their settings, once."""

from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from signaling.guard import Guard
from signaling.http import set_manners
from signaling.linphone import Settings, provisioning
from signaling.provisioning import MAX_OPEN, VALID_SECONDS, Provisioning, add_provisioning
from signaling.shared.config import Config, Sip
from tests.installation import Clock

Client = TestClient[web.Request, web.Application]

SETTINGS = Settings("alice", "Alice L.", "secret-of-alice")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(clock: Clock, unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Client]:
    """Asks for an offer at /offer."""
    config = Config(domain="phones.test", sip=Sip(host="0.0.0.0", port=5070))
    waiting = Provisioning(config, clock=clock)

    async def offer(request: web.Request) -> web.Response:
        made = waiting.offer(request, SETTINGS)
        return web.json_response([made.url, made.qr, made.expires_seconds])

    port = unused_tcp_port_factory()
    app = web.Application()
    set_manners(app, Guard(host="127.0.0.1", port=port, allowed_origins=["https://ours.test"]))
    add_provisioning(app, waiting)
    app.router.add_get("/offer", offer)
    async with TestClient(TestServer(app, port=port)) as client:
        yield client


async def offered(client: Client, **headers: str) -> str:
    """A new address."""
    url, _, _ = await (await client.get("/offer", headers=headers)).json()
    return str(url)


async def status(client: Client, url: str) -> int:
    return (await client.get(urlsplit(url).path)).status


def settings_in(xml: str) -> dict[str, dict[str, str]]:
    space = {"": "http://www.linphone.org/xsds/lpconfig.xsd"}
    return {
        section.attrib["name"]: {
            entry.attrib["name"]: entry.text or "" for entry in section.findall("entry", space)
        }
        for section in ElementTree.fromstring(xml).findall("section", space)
    }


async def test_the_address_brings_the_settings_once(client: Client) -> None:
    url = await offered(client)
    assert url.startswith(f"http://127.0.0.1:{client.port}/provision/")
    response = await client.get(urlsplit(url).path)
    assert response.status == 200
    assert response.content_type == "application/xml"
    assert response.headers["Cache-Control"] == "no-store"
    found = settings_in(await response.text())
    assert found["auth_info_0"]["passwd"] == "secret-of-alice"
    assert found["auth_info_0"]["username"] == "alice"
    assert found["proxy_0"]["reg_identity"] == '"Alice L." <sip:alice@phones.test>'
    # SIP listens everywhere, so also where the phone came to.
    assert found["proxy_0"]["reg_proxy"] == "<sip:127.0.0.1:5070;transport=udp>"
    assert await status(client, url) == 404


async def test_it_leads_to_where_the_page_is(client: Client) -> None:
    """Behind a proxy, the Host that we see need not be the page's."""
    url = await offered(client, Origin="https://ours.test")
    assert url.startswith("https://ours.test/provision/")
    assert await status(client, url) == 200


async def test_looking_at_it_does_not_use_it_up(client: Client) -> None:
    url = await offered(client)
    assert (await client.head(urlsplit(url).path)).status == 405
    assert await status(client, url) == 200


async def test_it_is_good_for_minutes(client: Client, clock: Clock) -> None:
    first = await offered(client)
    clock.advance(VALID_SECONDS - 1)
    second = await offered(client)
    clock.advance(1)
    assert await status(client, first) == 404
    assert await status(client, second) == 200


async def test_who_guesses_has_to_wait(client: Client, clock: Clock) -> None:
    url = await offered(client)
    guesses = [await status(client, f"/provision/guess{number}") for number in range(11)]
    assert guesses == [404] * 10 + [429]
    assert await status(client, url) == 429
    clock.advance(30)
    assert await status(client, url) == 200


async def test_when_too_many_wait_the_oldest_goes(client: Client) -> None:
    first, second = await offered(client), await offered(client)
    for _ in range(MAX_OPEN - 1):
        await offered(client)
    assert await status(client, first) == 404
    assert await status(client, second) == 200


async def test_the_qr_code_is_an_image_that_the_page_may_show(client: Client) -> None:
    response = await client.get("/offer")
    _, qr, seconds = await response.json()
    assert qr.startswith("data:image/svg+xml")
    assert "img-src 'self' data:" in response.headers["Content-Security-Policy"]
    assert seconds == VALID_SECONDS


def test_a_name_cannot_leave_its_place() -> None:
    settings = Settings("eve", 'E "</entry><entry name="x">\\', "secret-of-eve")
    found = settings_in(provisioning(Config(), settings, reached=None))
    identity = found["proxy_0"]["reg_identity"]
    assert identity == '"E \\"</entry><entry name=\\"x\\">\\\\" <sip:eve@wsphone.local>'
