"""Push jobs: what is put into the queue for a target that is kept."""

from signaling.push_rows import StoredTarget
from signaling.shared.crypto import Keyring
from signaling.shared.push import Notice, PushJob, PushKind
from signaling.shared.push_envelope import seal


def job_key(call: str, device: str, kind: PushKind) -> str:
    """The same for every push that tells a device the same of one call."""
    return f"push:{call}:{device}:{kind.value}"


def make_job(
    keyring: Keyring,
    stored: StoredTarget,
    kind: PushKind,
    notice: Notice,
    *,
    key: str,
    reply_to: str,
    now: float,
) -> PushJob:
    """One push of `notice` to a target; its reports go to the topic `reply_to`."""
    return PushJob(
        key=key,
        kind=kind,
        account=stored.account,
        device=stored.device,
        target=stored.id,
        provider=stored.target.provider,
        sealed=seal(keyring, key, stored.target, notice),
        reply_to=reply_to,
        created_at=now,
        expires_at=notice.expires_at,
        registered_at=stored.registered_at,
        call=notice.call,
    )
