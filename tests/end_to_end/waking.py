"""A server that wakes phones, the push services that it reaches, and apps that sleep."""

import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from tests.end_to_end.linphone import Line, Linphone
from tests.end_to_end.server import Person, Server, running_server
from tests.end_to_end.waiting import eventually
from tests.end_to_end.wsclient import Client, Clients, Params
from tests.push.fake_apns import APP, KEY_ID, TEAM_ID, Arrived, FakeApns
from tests.push.fake_fcm import PROJECT, FakeFcm
from tests.push.fake_https import Certificates
from tests.push.fake_webpush import FakeWebPush

RING_SECONDS = 12
"""Longer than a client waits for an event: what is told in that time was not told by its end.

A push is tried again until eight seconds before it.
"""

CONFIGURATION = """\
[push.apns]
key_file = "apple.p8"
key_id = "{key_id}"
team_id = "{team_id}"
url = "{apple.url}"
sandbox_url = "{apple.url}"
ca_file = "{apple.ca_file}"
[push.fcm]
credentials_file = "google.json"
url = "{google.server.url}"
ca_file = "{google.server.ca_file}"
[push.webpush]
allowed_hosts = ["localhost:{web.port}"]
allowed_networks = ["127.0.0.0/8"]
ca_file = "{web.server.ca_file}"
"""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Bell:
    """How one app is pushed: what it says in `device.set_push`, and what has arrived for it."""

    target: Params
    arrived: Callable[[], list[Params]]

    async def rings(self) -> Params:
        """Wait for the push of a call; what it tells, as the app reads it."""
        return (await self.heard("call"))[-1]

    async def heard(self, kind: str, times: int = 1) -> list[Params]:
        """Wait until that many pushes of this kind have come."""

        async def look() -> list[Params]:
            return self.of(kind)

        return await eventually(look, lambda found: len(found) >= times)

    def of(self, kind: str) -> list[Params]:
        """What has come of this kind."""
        return [told for told in self.arrived() if told["kind"] == kind]


@dataclass
class App:
    """An app on a phone in a pocket: a client without a socket, until a push wakes it."""

    device: str
    client: Client
    bell: Bell
    url: str

    async def wake(self, call: str | None) -> tuple[str, Params]:
        """Connect as one that was pushed; the first thing that it hears."""
        await self.client.connect(self.url)
        await self.client.open(woken_by=call)
        return await self.client.first_event()

    async def allow_pushes(self) -> Params:
        """Tell the server where it is pushed."""
        told: Params = await self.client.request("device.set_push", targets=[self.bell.target])
        return told

    async def heard_all(self) -> None:
        """Wait until everything that the server has said so far is here."""
        await self.client.request("session.ping", seq=0)


class Waking:
    """The server, and the three services; each accepts what is as it must be, or as scripted."""

    def __init__(self, apple: FakeApns, google: FakeFcm, web: FakeWebPush, folder: Path) -> None:
        self.apple = apple
        self.google = google
        self.web = web
        self.folder = folder
        self.server: Server

    def bell(self, provider: str) -> Bell:
        """A token or subscription that nobody had before."""
        return {"apns": self._voip, "fcm": self._fcm, "webpush": self._web}[provider]()

    async def asleep(self, wire: Clients, person: Person, *, provider: str = "fcm") -> App:
        """An app that has said how it is pushed, and left."""
        app = await self.awake(wire, person, provider=provider)
        await app.client.close()
        return app

    async def awake(self, wire: Clients, person: Person, *, provider: str = "fcm") -> App:
        """An app that has said how it is pushed, and is connected."""
        # What a device of an earlier test missed is not told to this one.
        device = f"mobile-{next(_numbers)}"
        client = await wire.log_in(person, device=device)
        await client.connect(self.server.url)
        opened = await client.open()
        # What a browser is given to subscribe with: its service takes no other key.
        self.web.public_key = opened["server"]["push"]["webpush_key"]
        app = App(device, client, self.bell(provider), self.server.url)
        assert await app.allow_pushes() == {"proofs": 0, "refused": 0}
        return app

    def messages(self, token: str) -> list[dict[str, Any]]:
        """What Google has accepted for a token, as it was sent."""
        return [message for message, _ in self.google.accepted if message["token"] == token]

    async def message_for(self, token: str) -> dict[str, Any]:
        """Wait for what Google is given for a token."""

        async def look() -> list[dict[str, Any]]:
            return self.messages(token)

        return (await eventually(look, bool))[-1]

    def pushes(self, token: str) -> list[Arrived]:
        """What Apple was given for a token, refused or not."""
        return [each for each in self.apple.arrived if each.token == token]

    async def push_for(self, token: str) -> Arrived:
        """Wait for what Apple is given for a token."""

        async def look() -> list[Arrived]:
            return self.pushes(token)

        return (await eventually(look, bool))[-1]

    def _voip(self) -> Bell:
        token = f"{next(_numbers):064x}"
        target = {"provider": "apns", "app": APP, "voip_token": token}
        return Bell(target, lambda: [json.loads(each.payload) for each in self.pushes(token)])

    def _fcm(self) -> Bell:
        token = f"registration-of-phone-{next(_numbers)}"
        target = {"provider": "fcm", "app": PROJECT, "token": token}
        return Bell(target, lambda: [message["data"] for message in self.messages(token)])

    def _web(self) -> Bell:
        first = len(self.web.pushed)
        given = to_builtins(self.web.subscription())
        keys = {"p256dh": given["p256dh"], "auth": given["auth"]}
        target = {
            "provider": "webpush",
            "subscription": {"endpoint": given["endpoint"], "keys": keys},
        }
        return Bell(target, lambda: [json.loads(each.payload) for each in self.web.pushed[first:]])


def by_google(token: str) -> str:
    """What a Linphone says in its Contact to be woken by Google (RFC 8599)."""
    return f"pn-provider=fcm;pn-param={PROJECT};pn-prid={token};pn-silent=1;pn-timeout=0"


class Pocket:
    """bob's telephone: it comes and goes without a word, and stays the same one."""

    def __init__(self, line: Line, folder: Path, speech: Path, programs: AsyncExitStack) -> None:
        self._line = line
        self._folder = folder
        self._speech = speech
        self._programs = programs

    async def registers_and_disappears(self) -> None:
        phone = await self._start()
        try:
            await phone.registered()
        finally:
            await phone.kill()

    async def is_woken(self) -> Linphone:
        """Start it again, as a push does with an app, and wait until it is registered."""
        phone = await self._start()
        self._programs.push_async_callback(phone.close)
        await phone.registered()
        return phone

    async def _start(self) -> Linphone:
        return await Linphone.start(self._line, self._folder, speech=self._speech)


async def forget_devices(wire: Clients, person: Person) -> None:
    """Have nothing of a person pushed any more."""
    cleaner = await wire.online(person, device="cleaner")
    for device in (await cleaner.request("device.list"))["devices"]:
        if not device["this"]:
            await cleaner.request("device.remove", device=device["id"])


@asynccontextmanager
async def waking_server(folder: Path, people: tuple[Person, ...]) -> AsyncIterator[Waking]:
    """A server with accounts for `people`, and the push services that it is told of."""
    certificates = Certificates.make(folder / "services", "localhost")
    google = FakeFcm(certificates)
    web = FakeWebPush(certificates, "", time.time(), host="localhost")
    async with FakeApns(folder / "apple") as apple, google.server, web.server:
        (folder / "apple.p8").write_bytes(apple.pem)
        (folder / "google.json").write_text(json.dumps(google.account()))
        services = CONFIGURATION.format(
            key_id=KEY_ID, team_id=TEAM_ID, apple=apple, google=google, web=web
        )
        waking = Waking(apple, google, web, folder)
        async with running_server(
            folder, people, ring_seconds=RING_SECONDS, more=services
        ) as waking.server:
            yield waking
        assert apple.violations == []
