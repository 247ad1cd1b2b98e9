"""What clients ask about their device: where it is pushed, and the proof that it is theirs."""

from signaling.push_proofs import Challenge, PushProofs
from signaling.push_rows import Origin
from signaling.push_targets import PushTargets
from signaling.requests import Method
from signaling.sessions import Session
from signaling.shared import messages
from signaling.shared.crypto import Keyring
from signaling.shared.errors import BadMessage
from signaling.shared.messages import Done, PushSet
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
        targets: PushTargets,
        proofs: PushProofs,
        queue: PushQueue,
        keyring: Keyring,
        *,
        apps: Apps,
        reply_to: str,
    ) -> None:
        self._targets = targets
        self._proofs = proofs
        self._queue = queue
        self._keyring = keyring
        self._apps = apps
        self._reply_to = reply_to

    def methods(self) -> dict[str, Method]:
        return {
            "device.set_push": (messages.DeviceSetPush, self._set_push),
            "device.prove_push": (messages.DeviceProvePush, self._prove_push),
        }

    async def _set_push(self, session: Session, params: messages.DeviceSetPush) -> PushSet:
        targets = [
            checked(each, self._apps) for each in merged([_target(t) for t in params.targets])
        ]
        if len(targets) > MAX_TARGETS:
            raise BadMessage(f"a device has at most {MAX_TARGETS} targets; leave some out")
        origin = _origin(session)
        kept = await self._targets.replace(origin, targets, wants_missed=params.missed)
        challenges = await self._proofs.claim(origin, kept.claimed, wants_missed=params.missed)
        for challenge in challenges:
            self._queue.put(self._proof(origin, challenge))
        return PushSet(len(kept.claimed), kept.refused)

    async def _prove_push(self, session: Session, params: messages.DeviceProvePush) -> Done:
        await self._proofs.prove(_origin(session), params.nonce)
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


def _target(told: messages.PushTarget) -> Target:
    subscription = None
    if told.subscription is not None:
        keys = told.subscription.keys
        subscription = Subscription(told.subscription.endpoint, keys.p256dh, keys.auth)
    return Target(Provider(told.provider), told.app, told.token, told.voip_token, subscription)
