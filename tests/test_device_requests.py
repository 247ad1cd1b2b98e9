"""Where devices are pushed, as clients tell it over a real socket to a real store."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from push.endpoints import EndpointRules
from signaling.device_requests import DeviceRequests
from signaling.push_rows import Origin
from signaling.records import Records
from signaling.shared.device_messages import PushInfo
from signaling.shared.push import Notice, Provider, PushJob, PushKind, Target
from signaling.shared.push_envelope import unseal
from tests.client import Client, RpcError, World
from tests.installation import PASSWORD, installation
from tests.test_push_checks import AUTH, ENDPOINT, HEX, P256DH

PHONE = {"provider": "fcm", "app": "project", "token": "a-token-of-a-phone"}
BROWSER: dict[str, Any] = {
    "provider": "webpush",
    "subscription": {
        "endpoint": ENDPOINT,
        "expirationTime": None,
        "keys": {"p256dh": P256DH, "auth": AUTH},
    },
}


@dataclass
class Queue:
    jobs: list[PushJob] = field(default_factory=list)

    def withdraw(self, key: str, expires_at: float) -> None:
        raise AssertionError("a proof is never withdrawn")

    def put(self, job: PushJob) -> None:
        self.jobs.append(job)


class House:
    """Real accounts behind a real socket; `queue` has what would be pushed."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.queue = Queue()
        requests = DeviceRequests(
            records.devices,
            records.push_targets,
            records.push_proofs,
            self.queue,
            records.keyring,
            apps={Provider.APNS: {"org.example.phone"}},
            check_endpoint=EndpointRules(["push.example.net"]).url_of,
            reply_to="a topic",
        )
        self.world = World(
            push=PushInfo("the VAPID key"),
            more=requests.methods(),
            authenticate=records.logins.authenticate,
            remember=records.devices.seen,
        )

    async def login(self, name: str, device: str = "phone") -> Client:
        account = await self.records.accounts.find(name)
        if account is None:
            account = await self.records.accounts.add(name, PASSWORD)
        tokens = await self.records.logins.open(account, device=device)
        return await self.world.open(tokens.access, device=device)

    async def targets(self, name: str) -> list[tuple[str, Target]]:
        account = await self.records.accounts.find_named(name)
        stored = await self.records.push_targets.of_account(account.id)
        return [(each.device, each.target) for each in stored]

    def pushed(self) -> tuple[PushJob, Target, Notice]:
        """The only job, and what is sealed in it."""
        (job,) = self.queue.jobs
        return job, *unseal(self.records.keyring, job)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with installation(tmp_path) as records:
        house = House(records)
        async with house.world:
            yield house


async def refusal(client: Client, method: str, **params: Any) -> tuple[int, str]:
    with pytest.raises(RpcError) as caught:
        await client.call(method, **params)
    return caught.value.code, caught.value.data["detail"]


async def test_a_client_learns_what_it_subscribes_with(house: House) -> None:
    alice = await house.login("alice")
    assert alice.opened["server"]["features"] == ["push"]
    assert alice.opened["server"]["push"] == {"webpush_key": "the VAPID key"}


async def test_a_server_without_pushes_says_so() -> None:
    async with World() as world:
        alice = await world.open("alice")
        assert alice.opened["server"]["features"] == []
        assert alice.opened["server"]["push"] is None
        assert (await refusal(alice, "device.set_push", targets=[]))[0] == -32601


async def test_a_device_tells_where_it_is_pushed(house: House) -> None:
    alice = await house.login("alice")
    told = [
        PHONE,
        BROWSER,
        {"provider": "apns", "app": "org.example.phone", "token": HEX},
        {"provider": "apns", "app": "org.example.phone", "voip_token": HEX.upper()},
    ]
    assert await alice.call("device.set_push", targets=told, missed=True) == {
        "proofs": 0,
        "refused": 0,
    }
    stored = await house.targets("alice")
    assert {device for device, _ in stored} == {"phone"}
    by_provider = {target.provider: target for _, target in stored}
    assert by_provider.keys() == {Provider.FCM, Provider.WEBPUSH, Provider.APNS}
    assert by_provider[Provider.APNS].voip_token == by_provider[Provider.APNS].token == HEX
    assert await alice.call("device.set_push", targets=[]) == {"proofs": 0, "refused": 0}
    assert await house.targets("alice") == []


async def test_a_logout_ends_the_pushes_to_a_device(house: House) -> None:
    alice = await house.login("alice")
    await alice.call("device.set_push", targets=[PHONE])
    (session,) = house.world.sessions.of_account(alice.opened["account"]["id"])
    await house.records.logins.revoke(session.account.id, session.login)
    assert await house.targets("alice") == []


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ([{"provider": "apns", "app": "org.example.phone", "token": "xyz"}], "hexadecimal"),
        ([{"provider": "apns", "app": "org.other.phone", "token": HEX}], "org.other.phone"),
        ([{"provider": "pigeon", "token": "x"}], "pigeon"),
        ([PHONE | {"token": "x" * 2000}], "length"),
        ([PHONE | {"app": f"project-{number}"} for number in range(5)], "at most 4"),
        ([PHONE] * 9, "length"),
    ],
)
async def test_what_cannot_be_pushed_is_refused_in_words(
    house: House, targets: list[dict[str, Any]], words: str
) -> None:
    alice = await house.login("alice")
    code, detail = await refusal(alice, "device.set_push", targets=targets)
    assert code == -32602
    assert words in detail
    assert await house.targets("alice") == []


async def test_an_endpoint_that_will_not_be_pushed_is_refused_at_once(house: House) -> None:
    alice = await house.login("alice")
    elsewhere = {**BROWSER["subscription"], "endpoint": "https://push.elsewhere.test/x"}
    targets = [{"provider": "webpush", "subscription": elsewhere}]
    code, detail = await refusal(alice, "device.set_push", targets=targets)
    assert (code, detail) == (-32001, "the endpoint's host is not allowed")
    assert await house.targets("alice") == []


async def test_a_phone_that_changed_hands_is_asked_before_its_calls_do(house: House) -> None:
    alice, bob = await house.login("alice"), await house.login("bob")
    await alice.call("device.set_push", targets=[PHONE])
    assert await bob.call("device.set_push", targets=[PHONE], missed=True) == {
        "proofs": 1,
        "refused": 0,
    }
    job, target, notice = house.pushed()
    assert (job.kind, job.device, job.reply_to) == (PushKind.PROOF, "phone", "a topic")
    assert target.token == PHONE["token"]
    assert notice.account == bob.opened["account"]["id"]
    assert notice.nonce is not None
    assert (await refusal(bob, "device.prove_push", nonce="a guess"))[0] == -32001
    assert await house.targets("bob") == []
    assert await bob.call("device.prove_push", nonce=notice.nonce) == {}
    assert await house.targets("bob") == [("phone", target)]
    assert await house.targets("alice") == []


async def test_asking_again_at_once_does_not_push_again(house: House) -> None:
    alice, bob = await house.login("alice"), await house.login("bob")
    await alice.call("device.set_push", targets=[PHONE])
    for _ in range(3):
        assert await bob.call("device.set_push", targets=[PHONE]) == {"proofs": 1, "refused": 0}
    assert len(house.queue.jobs) == 1


async def test_devices_are_listed_with_how_they_are_pushed(house: House) -> None:
    laptop = await house.login("alice", "laptop")
    phone = await house.login("alice", "phone")
    await phone.call("device.set_push", targets=[PHONE], missed=True)
    listed = (await laptop.call("device.list"))["devices"]
    assert {each["id"]: each["this"] for each in listed} == {"laptop": True, "phone": False}
    (push,) = next(each["push"] for each in listed if each["id"] == "phone")
    assert (push["provider"], push["app"], push["missed"]) == ("fcm", "project", True)
    assert (push["last_success_at"], push["last_failure_reason"]) == (None, None)
    assert PHONE["token"] not in str(listed)


async def test_a_phone_that_only_registers_is_listed_too(house: House) -> None:
    alice = await house.login("alice")
    account = await house.records.accounts.find_named("alice")
    credential, _ = await house.records.phones.add(account)
    target = Target(Provider.FCM, "project", token="a-token-of-linphone")
    origin = Origin(account.id, "sip-1", phone=credential.id)
    await house.records.push_targets.replace(origin, [target])
    _, linphone = (await alice.call("device.list"))["devices"]
    assert (linphone["id"], linphone["platform"], len(linphone["push"])) == ("sip-1", "sip", 1)


async def test_a_device_that_was_lost_is_removed_from_another(house: House) -> None:
    laptop = await house.login("alice", "laptop")
    phone = await house.login("alice", "phone")
    await phone.call("device.set_push", targets=[PHONE])
    assert await laptop.call("device.remove", device="phone") == {}
    assert [each["id"] for each in (await laptop.call("device.list"))["devices"]] == ["laptop"]
    assert await house.targets("alice") == []
    account = await house.records.accounts.find_named("alice")
    assert [each.device for each in await house.records.logins.all(account.id)] == ["laptop"]
    assert (await refusal(laptop, "device.remove", device="phone"))[0] == -32005
