"""`wsphone push test` against a service on the wire."""

import io
from pathlib import Path

from signaling.console import Console
from signaling.push_commands import NotPushed, Story, push_device
from signaling.records import Records
from signaling.shared.push import Provider, Target
from tests.installation import installation
from tests.push.fake_fcm import PROJECT, error
from tests.push.fake_https import Certificates
from tests.push.test_fcm import Lab, open_lab
from tests.test_push_targets import person

TOKEN = "a-token:of-a-phone"


async def told(records: Records, lab: Lab) -> str:
    out = io.StringIO()
    story = Story(Console(io.StringIO(), out, io.StringIO()), is_silent=False)
    try:
        await push_device(story, records, {Provider.FCM: lab.sender}, "phone")
    except NotPushed as error:
        story.tell("end", str(error))
    return out.getvalue()


async def test_the_service_gets_it_and_its_own_word_is_told(
    certificates: Certificates, tmp_path: Path
) -> None:
    async with installation(tmp_path) as records, open_lab(certificates) as lab:
        alice = await person(records, "alice")
        target = Target(Provider.FCM, PROJECT, token=TOKEN)
        await records.push_targets.replace(alice.at("phone"), [target])
        text = await told(records, lab)
        [(message, _)] = lab.fcm.accepted
        assert (message["token"], message["data"]["kind"]) == (TOKEN, "test")
        assert "accepted after" in text
        lab.fcm.script.append(error(404, "UNREGISTERED"))
        text = await told(records, lab)
        assert ": UNREGISTERED\n" in text
        assert "opening the app" in text
        assert TOKEN not in text
        assert await records.push_targets.of_account(alice.account.id) == []


async def test_a_refused_server_is_told_apart_from_a_dead_phone(
    certificates: Certificates, tmp_path: Path
) -> None:
    async with installation(tmp_path) as records, open_lab(certificates) as lab:
        alice = await person(records, "alice")
        target = Target(Provider.FCM, PROJECT, token=TOKEN)
        await records.push_targets.replace(alice.at("phone"), [target])
        lab.fcm.script.append(error(403, "SENDER_ID_MISMATCH"))
        assert "mend the configuration" in await told(records, lab)
        (stored,) = await records.push_targets.of_account(alice.account.id)
        assert stored.last_failure_reason == "SENDER_ID_MISMATCH"
