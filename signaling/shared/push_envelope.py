"""The envelope of a push job: whom it goes to and what it tells, readable to workers alone."""

import msgspec

from signaling.shared.crypto import Keyring
from signaling.shared.errors import OperatorError
from signaling.shared.push import Notice, PushJob, Target


class _Contents(msgspec.Struct, frozen=True):
    target: Target
    notice: Notice


def seal(keyring: Keyring, key: str, target: Target, notice: Notice) -> bytes:
    """What a PushJob with this key carries as `sealed`; under another key it does not open."""
    plain = msgspec.msgpack.encode(_Contents(target, notice))
    return keyring.encrypt(plain, table="push", row=key, column="sealed")


def unseal(keyring: Keyring, job: PushJob) -> tuple[Target, Notice]:
    """Open a job's envelope; raises OperatorError."""
    plain = keyring.decrypt(job.sealed, table="push", row=job.key, column="sealed")
    try:
        contents = msgspec.msgpack.decode(plain, type=_Contents)
    except msgspec.MsgspecError as error:
        raise OperatorError(
            "a push was queued by another version of WSPhone: run the same one everywhere"
        ) from error
    return contents.target, contents.notice
