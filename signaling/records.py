"""All that the database remembers, opened together."""

import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from signaling.accounts import Accounts
from signaling.contacts import Contacts
from signaling.devices import Devices
from signaling.history import History
from signaling.logins import Logins
from signaling.passwords import Passwords
from signaling.phones import Phones
from signaling.revocations import Revocations
from signaling.shared.config import Config
from signaling.shared.crypto import Keyring, read_or_make_secret
from signaling.store import Store, make_directory


@dataclass(frozen=True, slots=True)
class Records:
    keyring: Keyring
    revocations: Revocations
    accounts: Accounts
    logins: Logins
    phones: Phones
    devices: Devices
    contacts: Contacts
    history: History
    # This very start made the database.
    created: bool


@asynccontextmanager
async def open_records(
    config: Config, *, clock: Callable[[], float] = time.time
) -> AsyncIterator[Records]:
    """Open the database of an installation for the length of the block; raises OperatorError."""
    domain = config.domain
    make_directory(config.data_dir)
    keyring = Keyring(config.secret_key or (read_or_make_secret(config.data_dir),))
    store = await Store.open(config.database_file, domain=domain, keyring=keyring)
    passwords = Passwords(parallel=os.cpu_count() or 1)
    revocations = Revocations()
    try:
        yield Records(
            keyring=keyring,
            revocations=revocations,
            accounts=Accounts(store, passwords, revocations, domain=domain, clock=clock),
            logins=Logins(store, keyring, revocations, clock=clock),
            phones=Phones(store, keyring, revocations, domain=domain, clock=clock),
            devices=Devices(store, keyring, clock=clock),
            contacts=Contacts(store, keyring, clock=clock),
            history=History(store),
            created=store.created,
        )
    finally:
        passwords.close()
        await store.close()
