"""What the end-to-end tests share: one server, sounds, browsers and telephones."""

import itertools
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright

from tests.end_to_end.baresip import Baresip, Set
from tests.end_to_end.browser import Softphone, launch, softphone
from tests.end_to_end.linphone import Line, Linphone
from tests.end_to_end.ports import take_ports
from tests.end_to_end.relay import Relay, relay
from tests.end_to_end.server import ALICE, BOB, CAROL, Person, Server, running_server
from tests.end_to_end.sounds import Sounds, make_sounds
from tests.end_to_end.waking import Pocket, Waking, waking_server
from tests.end_to_end.wsclient import Clients, clients

NAMESPACE = "wsphone0"

StartLinphone = Callable[..., Awaitable[Linphone]]
StartBaresip = Callable[..., Awaitable[Baresip]]
PutInPocket = Callable[[str], Pocket]


FIRST = """
    test_soak test_wake_clients test_rules test_tcp
    test_browser_linphone test_fork test_resume test_move test_browsers test_commands test_hold
    test_load test_first_run test_nat test_rtpengine test_recording test_workers test_house
""".split()
"""What two processes take up first: it takes long, and one would work alone in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {name: rank for rank, name in enumerate(FIRST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


@pytest.fixture(scope="session", autouse=True)
def private_network() -> None:
    """Real programs on fixed ports: only in a network of their own."""
    if NAMESPACE not in [name for _, name in socket.if_nameindex()]:
        pytest.exit(
            "The end-to-end tests need a network of their own: run "
            "`tests/end_to_end/namespace.sh .venv/bin/pytest tests/end_to_end`, or `make test`.",
            returncode=2,
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failed test what the server had to say meanwhile."""
    report = yield
    server = getattr(item, "funcargs", {}).get("server")
    if report.failed and isinstance(server, Server):
        report.sections.append(("wsphone run", server.program.output[-5000:]))
    return report


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sounds(tmp_path_factory: pytest.TempPathFactory) -> Sounds:
    return await make_sounds(tmp_path_factory.mktemp("sounds"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """The server that most tests call through: alice, bob and carol, rings of five seconds.

    Calls are recorded if somebody asks.
    """
    folder = tmp_path_factory.mktemp("server")
    async with running_server(folder, (ALICE, BOB, CAROL), record="on_request") as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def waking(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Waking]:
    """A server that wakes phones by push services of ours: alice and bob."""
    async with waking_server(tmp_path_factory.mktemp("waking"), (ALICE, BOB)) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(playwright: Playwright, sounds: Sounds) -> AsyncIterator[Browser]:
    """A browser whose microphone hears voice a."""
    browser = await launch(playwright, microphone=sounds.a.looped)
    yield browser
    await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shy_chromium(playwright: Playwright) -> AsyncIterator[Browser]:
    """A browser that hides its addresses behind mDNS names; voices come from files."""
    browser = await launch(playwright, microphone=None)
    yield browser
    await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def alice(chromium: Browser, server: Server) -> AsyncIterator[Softphone]:
    """alice's page, logged in, speaking with voice a."""
    async with softphone(chromium, server.url) as phone:
        await phone.log_in(ALICE.name, ALICE.password)
        yield phone


@pytest_asyncio.fixture(loop_scope="session")
async def line(server: Server) -> AsyncIterator[Relay]:
    """The network between a client and the server."""
    async with relay(server.ports.relay, server.ports.http) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def roaming_alice(chromium: Browser, line: Relay) -> AsyncIterator[Softphone]:
    """alice's page behind the network that can be cut."""
    async with softphone(chromium, line.url) as phone:
        await phone.log_in(ALICE.name, ALICE.password)
        yield phone


@pytest_asyncio.fixture(loop_scope="session")
async def linphone(server: Server, sounds: Sounds, tmp_path: Path) -> AsyncIterator[StartLinphone]:
    """Starts telephones that speak with voice b and are registered with the server."""
    folders = (tmp_path / f"linphone{number}" for number in itertools.count())

    async def start(
        person: Person,
        *,
        codecs: Sequence[str] = ("opus", "PCMU", "PCMA"),
        auto_answer: bool = False,
        max_calls: int = 10,
        transport: str = "udp",
        keys_by_info: bool = False,
        welcome: bool = True,
        speech: Path = sounds.b.looped,
        sounds_early: bool = False,
    ) -> Linphone:
        ports = take_ports()
        line = Line(
            user=person.name,
            secret=person.secret,
            registrar=server.ports.sip,
            sip_port=ports.sip,
            rtp_port=ports.media_min,
            codecs=codecs,
            max_calls=max_calls,
            transport=transport,
            keys_by_info=keys_by_info,
            sounds_early=sounds_early,
        )
        phone = await Linphone.start(line, next(folders), speech=speech, auto_answer=auto_answer)
        # one that was refused asks for a password and takes no commands
        started.push_async_callback(phone.close if welcome else phone.kill)
        if welcome:
            await phone.registered()
        return phone

    # The others are ended too when one does not obey.
    async with AsyncExitStack() as started:
        yield start


@pytest_asyncio.fixture(loop_scope="session")
async def baresip(server: Server, sounds: Sounds, tmp_path: Path) -> AsyncIterator[StartBaresip]:
    """Starts telephones that speak with voice b over TCP and are registered with the server."""
    folders = (tmp_path / f"baresip{number}" for number in itertools.count())

    async def start(person: Person, *, codec: str = "PCMU", auto_answer: bool = False) -> Baresip:
        ports = take_ports()
        phone_set = Set(
            user=person.name,
            secret=person.secret,
            registrar=server.ports.sip,
            ports=ports,
            codec=codec,
            auto_answer=auto_answer,
        )
        phone = await Baresip.start(phone_set, next(folders), speech=sounds.b.looped)
        started.push_async_callback(phone.close)
        await phone.registered()
        return phone

    async with AsyncExitStack() as started:
        yield start


@pytest_asyncio.fixture(loop_scope="session")
async def wire(server: Server) -> AsyncIterator[Clients]:
    """Clients of the bare protocol."""
    async with clients(server.url) as group:
        yield group


@pytest_asyncio.fixture(loop_scope="session")
async def pocket(server: Server, sounds: Sounds, tmp_path: Path) -> AsyncIterator[PutInPocket]:
    """Makes bob's telephone, with what its Contact says of pushes; it is forgotten afterwards."""

    def make(parameters: str) -> Pocket:
        ports = take_ports()
        line = Line(
            user=BOB.name,
            secret=BOB.secret,
            registrar=server.ports.sip,
            sip_port=ports.sip,
            rtp_port=ports.media_min,
            contact_parameters=parameters,
            instance=str(uuid.uuid4()),
        )
        return Pocket(line, tmp_path / "phone", sounds.b.looped, programs)

    async with AsyncExitStack() as programs:
        yield make
