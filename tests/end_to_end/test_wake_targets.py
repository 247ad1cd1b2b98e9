"""A Linphone that asks to be woken by push, as its apps for phones do (RFC 8599)."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.end_to_end.linphone import Line, Linphone
from tests.end_to_end.ports import take_ports
from tests.end_to_end.server import ALICE, Server, run_wsphone, running_server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.wsclient import clients

pytestmark = pytest.mark.asyncio(loop_scope="session")

FCM = "pn-provider=fcm;pn-param=929724111839;pn-prid=cFNzb3V0aA:APA91b-H_x;pn-silent=1"
APPLE = (
    "pn-provider=apns;pn-param=ABCD1234.org.example.phone.voip&remote"
    f";pn-prid={'0a' * 32}:voip&{'0b' * 32}:remote;pn-silent=1;pn-timeout=0"
)


def service_account() -> str:
    """Credentials as Firebase gives them, whose server is nobody."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {
        "type": "service_account",
        "project_id": "929724111839",
        "private_key_id": "1",
        "private_key": pem,
        "client_email": "phones@example.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": "https://127.0.0.1:9/token",
    }
    return json.dumps(account)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("waking")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(folder: Path) -> AsyncIterator[Server]:
    """A server that can push by Firebase, and by Firebase alone."""
    (folder / "account.json").write_text(service_account())
    fcm = '[push.fcm]\ncredentials_file = "account.json"\nurl = "https://127.0.0.1:9"\n'
    async with running_server(folder, (ALICE,), more=fcm) as running:
        yield running


async def start(server: Server, sounds: Sounds, folder: Path, parameters: str) -> Linphone:
    ports = take_ports()
    line = Line(
        user=ALICE.name,
        secret=ALICE.secret,
        registrar=server.ports.sip,
        sip_port=ports.sip,
        rtp_port=ports.media_min,
        contact_parameters=parameters,
    )
    return await Linphone.start(line, folder, speech=sounds.b.looped)


async def devices(folder: Path) -> list[dict[str, Any]]:
    config = ("--config", str(folder / "wsphone.toml"))
    outcome = await run_wsphone("device", "list", ALICE.name, "--json", *config)
    listed: list[dict[str, Any]] = json.loads(outcome.output)
    return listed


async def test_a_phone_whose_battery_is_empty_can_still_be_woken_and_one_that_quits_cannot(
    server: Server, sounds: Sounds, folder: Path, tmp_path: Path
) -> None:
    phone = await start(server, sounds, tmp_path / "first", FCM)
    try:
        await phone.registered()
        (device,) = await devices(folder)
        assert device["id"].startswith("sip-")
        assert [(push["provider"], push["app"]) for push in device["push"]] == [
            ("fcm", "929724111839")
        ]
    finally:
        await phone.kill()
    assert await devices(folder) == [device]
    phone = await start(server, sounds, tmp_path / "second", FCM)
    try:
        await phone.registered()
    finally:
        await phone.close()
    assert await devices(folder) == []


async def test_a_phone_that_asks_for_another_service_is_told(
    server: Server, sounds: Sounds, tmp_path: Path
) -> None:
    phone = await start(server, sounds, tmp_path, APPLE)
    try:
        assert await phone.registration_refused() == 555
    finally:
        await phone.kill()


async def test_an_app_says_where_it_is_pushed_and_the_operator_sees_why_it_is_not(
    server: Server, folder: Path
) -> None:
    async with clients(server.url) as group:
        app = await group.log_in(ALICE, device="app")
        await app.connect(server.url)
        opened = (await app.open())["server"]
        assert (opened["features"], len(opened["push"]["webpush_key"])) == (["push"], 87)
        target = {"provider": "apns", "app": "org.example.phone", "token": "0c" * 32}
        told = await app.request("device.set_push", targets=[target])
        assert told == {"proofs": 0, "refused": 0}
        config = ("--config", str(folder / "wsphone.toml"))
        tested = await run_wsphone("push", "test", "app", *config)
        assert tested.status == 1
        assert "apns org.example.phone" in tested.output
        assert "not configured: set push.apns.key_file" in tested.output
        assert "0c0c" not in tested.output
        (device,) = await devices(folder)
        assert device["push"][0]["last_failure_reason"] == "not configured: set push.apns.key_file"
