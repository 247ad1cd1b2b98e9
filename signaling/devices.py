"""Devices: the apps and browsers that an account uses."""

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from signaling.revocations import LoginRevoked, Revocations
from signaling.shared.crypto import Keyring
from signaling.shared.errors import BadMessage, NotAuthenticated, NotFound
from signaling.shared.model import Device
from signaling.store import Store
from signaling.tables import accounts, devices, logins, push_targets

# When thousands come back at once, none of them waits for a write that tells nothing new.
_FRESH_SECONDS = 3600
# The one seen longest ago makes room for one more.
MAX_DEVICES = 64
_MAX_LENGTH = 128
_PLATFORMS = frozenset({"web", "ios", "android", "desktop", "other"})


class Devices:
    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        revocations: Revocations,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._revocations = revocations
        self._clock = clock

    async def seen(self, device: Device) -> None:
        """Keep what a device says of itself; raises BadMessage, NotAuthenticated."""
        _check(device)
        if await self._is_fresh(device):
            return
        key = {"account": device.account, "id": device.id}
        row = {
            "platform": device.platform,
            "model": self._sealed(device, "model", device.model),
            "os_version": self._sealed(device, "os_version", device.os_version),
            "app_version": device.app_version,
            "seen_at": self._clock(),
        }
        mine = devices.c.account == device.account
        known = select(accounts.c.id).where(accounts.c.id == device.account)
        newest = select(devices.c.id).where(mine).order_by(devices.c.seen_at.desc())
        async with self._store.begin() as connection:
            change = update(devices).where(mine, devices.c.id == device.id).values(row)
            if (await connection.execute(change)).rowcount:
                return
            if await connection.scalar(known) is None:
                raise NotAuthenticated("the account was removed")
            kept = newest.limit(MAX_DEVICES - 1)
            await connection.execute(delete(devices).where(mine, devices.c.id.not_in(kept)))
            await connection.execute(insert(devices).values(key | row))

    async def all(self, account: str) -> list[Device]:
        """The account's devices, last seen first."""
        query = (
            select(devices)
            .where(devices.c.account == account)
            .order_by(devices.c.seen_at.desc(), devices.c.id)
        )
        async with self._store.read() as connection:
            rows = (await connection.execute(query)).all()
        return [self._device_of(row) for row in rows]

    async def remove(self, account: str, device: str) -> None:
        """Forget a device, where it is pushed, and the logins that serve it alone.

        Raises NotFound for one that nothing is known of.
        """
        async with self._store.begin() as connection:
            found = 0
            for table, column in ((devices, devices.c.id), (push_targets, push_targets.c.device)):
                gone = delete(table).where(table.c.account == account, column == device)
                found += (await connection.execute(gone)).rowcount
            removal = (
                delete(logins)
                .where(logins.c.account == account, logins.c.device == device)
                .returning(logins.c.id)
            )
            ended = (await connection.scalars(removal)).all()
        if not found and not ended:
            raise NotFound("there is no such device")
        for login in ended:
            self._revocations.tell(LoginRevoked(account, login, device))

    async def _is_fresh(self, device: Device) -> bool:
        """Whether the very same was kept not long ago."""
        query = select(devices).where(
            devices.c.account == device.account,
            devices.c.id == device.id,
            devices.c.seen_at > self._clock() - _FRESH_SECONDS,
        )
        async with self._store.read() as connection:
            row = (await connection.execute(query)).first()
        return row is not None and self._device_of(row) == device

    def _device_of(self, row: Row[*tuple[Any, ...]]) -> Device:
        return Device(
            account=row.account,
            id=row.id,
            platform=row.platform,
            model=self._opened(row.account, row.id, "model", row.model),
            os_version=self._opened(row.account, row.id, "os_version", row.os_version),
            app_version=row.app_version,
        )

    def _sealed(self, device: Device, column: str, value: str) -> bytes:
        row = f"{device.account}/{device.id}"
        return self._keyring.encrypt(value.encode(), table="devices", row=row, column=column)

    def _opened(self, account: str, device: str, column: str, sealed: bytes) -> str:
        row = f"{account}/{device}"
        return self._keyring.decrypt(sealed, table="devices", row=row, column=column).decode()


def _check(device: Device) -> None:
    texts = (device.id, device.model, device.os_version, device.app_version)
    if not device.id or any(len(text) > _MAX_LENGTH for text in texts):
        raise BadMessage(f"what a device says of itself has at most {_MAX_LENGTH} characters each")
    if device.platform not in _PLATFORMS:
        raise BadMessage(f"a device's platform is one of {', '.join(sorted(_PLATFORMS))}")
