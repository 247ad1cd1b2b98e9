"""Apple, Firebase and a push service in one process, which tell when they read an urgent push."""

import asyncio
import json
import multiprocessing
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop

from bench import push_fcm, push_web
from tests.push import fake_apns
from tests.push.fake_apns import KEY_ID, TEAM_ID, FakeApns
from tests.push.fake_fcm import service_account
from tests.push.fake_http2 import FakeConnection
from tests.push.fake_http2 import Heard as HeardByApple
from tests.push.fake_https import LOOPBACK, Certificates, FakeHttps, Heard, Reply, Script

SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """What a server's configuration needs of the three."""

    apns: str
    apns_ca: Path
    apns_key: bytes
    fcm: str
    webpush: str
    https_ca: Path


class Providers:
    """The process: its addresses, and the moments at which it read what makes a phone ring."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.at: Addresses = pipe.recv()

    async def read_at(self) -> float:
        """When the next push was read whole, on the clock of `time.monotonic`."""
        if not await asyncio.to_thread(self._pipe.poll, SECONDS):
            raise TimeoutError("no push came")
        moment: float = self._pipe.recv()
        return moment

    def forget(self) -> None:
        """Drop the moments that nobody asked for; the fakes stand still when they pile up."""
        while self._pipe.poll():
            self._pipe.recv()

    def configuration(self, folder: Path) -> str:
        """The sections of a server that uses them, with the files beside them."""
        (folder / "apns.p8").write_bytes(self.at.apns_key)
        (folder / "fcm.json").write_text(json.dumps(service_account(f"{self.at.fcm}/token")))
        host = self.at.webpush.removeprefix("https://")
        return "\n".join(
            [
                *("[push.apns]", 'key_file = "apns.p8"', f'key_id = "{KEY_ID}"'),
                *(f'team_id = "{TEAM_ID}"', f'url = "{self.at.apns}"'),
                f'ca_file = "{self.at.apns_ca}"',
                *("[push.fcm]", 'credentials_file = "fcm.json"', f'url = "{self.at.fcm}"'),
                f'ca_file = "{self.at.https_ca}"',
                *("[push.webpush]", f'allowed_hosts = ["{host}"]'),
                *(f'allowed_networks = ["{LOOPBACK}/32"]', f'ca_file = "{self.at.https_ca}"', ""),
            ]
        )


@contextmanager
def providers() -> Iterator[Providers]:
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        process = context.Process(target=_serve, args=(Path(folder), theirs), daemon=True)
        process.start()
        try:
            yield Providers(ours)
        finally:
            process.terminate()
            process.join()


def _serve(folder: Path, pipe: Connection) -> None:
    def apple_reads(connection: FakeConnection, heard: HeardByApple) -> None:
        if heard.headers["apns-push-type"] == "voip":
            pipe.send(time.monotonic())
        apple.arrived.clear()
        apple.reply(connection, heard, fake_apns.ACCEPTED)

    def google_reads(heard: Heard) -> bool:
        return heard.path != "/token" and b'"high"' in heard.body.lower()

    def browsers_read(heard: Heard) -> bool:
        return heard.headers.get("urgency") == "high"

    apple = FakeApns(folder / "apple")
    apple.always = apple_reads
    certificates = Certificates.make(folder / "https", LOOPBACK)

    async def run() -> None:
        google = FakeHttps(certificates, _telling(pipe, google_reads, push_fcm.accept))
        browsers = FakeHttps(certificates, _telling(pipe, browsers_read, push_web.accept))
        async with apple, google, browsers:
            urls = (google.url, browsers.url)
            pipe.send(Addresses(apple.url, apple.ca_file, apple.pem, *urls, google.ca_file))
            await asyncio.Event().wait()

    uvloop.run(run())


def _telling(
    pipe: Connection, urgent: Callable[[Heard], bool], answer: Callable[[Heard], Reply]
) -> Callable[[Heard], Awaitable[Script]]:
    async def reply(heard: Heard) -> Script:
        if urgent(heard):
            pipe.send(time.monotonic())
        return answer(heard)

    return reply
