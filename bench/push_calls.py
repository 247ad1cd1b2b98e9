"""From `call.start` to the push that rings a sleeping phone, through servers as people run them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.push_providers import Providers
from signaling.pushing import pushing
from signaling.records import open_records
from signaling.shared.config import load
from signaling.shared.keys import keyring_of
from signaling.shared.push import Provider, PushReport, Step, Subscription, Target
from signaling.waking import PUSHES_IN_A_ROW
from tests.end_to_end import server as real
from tests.end_to_end.ports import take_ports
from tests.end_to_end.process import Program
from tests.end_to_end.wsclient import Client, Clients, clients
from tests.push.fake_apns import APP
from tests.push.fake_fcm import PROJECT
from tests.push.fake_webpush import Browser
from tests.push.jobs import job
from tests.redis_server import RedisServer

PASSWORD = "a quiet afternoon in may"
WARM_UP = 10
PAUSE_SECONDS = 0.03
"""Between calls, so that none waits for what the one before left to do."""
IN_FLIGHT = 100
SECONDS = 10.0

Latencies = dict[str, list[float]]
"""By the callee's name, in milliseconds."""


def targets(at: Providers) -> dict[real.Person, Target]:
    """Three people, whose phones are woken by one provider each."""
    endpoint = f"{at.at.webpush}/send/1"
    return {
        real.Person("apns", "a garden full of snails", ""): Target(
            Provider.APNS, APP, token="ab" * 32, voip_token="cd" * 32
        ),
        real.Person("fcm", "the door of the old mill", ""): Target(
            Provider.FCM, PROJECT, token="x" * 160
        ),
        real.Person("webpush", "five birds over the lake", ""): Target(
            Provider.WEBPUSH, "", subscription=Browser().subscription(endpoint)
        ),
    }


def callers(calls: int) -> list[real.Person]:
    """So many that nobody has a phone woken too often."""
    count = -(-(WARM_UP + calls) // PUSHES_IN_A_ROW)
    return [real.Person(f"caller{number}", PASSWORD, "") for number in range(count)]


class System:
    """A running installation; `pusher` is the process that pushes, if that is one of its own."""

    def __init__(self, configuration: Path, url: str, pusher: Program | None) -> None:
        self.configuration = configuration
        self.url = url
        self.pusher = pusher


@asynccontextmanager
async def system(
    folder: Path, providers: Providers, redis: RedisServer | None, calls: int
) -> AsyncIterator[System]:
    """One process, or two that Redis joins; with people who have no phone but those asleep."""
    ports = take_ports()
    path = real.write_configuration(folder, ports, ring_seconds=30)
    sections = f"{path.read_text()}{providers.configuration(folder)}"
    if redis is not None:
        (folder / "vapid.pem").write_bytes(_vapid_key())
        sections = f'secret_key = "{"k" * 32}"\n{sections}key_file = "vapid.pem"\n'
        sections += f'[redis]\nurl = "{redis.url}"\n'
    path.write_text(sections)
    async with open_records(load(path, environment={})) as records:
        for person in (*callers(calls), *targets(providers)):
            await records.accounts.add(person.name, person.password)
    async with AsyncExitStack() as stack:
        pusher = None if redis is None else await _run(stack, path, "--only", "push")
        web = await _run(stack, path, *(() if redis is None else ("--only", "web")))
        await web.expect("WSPhone is at", seconds=30)
        if pusher is not None:
            await pusher.expect("WSPhone does the pushes", seconds=30)
        yield System(path, f"http://127.0.0.1:{ports.http}", pusher)


async def _run(stack: AsyncExitStack, path: Path, *options: str) -> Program:
    program = await real.wsphone("run", *options, "--config", str(path))
    stack.push_async_callback(program.stop)
    return program


async def latencies(running: System, providers: Providers, calls: int) -> Latencies:
    """Call the three in turn; each call ends once its push was read."""
    people = targets(providers)
    found: Latencies = {person.name: [] for person in people}
    async with clients(running.url) as group:
        for person, target in people.items():
            await _fall_asleep(group, person, target)
        desks = [await group.online(person, device="desk") for person in callers(calls)]
        for number in range(WARM_UP + calls):
            for name, samples in found.items():
                desk = desks[number // PUSHES_IN_A_ROW]
                milliseconds = await _one(desk, name, providers)
                if number >= WARM_UP:
                    samples.append(milliseconds)
    return found


async def _fall_asleep(group: Clients, person: real.Person, target: Target) -> None:
    phone = await group.online(person, device="phone")
    told: dict[str, Any] = {"provider": target.provider.value, "app": target.app}
    if target.subscription is not None:
        told["subscription"] = _as_browsers_tell(target.subscription)
    else:
        told |= {"token": target.token, "voip_token": target.voip_token}
    await phone.request(
        "device.set_push", targets=[{key: value for key, value in told.items() if value}]
    )
    await phone.close()


def _as_browsers_tell(subscription: Subscription) -> dict[str, Any]:
    keys = {"p256dh": subscription.p256dh, "auth": subscription.auth}
    return {"endpoint": subscription.endpoint, "keys": keys}


async def _one(caller: Client, name: str, providers: Providers) -> float:
    providers.forget()
    began = time.monotonic()
    call = await caller.call(name)
    milliseconds = (await providers.read_at() - began) * 1000
    await caller.request("call.hangup", call=call)
    await caller.event("call.ended")
    await asyncio.sleep(PAUSE_SECONDS)
    return milliseconds


async def load_pusher(running: System, providers: Providers, pushes: int) -> None:
    """Have the process that pushes do so many calls, an equal part by each provider."""
    config = load(running.configuration, environment={})
    keyring = keyring_of(config)
    ended: asyncio.Queue[PushReport] = asyncio.Queue()

    def hear(report: PushReport) -> None:
        if report.step not in (Step.SENDING, Step.RETRYING):
            ended.put_nowait(report)

    async def one_ended() -> None:
        async with asyncio.timeout(SECONDS):
            report = await ended.get()
        if report.step is not Step.ACCEPTED:
            raise RuntimeError(f"{report.provider}: {report.reason}")
        providers.forget()

    kinds = list(targets(providers).values())
    async with pushing(config, keyring, works=False) as push:
        push.bus.subscribe(push.reply_to, hear)
        for number in range(pushes):
            if number >= IN_FLIGHT:
                await one_ended()
            now = time.time()
            target = kinds[number % len(kinds)]
            one = job(
                target,
                device=str(number),
                expires_at=now + 45,
                now=now,
                keyring=keyring,
                reply_to=push.reply_to,
            )
            push.queue.put(one)
        for _ in range(min(pushes, IN_FLIGHT)):
            await one_ended()


def _vapid_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
