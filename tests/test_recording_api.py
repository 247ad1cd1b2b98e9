"""Recordings over HTTP: who may hear them, whole and in parts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from signaling.guard import Guard
from signaling.http import bearer_of, set_manners
from signaling.logins import Principal
from signaling.recording_api import add_recording_api
from signaling.records import Records
from signaling.shared.model import Account
from tests.installation import PASSWORD, installation
from tests.test_recordings import SOUND, files, recorded

URL = "/api/calls/c/recording"


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    async with installation(tmp_path) as records:
        yield records


@pytest.fixture
async def people(records: Records) -> dict[str, Account]:
    """alice called bob and was recorded; carol looks on, and dora administrates."""
    people = {
        name: await records.accounts.add(name, PASSWORD) for name in ("alice", "bob", "carol")
    }
    people["dora"] = await records.accounts.add("dora", PASSWORD, is_admin=True)
    await recorded(records, people["alice"], people["bob"])
    return people


class Desk:
    """Asks as one account."""

    def __init__(
        self,
        client: TestClient[web.Request, web.Application],
        records: Records,
        people: dict[str, Account],
    ) -> None:
        self._client = client
        self._records = records
        self._people = people

    async def ask(
        self, asker: str | None, url: str = URL, *, method: str = "GET", part: str | None = None
    ) -> ClientResponse:
        headers = {"Host": "localhost"}
        if asker is not None:
            tokens = await self._records.logins.open(self._people[asker])
            headers["Authorization"] = f"Bearer {tokens.access}"
        if part is not None:
            headers["Range"] = part
        return await self._client.request(method, url, headers=headers)


@pytest.fixture
async def desk(records: Records, people: dict[str, Account]) -> AsyncIterator[Desk]:
    async def authenticate(request: web.Request) -> Principal:
        return await records.logins.authenticate(bearer_of(request))

    app = web.Application()
    set_manners(app, Guard(host="0.0.0.0", port=80, allowed_origins=()))
    add_recording_api(app, records.recordings, authenticate)
    async with TestClient(TestServer(app)) as client:
        yield Desk(client, records, people)


@pytest.mark.parametrize("asker", ["alice", "bob", "dora"])
async def test_both_sides_and_administrators_hear_it(desk: Desk, asker: str) -> None:
    response = await desk.ask(asker, "/api/calls/C/recording")
    assert (response.status, response.content_type) == (200, "audio/ogg")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.content_length == len(SOUND)
    assert await response.read() == SOUND


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_others_learn_nothing(desk: Desk, method: str) -> None:
    assert (await desk.ask(None, method=method)).status == 401
    answers = [
        await (await desk.ask("carol", url)).text() for url in (URL, URL.replace("c/", "x/"))
    ]
    assert answers[0] == answers[1]
    assert (await desk.ask("carol")).status == 404


@pytest.mark.parametrize("call", ["x", "%00", "y" * 100])
async def test_a_call_without_a_recording_has_none(desk: Desk, call: str) -> None:
    assert (await desk.ask("dora", f"/api/calls/{call}/recording")).status == 404


@pytest.mark.parametrize(
    ("part", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=4090-8200", 4090, 8201),
        ("bytes=-10", len(SOUND) - 10, len(SOUND)),
        ("bytes=20000-", 20000, len(SOUND)),
        ("bytes=183990-999999", 183990, len(SOUND)),
    ],
)
async def test_a_part_of_it_is_given(desk: Desk, part: str, start: int, end: int) -> None:
    response = await desk.ask("alice", part=part)
    assert response.status == 206
    assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(SOUND)}"
    assert await response.read() == SOUND[start:end]


@pytest.mark.parametrize(("part", "status"), [("bytes=999999-", 416), ("lines=1-2", 422)])
async def test_a_part_that_cannot_be_is_refused(desk: Desk, part: str, status: int) -> None:
    assert (await desk.ask("alice", part=part)).status == status


async def test_one_that_is_damaged_further_on_is_cut_there(desk: Desk, tmp_path: Path) -> None:
    (path,) = [tmp_path / "data" / "recordings" / name for name in files(tmp_path)]
    data = bytearray(path.read_bytes())
    data[-10_000] ^= 1
    path.write_bytes(data)
    response = await desk.ask("alice")
    assert response.status == 200
    with pytest.raises(ClientError):
        await response.read()


async def test_what_is_being_recorded_has_to_be_waited_for(
    desk: Desk, records: Records, people: dict[str, Account]
) -> None:
    await records.recordings.begin("d", people["alice"].id, people["bob"].id)
    assert (await desk.ask("alice", "/api/calls/d/recording")).status == 409


async def test_only_an_administrator_erases_it(desk: Desk, tmp_path: Path) -> None:
    assert (await desk.ask("alice", method="DELETE")).status == 403
    assert (await desk.ask("dora", method="DELETE")).status == 204
    assert (await desk.ask("alice")).status == 404
    assert files(tmp_path) == []
