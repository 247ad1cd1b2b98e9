"""An account's own data, all of it, as plain JSON values."""

from dataclasses import asdict
from typing import Any

from signaling.push_rows import StoredTarget
from signaling.records import Records
from signaling.shared.model import Account, CallRecord
from signaling.timeline import Hop


async def export_account(records: Records, account: Account) -> dict[str, Any]:
    """What we hold about one account; of its calls only its own legs and hops, and no secrets."""
    calls = await records.history.recent(account.id, limit=None)
    hops = await records.history.hops_of(account.id)
    contacts = await records.contacts.of(account.id)
    return {
        "account": asdict(account),
        "phones": [asdict(phone) for phone in await records.phones.all(account.id)],
        "devices": [asdict(device) for device in await records.devices.all(account.id)],
        "push_targets": [
            target_shown(target) for target in await records.push_targets.of_account(account.id)
        ],
        "logins": [asdict(login) for login in await records.logins.all(account.id)],
        "blocked": [asdict(block) for block in await records.blocked.all(account.id)],
        "contacts": [asdict(contact) for contact in contacts],
        "recordings": [
            asdict(recording) for recording in await records.recordings.of_account(account.id)
        ],
        "calls": [_call(call, account, hops.get(call.id, [])) for call in calls],
    }


def target_shown(stored: StoredTarget) -> dict[str, Any]:
    """All but the tokens: whoever has those can have the phone pushed."""
    shown = asdict(stored)
    del shown["target"]
    return shown | {"provider": stored.target.provider, "app": stored.target.app}


def _call(call: CallRecord, account: Account, hops: list[Hop]) -> dict[str, Any]:
    own = [asdict(leg) for leg in call.legs if leg.account == account.id]
    return asdict(call) | {"legs": own, "timeline": [asdict(hop) for hop in hops]}
