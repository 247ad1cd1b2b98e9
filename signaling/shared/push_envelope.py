"""The sealed part of a push job: what waits in a queue is readable with the keys alone."""

from msgspec import DecodeError, Struct, json

from signaling.shared.crypto import Keyring
from signaling.shared.errors import OperatorError
from signaling.shared.push import Notice, Target


class _Content(Struct, frozen=True, array_like=True):
    target: Target
    notice: Notice


def seal(keyring: Keyring, key: str, target: Target, notice: Notice) -> bytes:
    """The envelope of the job `key`; under another job's key it does not open."""
    content = json.encode(_Content(target, notice))
    return keyring.encrypt(content, table="push jobs", row=key, column="sealed")


def unseal(keyring: Keyring, key: str, sealed: bytes) -> tuple[Target, Notice]:
    """What `seal` put in for this job; raises OperatorError."""
    plain = keyring.decrypt(sealed, table="push jobs", row=key, column="sealed")
    try:
        content = json.decode(plain, type=_Content)
    except DecodeError as error:
        raise OperatorError(
            "a push job was written by a newer wsphone: start the push workers anew first"
        ) from error
    return content.target, content.notice
