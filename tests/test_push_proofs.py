from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from signaling.push_proofs import MAX_TRIES, PROOF_SECONDS, REPEAT_SECONDS, Challenge
from signaling.records import Records
from signaling.shared.errors import Forbidden, NotAuthenticated, NotFound
from signaling.shared.push import Provider, Target
from tests.installation import Clock, Stored, installation
from tests.test_push_targets import APPLE, GOOGLE, Person, kept, person


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def records(tmp_path: Path, clock: Clock, database: str) -> AsyncIterator[Records]:
    async with installation(tmp_path, clock, database=database) as records:
        yield records


@pytest.fixture
async def alice(records: Records) -> Person:
    """Her phone, which is bob's now, is registered still."""
    alice = await person(records, "alice")
    await records.push_targets.replace(alice.at("phone"), [APPLE, GOOGLE])
    return alice


@pytest.fixture
async def bob(records: Records, alice: Person) -> Person:
    return await person(records, "bob")


async def claim(records: Records, bob: Person, *targets: Target) -> list[Challenge]:
    return await records.push_proofs.claim(bob.at("phone"), targets, wants_missed=True)


async def test_who_echoes_the_nonce_has_the_target(
    records: Records, alice: Person, bob: Person
) -> None:
    (challenge,) = await claim(records, bob, GOOGLE)
    assert challenge.target == GOOGLE
    await records.push_proofs.prove(bob.at("phone"), challenge.nonce)
    assert await kept(records, alice) == [("phone", APPLE)]
    (stored,) = await records.push_targets.of_account(bob.account.id)
    assert (stored.device, stored.target, stored.wants_missed) == ("phone", GOOGLE, True)


async def test_nothing_moves_before_the_proof(records: Records, alice: Person, bob: Person) -> None:
    await claim(records, bob, GOOGLE)
    assert ("phone", GOOGLE) in await kept(records, alice)
    assert await kept(records, bob) == []


async def test_the_voip_token_goes_with_the_ordinary_one(
    records: Records, alice: Person, bob: Person
) -> None:
    (challenge,) = await claim(records, bob, APPLE)
    await records.push_proofs.prove(bob.at("phone"), challenge.nonce)
    assert await kept(records, bob) == [("phone", APPLE)]
    assert await kept(records, alice) == [("phone", GOOGLE)]


async def test_a_proven_token_joins_the_voip_token_that_was_free(
    records: Records, alice: Person, bob: Person
) -> None:
    ordinary, own = replace(APPLE, voip_token=None), replace(APPLE, voip_token="cc" * 32)
    await records.push_targets.replace(bob.at("phone"), [own])
    (challenge,) = await claim(records, bob, ordinary)
    await records.push_proofs.prove(bob.at("phone"), challenge.nonce)
    assert await kept(records, bob) == [("phone", own)]
    assert await kept(records, alice) == [("phone", GOOGLE)]


async def test_a_voip_token_that_came_elsewhere_meanwhile_stays_there(
    records: Records, alice: Person, bob: Person
) -> None:
    (challenge,) = await claim(records, bob, APPLE)
    await records.push_targets.replace(alice.at("phone"), [replace(APPLE, token="cc" * 32)])
    await records.push_proofs.prove(bob.at("phone"), challenge.nonce)
    assert await kept(records, bob) == [("phone", replace(APPLE, voip_token=None))]
    assert await kept(records, alice) == [("phone", replace(APPLE, token="cc" * 32))]


async def test_a_nonce_serves_once(records: Records, bob: Person) -> None:
    (challenge,) = await claim(records, bob, GOOGLE)
    await records.push_proofs.prove(bob.at("phone"), challenge.nonce)
    with pytest.raises(NotFound):
        await records.push_proofs.prove(bob.at("phone"), challenge.nonce)


@pytest.mark.parametrize(("seconds", "moves"), [(PROOF_SECONDS - 1, True), (PROOF_SECONDS, False)])
async def test_a_proof_is_taken_for_a_while(
    records: Records, bob: Person, clock: Clock, seconds: float, *, moves: bool
) -> None:
    (challenge,) = await claim(records, bob, GOOGLE)
    clock.advance(seconds)
    if moves:
        await records.push_proofs.prove(bob.at("phone"), challenge.nonce)
    else:
        with pytest.raises(NotFound):
            await records.push_proofs.prove(bob.at("phone"), challenge.nonce)
    assert bool(await kept(records, bob)) is moves


async def test_a_few_wrong_nonces_void_the_claim(
    records: Records, alice: Person, bob: Person
) -> None:
    (challenge,) = await claim(records, bob, GOOGLE)
    for _ in range(MAX_TRIES):
        with pytest.raises(Forbidden):
            await records.push_proofs.prove(bob.at("phone"), "a guess")
    with pytest.raises(NotFound):
        await records.push_proofs.prove(bob.at("phone"), challenge.nonce)
    assert ("phone", GOOGLE) in await kept(records, alice)


async def test_a_nonce_is_of_no_use_to_another_device(
    records: Records, alice: Person, bob: Person
) -> None:
    (challenge,) = await claim(records, bob, GOOGLE)
    for origin in (bob.at("laptop"), alice.at("phone")):
        with pytest.raises(NotFound):
            await records.push_proofs.prove(origin, challenge.nonce)


async def test_a_claim_that_was_just_made_is_not_pushed_again(
    records: Records, bob: Person, clock: Clock
) -> None:
    (first,) = await claim(records, bob, GOOGLE)
    assert await claim(records, bob, GOOGLE) == []
    clock.advance(REPEAT_SECONDS)
    (second,) = await claim(records, bob, GOOGLE)
    with pytest.raises(Forbidden):
        await records.push_proofs.prove(bob.at("phone"), first.nonce)
    await records.push_proofs.prove(bob.at("phone"), second.nonce)


async def test_a_device_that_wants_no_pushes_any_more_claims_none(
    records: Records, bob: Person
) -> None:
    (challenge,) = await claim(records, bob, GOOGLE)
    assert await claim(records, bob) == []
    with pytest.raises(NotFound):
        await records.push_proofs.prove(bob.at("phone"), challenge.nonce)


async def test_what_others_claimed_before_is_void_once_it_moved(
    records: Records, bob: Person
) -> None:
    carol = await person(records, "carol")
    (hers,) = await claim(records, carol, GOOGLE)
    (his,) = await claim(records, bob, GOOGLE)
    await records.push_proofs.prove(bob.at("phone"), his.nonce)
    with pytest.raises(NotFound):
        await records.push_proofs.prove(carol.at("phone"), hers.nonce)


async def test_a_claim_goes_with_its_login(records: Records, bob: Person) -> None:
    (challenge,) = await claim(records, bob, GOOGLE)
    await records.logins.revoke(bob.account.id, bob.login)
    with pytest.raises(NotFound):
        await records.push_proofs.prove(bob.at("phone"), challenge.nonce)
    with pytest.raises(NotAuthenticated):
        await claim(records, bob, GOOGLE)


async def test_neither_token_nor_nonce_is_stored_in_the_clear(
    records: Records, bob: Person, stored: Stored
) -> None:
    (challenge,) = await claim(
        records, bob, Target(Provider.FCM, "project", token="a-claimed-token")
    )
    everything = await stored.everything()
    assert challenge.nonce.encode() not in everything
    assert b"a-claimed-token" not in everything
