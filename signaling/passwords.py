"""Passwords: what is allowed, and hashing them with Argon2id beside the event loop."""

import asyncio
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from signaling.shared.errors import BadMessage, TryAgain

MIN_LENGTH = 8
MAX_LENGTH = 256
_BUSY_RETRY_SECONDS = 1.0
# Without i, l, o, 0 and 1, which look alike on paper.
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
_T = TypeVar("_T")


def default_hasher() -> PasswordHasher:
    """Argon2id as OWASP's password storage guide sets it: 19 MiB, two passes, one lane."""
    return PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    matches: bool
    # The stored hash was made with other parameters than today's.
    is_outdated: bool = False


class Passwords:
    """Has room for `parallel` hashes at once: more of them only makes all of them late."""

    def __init__(self, *, parallel: int, hasher: PasswordHasher | None = None) -> None:
        self._free = parallel
        self._executor = ThreadPoolExecutor(parallel, thread_name_prefix="argon2")
        self._work = Work(hasher or default_hasher(), self._executor)

    @contextmanager
    def place(self) -> Iterator["Work"]:
        """Room for one; raises TryAgain at once when there is none, before anything queues."""
        if self._free == 0:
            raise TryAgain("many are logging in right now", retry_after=_BUSY_RETRY_SECONDS)
        self._free -= 1
        try:
            yield self._work
        finally:
            self._free += 1

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)


class Work:
    """What is done within a place: Argon2id, in a thread."""

    def __init__(self, hasher: PasswordHasher, executor: ThreadPoolExecutor) -> None:
        self._hasher = hasher
        self._executor = executor
        self._decoy = _decoy(hasher)

    async def hash(self, password: str) -> str:
        """The text to store; raises BadMessage for a password that is not allowed."""
        return await self._run(self._hasher.hash, _allowed(password))

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Compare with a stored hash; without one the same work is done and nothing matches."""
        try:
            allowed = _allowed(password)
        except BadMessage:
            return Verdict(matches=False)
        return await self._run(self._verify, stored or self._decoy, allowed)

    def _verify(self, stored: str, password: str) -> Verdict:
        try:
            self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return Verdict(matches=False)
        return Verdict(matches=True, is_outdated=self._hasher.check_needs_rehash(stored))

    async def _run(self, work: Callable[..., _T], *arguments: str) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)


def generate() -> str:
    """A secret to be copied from a screen by hand: five groups of four, 99 bits."""
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(4)) for _ in range(5))


def _allowed(password: str) -> str:
    """The password in the one form that is hashed (NFC, as RFC 8265 asks); raises BadMessage."""
    normal = unicodedata.normalize("NFC", password)
    if not MIN_LENGTH <= len(normal) <= MAX_LENGTH:
        raise BadMessage(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    try:
        normal.encode()
    except UnicodeEncodeError as error:
        raise BadMessage("a password is Unicode text") from error
    return normal


def _decoy(hasher: PasswordHasher) -> str:
    """A well-formed hash of nothing, with the hasher's parameters, so that it costs the same."""
    salt, digest = (
        b64encode(secrets.token_bytes(length)).rstrip(b"=").decode()
        for length in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"
