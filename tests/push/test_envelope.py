import msgspec
import pytest

from signaling.shared.crypto import Keyring
from signaling.shared.errors import OperatorError
from signaling.shared.push import Notice, Provider, PushJob, PushKind, Subscription, Target
from signaling.shared.push_envelope import seal, unseal

KEYRING = Keyring(["a key of at least thirty-two characters"])
TARGET = Target(
    Provider.WEBPUSH, "", subscription=Subscription("https://push.test/one", "p256dh", "auth")
)
NOTICE = Notice(1_700_000_045.5, call="c1", from_address="alice@phones.test", ring_seconds=45)


def job(key: str, sealed: bytes) -> PushJob:
    return PushJob(
        key, PushKind.CALL, "a1", "d1", "t1", Provider.WEBPUSH, sealed, "reports", 0.0, 45.0, 0.0
    )


def test_an_envelope_holds_what_was_put_in() -> None:
    sealed = seal(KEYRING, "push:c1:d1:call", TARGET, NOTICE)
    assert unseal(KEYRING, job("push:c1:d1:call", sealed)) == (TARGET, NOTICE)


def test_whoever_reads_the_queue_learns_neither_caller_nor_token() -> None:
    sealed = seal(KEYRING, "push:c1:d1:call", TARGET, NOTICE)
    assert b"alice" not in sealed
    assert b"push.test" not in sealed


def test_an_envelope_does_not_open_under_another_jobs_key() -> None:
    sealed = seal(KEYRING, "push:c1:d1:call", TARGET, NOTICE)
    with pytest.raises(OperatorError):
        unseal(KEYRING, job("push:c2:d1:call", sealed))


def test_a_worker_with_another_secret_key_says_what_to_mend() -> None:
    sealed = seal(KEYRING, "push:c1:d1:call", TARGET, NOTICE)
    with pytest.raises(OperatorError, match="secret_key"):
        unseal(Keyring(["another key of thirty-two characters"]), job("push:c1:d1:call", sealed))


def test_an_envelope_of_another_version_says_so() -> None:
    plain = msgspec.msgpack.encode({"something": "else"})
    sealed = KEYRING.encrypt(plain, table="push", row="push:c1:d1:call", column="sealed")
    with pytest.raises(OperatorError, match="version"):
        unseal(KEYRING, job("push:c1:d1:call", sealed))
