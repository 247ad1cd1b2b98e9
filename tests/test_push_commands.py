"""`wsphone push test`: what it tells of each hop, for each answer of a provider."""

import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from push.sender import ApnsPush, FcmPush, Outcome, Verdict, WebPush
from signaling.console import Console
from signaling.push_commands import NotPushed, Story, push_device
from signaling.push_rows import StoredTarget
from signaling.records import Records
from signaling.shared.errors import BadMessage, NotFound
from signaling.shared.push import Provider, Target
from tests.installation import installation
from tests.shell import Shell
from tests.test_device_commands import TOKEN, add_devices, with_alice
from tests.test_push_checks import BROWSER
from tests.test_push_targets import Person, person

PHONE = Target(Provider.APNS, "org.example.phone", token="0a" * 32, voip_token="0b" * 32)


class Service:
    """A sender that gives the answers it was told, in turn, and keeps what it was handed."""

    def __init__(self, *answers: Outcome) -> None:
        self.answers = list(answers)
        self.pushes: list[ApnsPush | FcmPush | WebPush] = []

    async def warm(self) -> None:
        pass

    async def send(self, push: Any, *, seconds: float) -> Outcome:
        self.pushes.append(push)
        return self.answers.pop(0)

    async def aclose(self) -> None:
        pass


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    async with installation(tmp_path) as records:
        yield records


@pytest.fixture
async def alice(records: Records) -> Person:
    alice = await person(records, "alice")
    await records.push_targets.replace(alice.at("phone"), [PHONE])
    return alice


async def told(records: Records, service: Service, *, account: str | None = None) -> list[str]:
    """What is printed of a push to the device `phone`; times are cut out."""
    out = io.StringIO()
    story = Story(Console(io.StringIO(), out, io.StringIO()), is_silent=False)
    senders = dict.fromkeys(Provider, service)
    try:
        await push_device(story, records, senders, "phone", account=account)
    except NotPushed:
        story.tell("end", "not accepted")
    return [re.sub(r"\d+\.\d\d s", "N s", line) for line in out.getvalue().splitlines()]


async def stored(records: Records, person: Person) -> list[StoredTarget]:
    return await records.push_targets.of_account(person.account.id)


async def test_each_hop_is_told(records: Records, alice: Person) -> None:
    service = Service(Outcome(Verdict.ACCEPTED, "200"))
    target, connecting, sent, answer, meaning = await told(records, service)
    assert target.startswith("target:     apns org.example.phone  registered 2023-11-14 ")
    assert target.endswith("not pushed yet")
    assert connecting == "connecting: done after N s"
    (push,) = service.pushes
    assert isinstance(push, ApnsPush)
    assert sent == (
        f"sent:       {len(push.payload)} bytes,"
        " topic org.example.phone, alert, priority 10, production"
    )
    assert answer == "answer:     accepted after N s: 200"
    assert "look at the phone" in meaning


async def test_what_was_found_is_kept_with_the_device(records: Records, alice: Person) -> None:
    await told(records, Service(Outcome(Verdict.ACCEPTED, "200")))
    (after,) = await stored(records, alice)
    assert (after.last_success_at is None, after.last_failure_at) == (False, None)
    await told(records, Service(Outcome(Verdict.FAULT, "TopicDisallowed")))
    (after,) = await stored(records, alice)
    assert after.last_failure_reason == "TopicDisallowed"


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (Verdict.UNSENT, "firewall"),
        (Verdict.RETRY, "status page"),
        (Verdict.FAULT, "mend the configuration"),
        (Verdict.REFUSED, "The answer says why"),
    ],
)
async def test_an_answer_is_told_with_what_it_means(
    records: Records, alice: Person, verdict: Verdict, words: str
) -> None:
    *_, answer, meaning, end = await told(records, Service(Outcome(verdict, "Its own word")))
    assert answer.endswith(": Its own word")
    assert words in meaning
    assert end == "end:        not accepted"
    assert len(await stored(records, alice)) == 1


@pytest.mark.parametrize(
    ("dead_since", "is_dropped"), [(None, True), (1_700_000_000.5, True), (1_699_999_999.0, False)]
)
async def test_a_dead_token_is_dropped_unless_it_was_registered_since(
    records: Records, alice: Person, dead_since: float | None, *, is_dropped: bool
) -> None:
    dead = Outcome(Verdict.DEAD, "Unregistered", dead_since=dead_since)
    await told(records, Service(dead))
    assert (await stored(records, alice) == []) is is_dropped


async def test_the_other_of_apples_environments_is_tried(records: Records, alice: Person) -> None:
    wrong = Outcome(Verdict.WRONG_ENVIRONMENT, "BadDeviceToken")
    service = Service(wrong, Outcome(Verdict.ACCEPTED, "200"))
    lines = await told(records, service)
    assert "turning:    the token may be of apns.dev: trying that" in lines
    assert [isinstance(push, ApnsPush) and push.sandbox for push in service.pushes] == [False, True]
    assert len(await stored(records, alice)) == 1
    await told(records, Service(wrong, wrong))
    assert await stored(records, alice) == []


async def test_a_phone_with_a_voip_token_alone_is_not_made_to_ring(
    records: Records, alice: Person
) -> None:
    voip = Target(Provider.APNS, "org.example.phone", voip_token="0b" * 32)
    await records.push_targets.replace(alice.at("phone"), [voip])
    service = Service()
    lines = await told(records, service)
    assert "Try it with a call" in lines[-2]
    assert service.pushes == []


async def test_no_token_is_printed(records: Records, alice: Person) -> None:
    google = Target(Provider.FCM, "project", token=TOKEN)
    await records.push_targets.replace(alice.at("phone"), [PHONE, google, BROWSER])
    accepted = Outcome(Verdict.ACCEPTED, "200")
    text = "\n".join(await told(records, Service(accepted, accepted, accepted)))
    assert "project project" in text
    assert "to push.example.net, urgency" in text
    for secret in (TOKEN, "0a0a", "0b0b", "JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV"):
        assert secret not in text


async def test_a_device_that_two_accounts_have_needs_a_name(
    records: Records, alice: Person
) -> None:
    bob = await person(records, "bob")
    google = Target(Provider.FCM, "project", token=TOKEN)
    await records.push_targets.replace(bob.at("phone"), [google])
    with pytest.raises(BadMessage, match="--account"):
        await told(records, Service())
    service = Service(Outcome(Verdict.ACCEPTED, "200"))
    lines = await told(records, service, account="bob")
    assert lines[0].startswith("target:     fcm project")


async def test_a_device_that_is_not_pushed_is_explained(records: Records) -> None:
    with pytest.raises(NotFound, match="never asked to be pushed"):
        await told(records, Service())


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    config = tmp_path / "wsphone.toml"
    config.write_text('data_dir = "data"\ndomain = "phones.test"\n')
    shell = Shell(config)
    with_alice(shell, add_devices)
    return shell


def test_without_credentials_the_command_says_what_to_set(shell: Shell) -> None:
    assert shell.run("push", "test", "tablet") == 1
    assert "not configured: set push.fcm.credentials_file" in shell.out
    assert shell.err == "wsphone: no push to device tablet was accepted\n"


def test_programs_get_the_hops(shell: Shell) -> None:
    assert shell.run("push", "test", "tablet", "--json") == 1
    hops = json.loads(shell.out)
    assert [hop["hop"] for hop in hops] == ["target", "connecting", "sent", "answer", "meaning"]
    assert (hops[3]["verdict"], hops[0]["app"]) == ("fault", "project")
    assert TOKEN not in shell.out


def test_a_device_that_nobody_has_is_refused(shell: Shell) -> None:
    assert "has no push target" in shell.refusal("push", "test", "toaster", status=1)
