"""The command `wsphone push test`: one real push, told hop by hop."""

import time
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from push.payload import compose
from push.providers import senders_of
from push.sender import ApnsPush, FcmPush, Outcome, Sender, Verdict, WebPush
from signaling.console import JSON, Argument, Arguments, Command, Console, with_records
from signaling.device_commands import facts_of
from signaling.export import target_shown
from signaling.push_jobs import make_job
from signaling.push_rows import StoredTarget
from signaling.records import Records
from signaling.shared.config import Config
from signaling.shared.errors import BadMessage, NotFound, WSPhoneError
from signaling.shared.push import Notice, Provider, PushJob, PushKind, Step, Target, report_of

SECONDS = 10.0
"""How long a provider may take to answer: longer than in a call, to see what it says."""
_LIFE_SECONDS = 60.0

_OTHER_ENVIRONMENT = {
    Provider.APNS: Provider.APNS_DEV,
    Provider.APNS_DEV: Provider.APNS,
}
_MEANINGS = {
    Verdict.ACCEPTED: (
        "The service took it: the phone shows it in a moment. If it does not, look at the phone:"
        " its network, its permission for notifications, what it does to save its battery."
    ),
    Verdict.UNSENT: (
        "It never reached the service: look at the network of this server, its firewall and DNS,"
        " and at push.*.url. A call tries again while it rings."
    ),
    Verdict.RETRY: (
        "The service is in trouble or did not answer in time. A call tries again while it rings;"
        " if this stays, look at the service's status page."
    ),
    Verdict.DEAD: (
        "The token leads nowhere any more: the app was removed, or has another token by now. The"
        " target is dropped; opening the app brings its new one."
    ),
    Verdict.WRONG_ENVIRONMENT: (
        "Neither of Apple's environments knows the token: the target is dropped; opening the app"
        " brings its new one."
    ),
    Verdict.FAULT: (
        "The service refuses this server, so nobody is woken by it: mend the configuration of"
        " [push] as the answer says."
    ),
    Verdict.REFUSED: "The service refuses this one push; others may pass. The answer says why.",
}
_NOT_SENT = (
    "Nothing was sent: the phone gave a VoIP token alone, and whatever comes that way has to be"
    " shown as a call. Try it with a call."
)


class NotPushed(WSPhoneError):
    """The test went as far as it could, and no service took the push."""


class Story:
    """The hops, printed as they happen, or kept for programs."""

    def __init__(self, console: Console, *, is_silent: bool) -> None:
        self.hops: list[dict[str, Any]] = []
        self._console = console
        self._is_silent = is_silent

    def tell(self, hop: str, text: str, **facts: object) -> None:
        self.hops.append({"hop": hop, "text": text} | facts)
        if not self._is_silent:
            self._console.say(f"{hop + ':':<12}{text}")


class _Tried(NamedTuple):
    target: Target
    outcome: Outcome
    seconds: float


async def _test(a: Arguments, config: Config, records: Records, console: Console) -> None:
    senders = senders_of(config)
    story = Story(console, is_silent=a.json)
    try:
        await push_device(story, records, senders, a.device, account=a.account)
    finally:
        for sender in dict.fromkeys(senders.values()):
            await sender.aclose()
        if a.json and story.hops:
            console.say_json(story.hops)


async def push_device(
    story: Story,
    records: Records,
    senders: Mapping[Provider, Sender[Any]],
    device: str,
    *,
    account: str | None = None,
) -> None:
    """Push each target of a device; raises NotFound, BadMessage, and NotPushed if none took it."""
    targets = await _targets_of(records, device, account)
    verdicts = [
        await _try(story, records, senders[stored.target.provider], stored) for stored in targets
    ]
    if Verdict.ACCEPTED not in verdicts:
        raise NotPushed(f"no push to device {device} was accepted")


async def _targets_of(records: Records, device: str, name: str | None) -> list[StoredTarget]:
    targets = await records.push_targets.of_device(device)
    if name is not None:
        account = await records.accounts.find_named(name)
        targets = [stored for stored in targets if stored.account == account.id]
    if not targets:
        raise NotFound(
            f"device {device} has no push target: its app never asked to be pushed, was logged out,"
            " or its token died; wsphone device list shows what there is"
        )
    if len({stored.account for stored in targets}) > 1:
        raise BadMessage(f"several accounts have a device {device}: name one with --account")
    return targets


async def _try(
    story: Story, records: Records, sender: Sender[Any], stored: StoredTarget
) -> Verdict | None:
    """Push one target; None when nothing can be sent to it."""
    story.tell("target", "  ".join(facts_of(stored)), **target_shown(stored))
    started = time.monotonic()
    await sender.warm()
    seconds = time.monotonic() - started
    story.tell("connecting", f"done after {seconds:.2f} s", seconds=round(seconds, 3))
    job = _job(records, stored)
    notice = Notice(job.expires_at, account=stored.account)
    tried = await _attempt(story, sender, job, stored.target, notice)
    if tried is None:
        return None
    other = _OTHER_ENVIRONMENT.get(stored.target.provider)
    if tried.outcome.verdict is Verdict.WRONG_ENVIRONMENT and other is not None:
        story.tell("turning", f"the token may be of {other}: trying that")
        target = replace(stored.target, provider=other)
        tried = await _attempt(story, sender, job, target, notice) or tried
    await _keep(records, job, tried)
    story.tell("meaning", _MEANINGS[tried.outcome.verdict])
    return tried.outcome.verdict


def _job(records: Records, stored: StoredTarget) -> PushJob:
    now = time.time()
    return make_job(
        records.keyring,
        stored,
        PushKind.TEST,
        Notice(now + _LIFE_SECONDS, account=stored.account),
        key=f"push:{uuid.uuid4()}:{stored.device}:{PushKind.TEST.value}",
        reply_to="",
        now=now,
    )


async def _attempt(
    story: Story, sender: Sender[Any], job: PushJob, target: Target, notice: Notice
) -> _Tried | None:
    push = compose(job, target, notice, push_id=str(uuid.uuid4()), now=time.time())
    if push is None:
        story.tell("sent", _NOT_SENT)
        return None
    words, size = _sent(push)
    story.tell("sent", f"{size} bytes, {words}", bytes=size)
    started = time.monotonic()
    outcome = await sender.send(push, seconds=SECONDS)
    seconds = time.monotonic() - started
    verdict = outcome.verdict.value
    story.tell(
        "answer",
        f"{verdict.replace('_', ' ')} after {seconds:.2f} s: {outcome.reason}",
        verdict=verdict,
        reason=outcome.reason,
        seconds=round(seconds, 3),
        retry_after=outcome.retry_after,
    )
    return _Tried(target, outcome, seconds)


def _sent(push: ApnsPush | FcmPush | WebPush) -> tuple[str, int]:
    """What goes out, in words, and the size of its content; never a token."""
    match push:
        case ApnsPush():
            place = "the sandbox" if push.sandbox else "production"
            text = f"topic {push.topic}, {push.push_type}, priority {push.priority}, {place}"
            return text, len(push.payload)
        case FcmPush():
            urgency = "high" if push.high_priority else "normal"
            size = sum(len(f"{name}{value}".encode()) for name, value in push.data.items())
            return f"project {push.project}, priority {urgency}", size
        case WebPush():
            host = push.subscription.endpoint.split("/")[2]
            return f"to {host}, urgency {push.urgency}, encrypted on the way", len(push.payload)


async def _keep(records: Records, job: PushJob, tried: _Tried) -> None:
    """What the test showed holds for calls too: device list tells it."""
    outcome, now = tried.outcome, time.time()
    step = Step.ACCEPTED if outcome.verdict is Verdict.ACCEPTED else Step.FAILED
    report = report_of(job, step, at=now, attempt=1, reason=outcome.reason, seconds=tried.seconds)
    await records.push_targets.note(report)
    born_again = outcome.dead_since is not None and outcome.dead_since <= job.registered_at
    is_dead = outcome.verdict in (Verdict.DEAD, Verdict.WRONG_ENVIRONMENT)
    if is_dead and not born_again:
        await records.push_targets.forget(job.target, job.registered_at)


COMMANDS: list[Command] = [
    (
        "push test",
        "push a device for real, and tell each hop",
        with_records(_test),
        [
            Argument("device", {"metavar": "DEVICE", "help": "its id, see device list"}),
            Argument("--account", {"metavar": "ACCOUNT", "help": "whose, if several have it"}),
            JSON,
        ],
    ),
]
