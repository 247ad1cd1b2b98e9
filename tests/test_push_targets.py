from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from signaling.push_rows import Origin, StoredTarget
from signaling.push_targets import MAX_TARGETS, Kept
from signaling.records import Records
from signaling.shared.errors import NotAuthenticated
from signaling.shared.model import Account
from signaling.shared.push import Provider, PushKind, PushReport, Step, Subscription, Target
from signaling.tables import push_targets
from tests.installation import PASSWORD, Clock, Stored, installation

APPLE = Target(Provider.APNS, "org.example.phone", token="aa" * 32, voip_token="bb" * 32)
GOOGLE = Target(Provider.FCM, "example-project", token="a-token:of-a-phone_1")
BROWSER = Target(
    Provider.WEBPUSH, "", subscription=Subscription("https://push.example/1", "key", "auth")
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def records(tmp_path: Path, clock: Clock, database: str) -> AsyncIterator[Records]:
    async with installation(tmp_path, clock, database=database) as records:
        yield records


@dataclass(frozen=True)
class Person:
    """An account that is logged in."""

    account: Account
    login: str

    def at(self, device: str) -> Origin:
        return Origin(self.account.id, device, login=self.login)


async def person(records: Records, name: str) -> Person:
    account = await records.accounts.add(name, PASSWORD)
    tokens = await records.logins.open(account)
    return Person(account, (await records.logins.authenticate(tokens.access)).login)


@pytest.fixture
async def alice(records: Records) -> Person:
    return await person(records, "alice")


@pytest.fixture
async def bob(records: Records) -> Person:
    return await person(records, "bob")


async def kept(records: Records, person: Person) -> list[tuple[str, Target]]:
    stored = await records.push_targets.of_account(person.account.id)
    return [(each.device, each.target) for each in stored]


def report(stored: StoredTarget, step: Step, at: float, reason: str | None = None) -> PushReport:
    return PushReport(
        key="push:call:tablet:call",
        kind=PushKind.CALL,
        account=stored.account,
        device=stored.device,
        target=stored.id,
        provider=stored.target.provider,
        step=step,
        at=at,
        attempt=1,
        registered_at=stored.registered_at,
        reason=reason,
    )


class TestReplacing:
    async def test_a_device_has_the_targets_that_it_told_last(
        self, records: Records, alice: Person
    ) -> None:
        targets = records.push_targets
        await targets.replace(alice.at("tablet"), [APPLE, GOOGLE])
        await targets.replace(alice.at("laptop"), [BROWSER])
        assert (await targets.replace(alice.at("tablet"), [GOOGLE])).count == 1
        assert await kept(records, alice) == [("laptop", BROWSER), ("tablet", GOOGLE)]
        await targets.replace(alice.at("tablet"), [])
        assert await kept(records, alice) == [("laptop", BROWSER)]

    async def test_the_same_token_keeps_its_row_and_what_it_went_through(
        self, records: Records, alice: Person, clock: Clock
    ) -> None:
        targets = records.push_targets
        await targets.replace(alice.at("tablet"), [APPLE])
        (first,) = await targets.of_account(alice.account.id)
        await targets.note(report(first, Step.ACCEPTED, clock.now))
        clock.advance(5)
        await targets.replace(alice.at("tablet"), [APPLE], wants_missed=True)
        (again,) = await targets.of_account(alice.account.id)
        assert (again.id, again.last_success_at) == (first.id, first.registered_at)
        assert (again.registered_at, again.wants_missed) == (clock.now, True)

    async def test_a_token_that_another_device_of_the_account_tells_moves_there(
        self, records: Records, alice: Person
    ) -> None:
        await records.push_targets.replace(alice.at("old"), [APPLE, GOOGLE])
        await records.push_targets.replace(alice.at("new"), [GOOGLE])
        assert await kept(records, alice) == [("new", GOOGLE), ("old", APPLE)]

    @pytest.mark.parametrize(
        "told",
        [
            Target(Provider.APNS, "org.example.phone", token="aa" * 32),
            Target(Provider.APNS_DEV, "org.other", token="aa" * 32),
            # The VoIP token stands beside the ordinary one, which can be proven.
            APPLE,
        ],
    )
    async def test_a_token_of_another_account_is_left_there_and_told(
        self, records: Records, alice: Person, bob: Person, told: Target
    ) -> None:
        await records.push_targets.replace(alice.at("phone"), [APPLE])
        result = await records.push_targets.replace(bob.at("phone"), [told, GOOGLE])
        assert result == Kept(1, [told])
        assert await kept(records, alice) == [("phone", APPLE)]
        assert await kept(records, bob) == [("phone", GOOGLE)]

    async def test_of_two_tokens_the_one_that_is_free_is_taken(
        self, records: Records, alice: Person, bob: Person
    ) -> None:
        await records.push_targets.replace(alice.at("phone"), [APPLE])
        told = Target(Provider.APNS, "org.other", token="aa" * 32, voip_token="cc" * 32)
        result = await records.push_targets.replace(bob.at("phone"), [told])
        assert result == Kept(1, [Target(Provider.APNS, "org.other", token="aa" * 32)])
        own = Target(Provider.APNS, "org.other", voip_token="cc" * 32)
        assert await kept(records, bob) == [("phone", own)]

    @pytest.mark.parametrize("token", ["cc" * 32, None])
    async def test_a_voip_token_of_another_account_cannot_be_had(
        self, records: Records, alice: Person, bob: Person, token: str | None
    ) -> None:
        await records.push_targets.replace(alice.at("phone"), [APPLE])
        told = Target(Provider.APNS, "org.other", token=token, voip_token="bb" * 32)
        result = await records.push_targets.replace(bob.at("phone"), [told])
        assert result == Kept(1 if token else 0, [], refused=1)
        assert [target.voip_token for _, target in await kept(records, bob)] == [None] * bool(token)

    async def test_two_tokens_of_two_accounts_are_not_had_by_proving_one(
        self, records: Records, alice: Person, bob: Person
    ) -> None:
        carol = await person(records, "carol")
        ordinary = Target(Provider.APNS, "org.other", token="cc" * 32)
        await records.push_targets.replace(alice.at("phone"), [APPLE])
        await records.push_targets.replace(bob.at("phone"), [ordinary])
        told = Target(Provider.APNS, "org.other", token="cc" * 32, voip_token="bb" * 32)
        result = await records.push_targets.replace(carol.at("phone"), [told])
        assert result == Kept(0, [ordinary], refused=1)

    async def test_the_target_registered_longest_ago_makes_room(
        self, records: Records, alice: Person, clock: Clock
    ) -> None:
        for number in range(MAX_TARGETS + 1):
            target = Target(Provider.FCM, "project", token=f"token-{number}")
            await records.push_targets.replace(alice.at(f"device-{number:03}"), [target])
            clock.advance(1)
        devices = [device for device, _ in await kept(records, alice)]
        assert devices == [f"device-{number:03}" for number in range(1, MAX_TARGETS + 1)]

    async def test_tokens_are_not_stored_in_the_clear(
        self, records: Records, alice: Person, stored: Stored
    ) -> None:
        await records.push_targets.replace(alice.at("phone"), [APPLE, GOOGLE, BROWSER])
        everything = await stored.everything()
        for secret in (b"aaaaaaaa", b"bbbbbbbb", b"a-token:of", b"push.example"):
            assert secret not in everything

    async def test_a_token_is_found_after_the_secret_key_was_rotated(
        self, tmp_path: Path, clock: Clock, database: str
    ) -> None:
        old = "the first key of at least thirty-two characters"
        new = "the second key of at least thirty-two characters"
        async with installation(tmp_path, clock, database=database, keys=(old,)) as records:
            alice = await person(records, "alice")
            await records.push_targets.replace(alice.at("phone"), [GOOGLE])
        async with installation(tmp_path, clock, database=database, keys=(new, old)) as records:
            bob = await person(records, "bob")
            result = await records.push_targets.replace(bob.at("phone"), [GOOGLE])
            assert result.claimed == [GOOGLE]


class TestErasing:
    """A target goes with what it rests on."""

    async def test_with_its_account(self, records: Records, alice: Person, stored: Stored) -> None:
        await records.push_targets.replace(alice.at("phone"), [APPLE])
        await records.accounts.remove(alice.account.id)
        assert await stored.run(select(push_targets)) == []

    async def test_with_a_logout(self, records: Records, alice: Person) -> None:
        other = await records.logins.open(alice.account)
        login = (await records.logins.authenticate(other.access)).login
        await records.push_targets.replace(alice.at("phone"), [APPLE])
        await records.push_targets.replace(
            Origin(alice.account.id, "laptop", login=login), [BROWSER]
        )
        await records.logins.revoke(alice.account.id, alice.login)
        assert await kept(records, alice) == [("laptop", BROWSER)]

    async def test_with_a_new_password(self, records: Records, alice: Person) -> None:
        await records.push_targets.replace(alice.at("phone"), [APPLE])
        await records.accounts.set_password(alice.account.id, PASSWORD)
        assert await kept(records, alice) == []

    async def test_with_the_credential_of_its_phone(self, records: Records, alice: Person) -> None:
        phone, _ = await records.phones.add(alice.account, "Linphone")
        await records.push_targets.replace(
            Origin(alice.account.id, "sip-1", phone=phone.id), [APPLE]
        )
        await records.push_targets.replace(alice.at("laptop"), [BROWSER])
        await records.phones.remove(alice.account, phone.id)
        assert await kept(records, alice) == [("laptop", BROWSER)]

    async def test_all_of_one_credential_at_once(self, records: Records, alice: Person) -> None:
        phone, _ = await records.phones.add(alice.account, "Linphone")
        for name, target in (("sip-1", APPLE), ("sip-2", GOOGLE)):
            await records.push_targets.replace(
                Origin(alice.account.id, name, phone=phone.id), [target]
            )
        await records.push_targets.replace(alice.at("laptop"), [BROWSER])
        await records.push_targets.forget_phone(alice.account.id, phone.id)
        assert await kept(records, alice) == [("laptop", BROWSER)]

    async def test_a_login_that_is_over_tells_no_target(
        self, records: Records, alice: Person
    ) -> None:
        await records.logins.revoke(alice.account.id, alice.login)
        with pytest.raises(NotAuthenticated):
            await records.push_targets.replace(alice.at("phone"), [APPLE])
        assert await kept(records, alice) == []


class TestForgetting:
    async def test_a_dead_target_is_dropped(self, records: Records, alice: Person) -> None:
        await records.push_targets.replace(alice.at("phone"), [APPLE])
        (stored,) = await records.push_targets.of_account(alice.account.id)
        assert await records.push_targets.forget(stored.id, stored.registered_at)
        assert await kept(records, alice) == []
        assert not await records.push_targets.forget(stored.id, stored.registered_at)

    async def test_one_that_was_registered_anew_meanwhile_stays(
        self, records: Records, alice: Person, clock: Clock
    ) -> None:
        await records.push_targets.replace(alice.at("phone"), [APPLE])
        (stored,) = await records.push_targets.of_account(alice.account.id)
        clock.advance(0.001)
        await records.push_targets.replace(alice.at("phone"), [APPLE])
        assert not await records.push_targets.forget(stored.id, stored.registered_at)
        assert await kept(records, alice) == [("phone", APPLE)]


async def test_the_last_success_and_the_last_failure_are_kept(
    records: Records, alice: Person
) -> None:
    targets = records.push_targets
    await targets.replace(alice.at("phone"), [APPLE])
    (stored,) = await targets.of_account(alice.account.id)
    for step, at, reason in (
        (Step.ACCEPTED, 1.0, None),
        (Step.SENDING, 2.0, None),
        (Step.RETRYING, 3.0, "InternalServerError"),
        (Step.FAILED, 4.0, "x" * 1000),
    ):
        await targets.note(report(stored, step, at, reason))
    (stored,) = await targets.of_account(alice.account.id)
    assert (stored.last_success_at, stored.last_failure_at) == (1.0, 4.0)
    assert stored.last_failure_reason == "x" * 200


async def test_what_is_not_sent_to_such_a_phone_is_no_failure(
    records: Records, alice: Person
) -> None:
    await records.push_targets.replace(alice.at("phone"), [APPLE])
    (stored,) = await records.push_targets.of_account(alice.account.id)
    dropped = report(stored, Step.DROPPED, 1.0, "not sent to such a phone")
    await records.push_targets.note(replace(dropped, kind=PushKind.ENDED))
    (stored,) = await records.push_targets.of_account(alice.account.id)
    assert stored.last_failure_at is None
    await records.push_targets.note(dropped)
    (stored,) = await records.push_targets.of_account(alice.account.id)
    assert stored.last_failure_at == 1.0


async def test_who_can_be_pushed_is_known(records: Records, alice: Person, bob: Person) -> None:
    assert await records.push_targets.accounts_with_targets() == frozenset()
    await records.push_targets.replace(alice.at("phone"), [APPLE])
    await records.push_targets.replace(alice.at("laptop"), [BROWSER])
    assert await records.push_targets.accounts_with_targets() == {alice.account.id}
    await records.push_targets.replace(bob.at("phone"), [GOOGLE])
    assert await records.push_targets.accounts_with_targets() == {
        alice.account.id,
        bob.account.id,
    }
