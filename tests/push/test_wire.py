"""From the queue to Apple's and Google's wire, with everything between as it runs."""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from signaling.pushing import pushing
from signaling.shared.config import Apns, Config, Fcm, Push
from signaling.shared.push import PushReport, Step, Target
from tests.push.fake_apns import APP, KEY_ID, TEAM_ID, FakeApns
from tests.push.fake_fcm import PROJECT, FakeFcm
from tests.push.fake_https import Certificates
from tests.push.jobs import ANDROID, CALL, IPHONE, KEYRING, job


async def pushed(config: Config, targets: Sequence[Target]) -> list[PushReport]:
    """Put a call for each target, and wait until all were accepted."""
    accepted: asyncio.Queue[PushReport] = asyncio.Queue()

    def hear(report: PushReport) -> None:
        if report.step is not Step.SENDING:
            accepted.put_nowait(report)

    async with pushing(config, KEYRING, works=True) as push:
        push.bus.subscribe(push.reply_to, hear)
        now = time.time()
        for number, target in enumerate(targets):
            device = f"device-{number}"
            push.queue.put(
                job(target, device=device, expires_at=now + 45, now=now, reply_to=push.reply_to)
            )
        return [await accepted.get() for _ in targets]


async def test_a_call_reaches_an_iphone_and_an_android_phone(
    tmp_path: Path, certificates: Certificates
) -> None:
    fcm = FakeFcm(certificates)
    async with FakeApns(tmp_path / "tls") as apple, fcm.server:
        (tmp_path / "key.p8").write_bytes(apple.pem)
        (tmp_path / "fcm.json").write_text(json.dumps(fcm.account()))
        config = Config(
            data_dir=tmp_path,
            push=Push(
                apns=Apns(
                    key_file=tmp_path / "key.p8",
                    key_id=KEY_ID,
                    team_id=TEAM_ID,
                    url=apple.url,
                    ca_file=apple.ca_file,
                ),
                fcm=Fcm(
                    credentials_file=tmp_path / "fcm.json",
                    url=fcm.server.url,
                    ca_file=certificates.ca_file,
                ),
            ),
        )
        iphone = replace(IPHONE, app=APP, voip_token="ab" * 32)
        android = replace(ANDROID, app=PROJECT)
        reports = await pushed(config, [iphone, android])
        assert [report.step for report in reports] == [Step.ACCEPTED] * 2, reports
        (arrived,) = apple.arrived
        assert json.loads(arrived.payload)["call"] == CALL
        ((message, _),) = fcm.accepted
        assert message["data"]["from_address"] == "alice@phones.test"
        assert apple.violations == []
