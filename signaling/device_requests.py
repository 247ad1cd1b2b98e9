"""What clients ask about devices: where they are pushed, whose they are, and which there are."""

from collections import defaultdict
from collections.abc import Callable

from signaling.devices import Devices
from signaling.push_proofs import Challenge, PushProofs
from signaling.push_rows import Origin, StoredTarget
from signaling.push_targets import PushTargets
from signaling.requests import Method
from signaling.sessions import Session
from signaling.shared import device_messages as messages
from signaling.shared.crypto import Keyring
from signaling.shared.device_messages import DeviceListed, DevicesListed, PushSet, PushState
from signaling.shared.errors import BadMessage
from signaling.shared.messages import Done
from signaling.shared.push import (
    Notice,
    Provider,
    PushJob,
    PushKind,
    PushQueue,
    Subscription,
    Target,
)
from signaling.shared.push_checks import MAX_TARGETS, Apps, checked, merged
from signaling.shared.push_envelope import seal


class DeviceRequests:
    """The methods `device.…`; proofs go into the queue, and their reports to `reply_to`."""

    def __init__(
        self,
        devices: Devices,
        targets: PushTargets,
        proofs: PushProofs,
        queue: PushQueue,
        keyring: Keyring,
        *,
        apps: Apps,
        check_endpoint: Callable[[str], object],
        reply_to: str,
    ) -> None:
        """`check_endpoint` raises Forbidden for a subscription that will not be pushed."""
        self._devices = devices
        self._targets = targets
        self._proofs = proofs
        self._queue = queue
        self._keyring = keyring
        self._apps = apps
        self._check_endpoint = check_endpoint
        self._reply_to = reply_to

    def methods(self) -> dict[str, Method]:
        return {
            "device.set_push": (messages.DeviceSetPush, self._set_push),
            "device.prove_push": (messages.DeviceProvePush, self._prove_push),
            "device.list": (messages.DeviceList, self._list),
            "device.remove": (messages.DeviceRemove, self._remove),
        }

    async def _set_push(self, session: Session, params: messages.DeviceSetPush) -> PushSet:
        targets = [
            checked(each, self._apps) for each in merged([_target(t) for t in params.targets])
        ]
        if len(targets) > MAX_TARGETS:
            raise BadMessage(f"a device has at most {MAX_TARGETS} targets; leave some out")
        for target in targets:
            if target.subscription is not None:
                self._check_endpoint(target.subscription.endpoint)
        origin = _origin(session)
        kept = await self._targets.replace(origin, targets, wants_missed=params.missed)
        challenges = await self._proofs.claim(origin, kept.claimed, wants_missed=params.missed)
        for challenge in challenges:
            self._queue.put(self._proof(origin, challenge))
        return PushSet(len(kept.claimed), kept.refused)

    async def _prove_push(self, session: Session, params: messages.DeviceProvePush) -> Done:
        await self._proofs.prove(_origin(session), params.nonce)
        return Done()

    async def _list(self, session: Session, _params: messages.DeviceList) -> DevicesListed:
        account = session.account.id
        pushed = defaultdict(list)
        for target in await self._targets.of_account(account):
            pushed[target.device].append(_state(target))
        known = await self._devices.all(account)
        listed = [
            DeviceListed(
                *(device.id, device.platform, device.model, device.os_version),
                device.app_version,
                this=device.id == session.device.id,
                push=pushed.pop(device.id, []),
            )
            for device in known
        ]
        phones = [
            DeviceListed(name, "sip", "", "", "", this=False, push=push)
            for name, push in pushed.items()
        ]
        return DevicesListed(listed + phones)

    async def _remove(self, session: Session, params: messages.DeviceRemove) -> Done:
        await self._devices.remove(session.account.id, params.device)
        return Done()

    def _proof(self, origin: Origin, challenge: Challenge) -> PushJob:
        """The job's target is the claim, not the row of who has the token: no report hurts that."""
        key = f"push:{challenge.id}:{origin.device}:{PushKind.PROOF.value}"
        notice = Notice(challenge.expires_at, account=origin.account, nonce=challenge.nonce)
        return PushJob(
            key=key,
            kind=PushKind.PROOF,
            account=origin.account,
            device=origin.device,
            target=challenge.id,
            provider=challenge.target.provider,
            sealed=seal(self._keyring, key, challenge.target, notice),
            reply_to=self._reply_to,
            created_at=challenge.created_at,
            expires_at=challenge.expires_at,
            registered_at=challenge.created_at,
        )


def _origin(session: Session) -> Origin:
    return Origin(session.account.id, session.device.id, login=session.login)


def _state(stored: StoredTarget) -> PushState:
    return PushState(
        provider=stored.target.provider.value,
        app=stored.target.app,
        missed=stored.wants_missed,
        registered_at=stored.registered_at,
        last_success_at=stored.last_success_at,
        last_failure_at=stored.last_failure_at,
        last_failure_reason=stored.last_failure_reason,
    )


def _target(told: messages.PushTarget) -> Target:
    subscription = None
    if told.subscription is not None:
        keys = told.subscription.keys
        subscription = Subscription(told.subscription.endpoint, keys.p256dh, keys.auth)
    return Target(Provider(told.provider), told.app, told.token, told.voip_token, subscription)
