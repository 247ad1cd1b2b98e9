"""Proofs that a phone is whose it is said to be: a token moves to who echoes its nonce."""

import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace
from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from signaling.push_rows import AnyRow, Origin, PushRows, still_stands
from signaling.shared.crypto import Keyring
from signaling.shared.errors import Forbidden, NotAuthenticated, NotFound
from signaling.shared.push import Target
from signaling.store import Store
from signaling.tables import push_proofs

PROOF_SECONDS = 600.0
# A phone that somebody claims over and over is not pushed over and over.
REPEAT_SECONDS = 60.0
MAX_TRIES = 5
_NONCE_LENGTH = 16
_MAC_PURPOSE = "push proof"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the phone behind a claimed target is to be pushed."""

    id: str
    target: Target
    nonce: str
    created_at: float
    expires_at: float


class PushProofs:
    """Claims to tokens that stand under other accounts. Only MACs of nonces are stored."""

    def __init__(
        self, store: Store, keyring: Keyring, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._rows = PushRows(keyring)
        self._clock = clock

    async def claim(
        self, origin: Origin, targets: Sequence[Target], *, wants_missed: bool
    ) -> list[Challenge]:
        """Have the device's claims be these; those asked a moment ago are not asked again.

        Each has an ordinary token or a subscription, which the nonce goes to. Raises
        NotAuthenticated when the login is over.
        """
        if not targets and not await self._any_of(origin):
            return []
        now, challenges, standing = self._clock(), [], []
        async with self._store.begin() as connection:
            if not await still_stands(connection, origin):
                raise NotAuthenticated("the login is over, log in again")
            for target in targets:
                asked = await self._asked(connection, origin, target, now)
                if asked is None:
                    challenge = self._challenge(target, now)
                    row = self._row(origin, challenge, wants_missed=wants_missed)
                    await connection.execute(insert(push_proofs).values(row))
                    challenges.append(challenge)
                standing.append(asked or challenge.id)
            others = push_proofs.c.id.not_in(standing)
            await connection.execute(delete(push_proofs).where(*_of(origin), others))
        return challenges

    async def prove(self, origin: Origin, nonce: str) -> None:
        """Move the target that was claimed to the device that its nonce came to.

        Raises NotFound without a claim, Forbidden for a wrong nonce.
        """
        now = self._clock()
        async with self._store.begin() as connection:
            await connection.execute(
                delete(push_proofs).where(push_proofs.c.created_at <= now - PROOF_SECONDS)
            )
            claims = (await connection.execute(select(push_proofs).where(*_of(origin)))).all()
            proven = self._proven(claims, nonce)
            if proven is not None:
                await self._move(connection, origin, proven, now)
            else:
                await _count_try(connection, origin)
        if not claims:
            raise NotFound("no proof is awaited from this device: call device.set_push again")
        if proven is None:
            raise Forbidden("this is not the nonce that was pushed to this device")

    async def _any_of(self, origin: Origin) -> bool:
        query = select(push_proofs.c.id).where(*_of(origin)).limit(1)
        async with self._store.read() as connection:
            return await connection.scalar(query) is not None

    def _challenge(self, target: Target, now: float) -> Challenge:
        nonce = secrets.token_urlsafe(_NONCE_LENGTH)
        return Challenge(str(uuid.uuid4()), target, nonce, now, now + PROOF_SECONDS)

    def _row(
        self, origin: Origin, challenge: Challenge, *, wants_missed: bool
    ) -> dict[str, object]:
        ordinary, _ = self._rows.macs(challenge.target)
        return {
            "id": challenge.id,
            "account": origin.account,
            "device": origin.device,
            "login": origin.login,
            "sealed": self._rows.sealed("push_proofs", challenge.id, challenge.target),
            "wants_missed": wants_missed,
            "claim_mac": ordinary[0],
            "nonce_mac": self._keyring.mac(_MAC_PURPOSE, challenge.nonce.encode()),
            "tries": 0,
            "created_at": challenge.created_at,
        }

    async def _asked(
        self, connection: AsyncConnection, origin: Origin, target: Target, now: float
    ) -> str | None:
        """The claim to the same target that was asked a moment ago."""
        ordinary, _ = self._rows.macs(target)
        query = select(push_proofs.c.id).where(
            *_of(origin),
            push_proofs.c.claim_mac.in_(ordinary),
            push_proofs.c.created_at > now - REPEAT_SECONDS,
        )
        found: str | None = await connection.scalar(query)
        return found

    def _proven(self, claims: Sequence[AnyRow], nonce: str) -> AnyRow | None:
        data = nonce.encode()
        fitting = [row for row in claims if self._keyring.verify(_MAC_PURPOSE, data, row.nonce_mac)]
        return fitting[0] if fitting else None

    async def _move(
        self, connection: AsyncConnection, origin: Origin, claim: AnyRow, now: float
    ) -> None:
        target = self._rows.opened("push_proofs", claim.id, claim.sealed)
        standing = await self._rows.standing(connection, target)
        if not self._rows.go_together(target, standing, origin.account):
            # The VoIP token came to yet another phone meanwhile.
            target = replace(target, voip_token=None)
        target = await self._rows.joined(connection, origin, target)
        await self._rows.keep(connection, origin, target, wants_missed=claim.wants_missed, now=now)
        # What others claimed of it before, they claimed of the phone's former life.
        same = push_proofs.c.claim_mac == claim.claim_mac
        await connection.execute(delete(push_proofs).where(same))


def _of(origin: Origin) -> tuple[ColumnElement[bool], ...]:
    return (push_proofs.c.account == origin.account, push_proofs.c.device == origin.device)


async def _count_try(connection: AsyncConnection, origin: Origin) -> None:
    """A few guesses are too many: the claims are void then."""
    counted = update(push_proofs).where(*_of(origin)).values(tries=push_proofs.c.tries + 1)
    await connection.execute(counted)
    void = push_proofs.c.tries >= MAX_TRIES
    await connection.execute(delete(push_proofs).where(*_of(origin), void))
