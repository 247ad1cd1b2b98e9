import asyncio
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher, extract_parameters

from signaling.passwords import Passwords, Verdict, Work, default_hasher, generate
from signaling.shared.errors import BadMessage, TryAgain

PASSWORD = "correct horse battery"


class WatchedHasher(PasswordHasher):
    """Argon2id at its cheapest, which keeps the hashes it was asked to verify.

    While `gate` is cleared, verifications do not end.
    """

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        self.verified.append(str(hash))
        self.gate.wait()
        return super().verify(hash, password)


@pytest.fixture
def hasher() -> WatchedHasher:
    return WatchedHasher()


@pytest.fixture
def passwords(hasher: WatchedHasher) -> Iterator[Passwords]:
    passwords = Passwords(parallel=2, hasher=hasher)
    yield passwords
    hasher.gate.set()
    passwords.close()


@pytest.fixture
def work(passwords: Passwords) -> Iterator[Work]:
    with passwords.place() as work:
        yield work


class TestHashing:
    async def test_only_the_password_itself_matches(self, work: Work) -> None:
        stored = await work.hash(PASSWORD)
        assert (await work.verify(PASSWORD, stored)).matches
        assert not (await work.verify(PASSWORD + "!", stored)).matches

    async def test_a_password_typed_on_another_system_is_the_same(self, work: Work) -> None:
        stored = await work.hash("Blumenstr\u00e4u\u00dfe")
        assert (await work.verify("Blumenstra\u0308u\u00dfe", stored)).matches

    def test_the_parameters_are_those_owasp_asks_for(self) -> None:
        found = extract_parameters(default_hasher().hash(PASSWORD))
        assert (found.memory_cost, found.time_cost, found.parallelism) == (19456, 2, 1)

    async def test_a_hash_with_other_parameters_is_outdated(self, work: Work) -> None:
        older = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash(PASSWORD)
        verdict = await work.verify(PASSWORD, older)
        assert verdict.matches
        assert verdict.is_outdated
        assert not (await work.verify(PASSWORD, await work.hash(PASSWORD))).is_outdated

    @pytest.mark.parametrize("wrong", ["seven77", "", "x" * 257, "surrogate \ud800"])
    async def test_a_password_not_allowed_is_refused_in_words(self, work: Work, wrong: str) -> None:
        with pytest.raises(BadMessage, match="a password "):
            await work.hash(wrong)
        assert not (await work.verify(wrong, None)).matches

    async def test_a_damaged_hash_matches_nothing(self, work: Work) -> None:
        assert not (await work.verify(PASSWORD, "not a hash")).matches


class TestUnknownUsers:
    async def test_they_cost_a_verification_with_the_same_parameters(
        self, work: Work, hasher: WatchedHasher
    ) -> None:
        await work.verify(PASSWORD, await work.hash(PASSWORD))
        verdict = await work.verify(PASSWORD, None)
        assert not verdict.matches
        known, unknown = map(extract_parameters, hasher.verified)
        assert known == unknown


class TestPlaces:
    async def test_without_a_place_it_is_refused_before_it_queues(
        self, passwords: Passwords, hasher: WatchedHasher
    ) -> None:
        hasher.gate.clear()

        async def verify() -> Verdict:
            with passwords.place() as work:
                return await work.verify(PASSWORD, None)

        running = [asyncio.ensure_future(verify()) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(TryAgain) as caught:
            await verify()
        assert caught.value.retry_after > 0
        hasher.gate.set()
        await asyncio.gather(*running)
        assert len(hasher.verified) == 2

    async def test_a_place_is_free_again_whatever_happened_in_it(
        self, passwords: Passwords
    ) -> None:
        for _ in range(3):
            with pytest.raises(BadMessage), passwords.place() as work:
                await work.hash("short")
        with passwords.place(), passwords.place(), pytest.raises(TryAgain):
            passwords.place().__enter__()


class TestGenerated:
    def test_a_secret_is_five_readable_groups_and_never_the_same(self) -> None:
        made = {generate() for _ in range(100)}
        assert len(made) == 100
        for secret in made:
            groups = secret.split("-")
            assert [len(group) for group in groups] == [4] * 5
            assert not set("".join(groups)) & set("il1o0")
