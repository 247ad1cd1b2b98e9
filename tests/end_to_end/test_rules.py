"""Calls that are refused before anything rings, and a phone that fetches its own settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.linphone import Line, Linphone
from tests.end_to_end.ports import take_ports
from tests.end_to_end.server import ALICE, BOB, CAROL, Person, Server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.wsclient import Clients

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORBIDDEN = 403
TEMPORARILY_UNAVAILABLE = 480


class Api:
    """The HTTP API as one person."""

    def __init__(self, http: aiohttp.ClientSession, token: str) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._http.post(path, json=body, headers=self._headers) as response:
            assert response.status == 201, await response.text()
            answer: dict[str, Any] = await response.json()
            return answer

    async def delete(self, path: str) -> None:
        async with self._http.delete(path, headers=self._headers) as response:
            assert response.status == 204, await response.text()


@asynccontextmanager
async def api(server: Server, person: Person) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession(server.url) as http:
        body = {"username": person.name, "password": person.password}
        async with http.post("/api/login", json=body) as response:
            yield Api(http, (await response.json())["token"])


async def test_an_emergency_number_is_refused_in_words(
    linphone: StartLinphone, wire: Clients
) -> None:
    alice = await wire.online(ALICE, device="tablet")
    call = await alice.call("112")
    ended = await alice.event("call.ended", lambda params: params["call"] == call)
    assert (ended["reason"], ended["code"], ended["by"]) == ("emergency", FORBIDDEN, "server")

    bob = await linphone(BOB)
    assert await bob.refused(since=bob.call("sip:112@wsphone.local")) == FORBIDDEN
    assert "No emergency calls here" in bob.last_reason()


async def test_whoever_is_blocked_finds_nobody_there(
    server: Server, linphone: StartLinphone, wire: Clients
) -> None:
    alice = await wire.online(ALICE, device="tablet")
    bob = await linphone(BOB)
    carol = await wire.online(CAROL, device="laptop")
    async with api(server, ALICE) as as_alice:
        for caller in ("bob", "carol"):
            await as_alice.post("/api/blocked", {"address": caller})
        call = bob.call("sip:alice@wsphone.local")
        assert await bob.refused(since=call) == TEMPORARILY_UNAVAILABLE
        await carol.call("alice")
        assert (await carol.event("call.ended"))["reason"] == "unavailable"
        assert not alice.has("call.incoming")
        for caller in ("bob", "carol"):
            await as_alice.delete(f"/api/blocked/{caller}")
    again = await carol.call("alice")
    assert (await alice.event("call.incoming"))["call"] == again
    await carol.request("call.hangup", call=again)


async def test_a_linphone_fetches_its_settings_and_registers(
    server: Server, sounds: Sounds, tmp_path: Path
) -> None:
    async with api(server, CAROL) as as_carol:
        phone = await as_carol.post("/api/phones", {"name": "fetched"})
        ports = take_ports()
        line = Line(
            user=CAROL.name,
            sip_port=ports.sip,
            rtp_port=ports.media_min,
            settings_from=phone["provisioning"]["url"],
        )
        linphone = await Linphone.start(line, tmp_path / "carol", speech=sounds.b.looped)
        try:
            await linphone.registered()
        finally:
            await linphone.close()
            await as_carol.delete(f"/api/phones/{phone['id']}")
