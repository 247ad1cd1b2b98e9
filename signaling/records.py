"""All that the database remembers, opened together."""

import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher

from signaling.accounts import Accounts
from signaling.blocked import Blocked
from signaling.callees import Callees
from signaling.contacts import Contacts
from signaling.databases import make_directory
from signaling.devices import Devices
from signaling.history import History
from signaling.logins import Logins
from signaling.passwords import Passwords
from signaling.phones import Phones
from signaling.push_proofs import PushProofs
from signaling.push_targets import PushTargets
from signaling.recordings import Recordings
from signaling.revocations import Revocations
from signaling.shared.config import Config
from signaling.shared.crypto import Keyring
from signaling.shared.keys import keyring_of
from signaling.store import Store


@dataclass(frozen=True, slots=True)
class Records:
    keyring: Keyring
    revocations: Revocations
    accounts: Accounts
    logins: Logins
    phones: Phones
    devices: Devices
    push_targets: PushTargets
    push_proofs: PushProofs
    blocked: Blocked
    callees: Callees
    contacts: Contacts
    history: History
    recordings: Recordings
    # This very start made the database.
    created: bool

    async def remove_account(self, account: str) -> None:
        """Remove an account with all that is its own, the files too; raises NotFound."""
        await self.accounts.remove(account)
        await self.recordings.sweep()


def recordings_of(config: Config) -> Path:
    """The folder of the recordings, which the first one makes."""
    return config.data_dir / "recordings"


@asynccontextmanager
async def open_records(
    config: Config,
    *,
    clock: Callable[[], float] = time.time,
    hasher: PasswordHasher | None = None,
) -> AsyncIterator[Records]:
    """Open the database of an installation for the length of the block; raises OperatorError.

    `hasher` is for the login passwords, if not Argon2id at its usual cost.
    """
    domain = config.domain
    make_directory(config.data_dir)
    keyring = keyring_of(config)
    store = await Store.open(config.database_url, domain=domain, keyring=keyring)
    passwords = Passwords(parallel=os.cpu_count() or 1, hasher=hasher)
    revocations = Revocations()
    try:
        accounts = Accounts(store, passwords, revocations, domain=domain, clock=clock)
        yield Records(
            keyring=keyring,
            revocations=revocations,
            accounts=accounts,
            logins=Logins(store, keyring, revocations, clock=clock),
            phones=Phones(store, keyring, revocations, domain=domain, clock=clock),
            devices=Devices(store, keyring, revocations, clock=clock),
            push_targets=PushTargets(store, keyring, clock=clock),
            push_proofs=PushProofs(store, keyring, clock=clock),
            blocked=Blocked(store, domain=domain, clock=clock),
            callees=Callees(store, keyring, accounts),
            contacts=Contacts(store, keyring, clock=clock),
            history=History(store),
            recordings=Recordings(store, keyring, recordings_of(config), clock=clock),
            created=store.created,
        )
    finally:
        passwords.close()
        await store.close()
