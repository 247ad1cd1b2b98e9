"""How a push target stands in the database: sealed, and found by HMACs of its tokens."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from msgspec import json
from msgspec.structs import replace
from sqlalchemy import Row, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from signaling.shared.crypto import Keyring
from signaling.shared.push import Provider, Target
from signaling.tables import logins, phones, push_targets

_MAC_PURPOSE = "push token"
AnyRow = Row[*tuple[Any, ...]]


class TargetKind(StrEnum):
    """Who told of a target: an app of ours over its session, or a SIP phone (RFC 8599)."""

    APP = "app"
    SIP = "sip"


@dataclass(frozen=True, slots=True)
class Origin:
    """Which device tells of a target, and what that rests on: its login, or a phone's credential.

    When the login ends or the credential is removed, the target goes.
    """

    account: str
    device: str
    login: str | None = None
    phone: str | None = None

    @property
    def kind(self) -> TargetKind:
        return TargetKind.APP if self.phone is None else TargetKind.SIP


@dataclass(frozen=True, slots=True)
class StoredTarget:
    """A target as it is kept; times are in Unix seconds."""

    id: str
    account: str
    device: str
    kind: TargetKind
    target: Target
    wants_missed: bool
    registered_at: float
    last_success_at: float | None
    last_failure_at: float | None
    last_failure_reason: str | None
    login: str | None = None
    """What it rests on, unless that is a SIP phone's credential."""


@dataclass(frozen=True, slots=True)
class SharedOut:
    """A target that may stand under another account: what of it is `free`, what is to be proven.

    `refused` are the tokens that cannot be proven.
    """

    free: Target | None
    claimed: Target | None
    refused: int = 0


class PushRows:
    """Reads and writes rows of push_targets, within the transactions of others."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def sealed(self, table: str, row: str, target: Target) -> bytes:
        return self._keyring.encrypt(json.encode(target), table=table, row=row, column="sealed")

    def opened(self, table: str, row: str, sealed: bytes) -> Target:
        plain = self._keyring.decrypt(sealed, table=table, row=row, column="sealed")
        return json.decode(plain, type=Target)

    def stored(self, row: AnyRow) -> StoredTarget:
        return StoredTarget(
            id=row.id,
            account=row.account,
            device=row.device,
            kind=TargetKind(row.kind),
            target=self.opened("push_targets", row.id, row.sealed),
            wants_missed=row.wants_missed,
            registered_at=row.registered_at,
            last_success_at=row.last_success_at,
            last_failure_at=row.last_failure_at,
            last_failure_reason=row.last_failure_reason,
            login=row.login,
        )

    def macs(self, target: Target) -> tuple[list[bytes], list[bytes]]:
        """What the ordinary token and the VoIP token are found by, under each of the keys."""
        ordinary = target.token if target.subscription is None else target.subscription.endpoint
        return self._macs(target.provider, ordinary), self._macs(target.provider, target.voip_token)

    async def shared_out(
        self, connection: AsyncConnection, account: str, target: Target
    ) -> SharedOut:
        """Which of a target's tokens the account may have now, and which it has to prove."""
        alert, voip = replace(target, voip_token=None), _voip_of(target)
        alert_rows = await self.standing(connection, alert)
        voip_rows = await self.standing(connection, voip) if voip is not None else []
        has_alert = target.voip_token is None or target.token is not None
        alert_is_free = all(row.account == account for row in alert_rows)
        voip_is_free = all(row.account == account for row in voip_rows)
        if alert_is_free and voip_is_free:
            return SharedOut(target, None)
        if alert_is_free:
            return SharedOut(alert if has_alert else None, None, refused=1)
        if voip_is_free:
            return SharedOut(voip, alert)
        if self.go_together(alert, voip_rows, account):
            return SharedOut(None, target)
        return SharedOut(None, alert, refused=1)

    def go_together(self, alert: Target, voip_rows: Sequence[AnyRow], account: str) -> bool:
        """Whether who has a phone's ordinary token has its VoIP token too.

        That one cannot be proven itself: Apple has each VoIP push show a call.
        """
        ordinary, _ = self.macs(alert)
        return all(row.account == account or row.token_mac in ordinary for row in voip_rows)

    async def joined(self, connection: AsyncConnection, origin: Origin, target: Target) -> Target:
        """The target with the other token of the same app that the device has already."""
        query = select(push_targets).where(
            push_targets.c.account == origin.account,
            push_targets.c.device == origin.device,
            push_targets.c.kind == origin.kind.value,
            push_targets.c.provider == target.provider.value,
            push_targets.c.app == target.app,
        )
        for row in (await connection.execute(query)).all():
            known = self.stored(row).target
            target = replace(
                target,
                token=target.token or known.token,
                voip_token=target.voip_token or known.voip_token,
            )
        return target

    async def standing(self, connection: AsyncConnection, target: Target) -> Sequence[AnyRow]:
        """The rows of every account that hold one of the target's tokens."""
        ordinary, voip = self.macs(target)
        query = select(push_targets).where(
            or_(push_targets.c.token_mac.in_(ordinary), push_targets.c.voip_mac.in_(voip))
        )
        return (await connection.execute(query)).all()

    async def keep(
        self,
        connection: AsyncConnection,
        origin: Origin,
        target: Target,
        *,
        wants_missed: bool,
        now: float,
    ) -> str:
        """Write a target, in place of all rows that hold a token of it; returns its row's id."""
        standing = await self.standing(connection, target)
        owner = (origin.account, origin.device, origin.kind)
        own = (row.id for row in standing if (row.account, row.device, row.kind) == owner)
        known = next(own, None)
        others = [row.id for row in standing if row.id != known]
        await connection.execute(delete(push_targets).where(push_targets.c.id.in_(others)))
        row_id = known or str(uuid.uuid4())
        values = self._values(origin, row_id, target) | {
            "wants_missed": wants_missed,
            "registered_at": now,
        }
        if known is not None:
            mine = push_targets.c.id == known
            await connection.execute(update(push_targets).where(mine).values(values))
        else:
            key = {"id": row_id, "account": origin.account, "device": origin.device}
            kind = {"kind": origin.kind.value}
            await connection.execute(insert(push_targets).values(key | kind | values))
        return row_id

    def _values(self, origin: Origin, row: str, target: Target) -> dict[str, object]:
        ordinary, voip = self.macs(target)
        return {
            "login": origin.login,
            "phone": origin.phone,
            "provider": target.provider.value,
            "app": target.app,
            "sealed": self.sealed("push_targets", row, target),
            "token_mac": ordinary[0] if ordinary else None,
            "voip_mac": voip[0] if voip else None,
        }

    def _macs(self, provider: Provider, token: str | None) -> list[bytes]:
        if token is None:
            return []
        # What is a phone's token in Apple's sandbox is no other phone's in production.
        family = provider.value.removesuffix(".dev")
        return self._keyring.macs(_MAC_PURPOSE, f"{family} {token}".encode())


def _voip_of(target: Target) -> Target | None:
    return replace(target, token=None) if target.voip_token is not None else None


async def still_stands(connection: AsyncConnection, origin: Origin) -> bool:
    """Whether the login or the credential that the origin rests on is there."""
    basis, basis_id = (logins, origin.login) if origin.phone is None else (phones, origin.phone)
    query = select(basis.c.id).where(basis.c.id == basis_id, basis.c.account == origin.account)
    return await connection.scalar(query) is not None
