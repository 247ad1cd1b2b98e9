import pytest

from signaling.push_jobs import job_key, make_job
from signaling.push_rows import StoredTarget, TargetKind
from signaling.shared.crypto import Keyring
from signaling.shared.errors import OperatorError
from signaling.shared.push import Notice, Provider, PushKind, Target
from signaling.shared.push_envelope import unseal

KEYRING = Keyring(["a key of at least thirty-two characters"])
TARGET = Target(Provider.FCM, "project", token="the-token", dialect="linphone")
NOTICE = Notice(expires_at=1_045.0, call="a-call", from_address="bob@phones.test", ring_seconds=45)
STORED = StoredTarget(
    "row", "alice", "tablet", TargetKind.SIP, TARGET, False, 900.0, None, None, None
)


def test_a_job_tells_whom_and_until_when() -> None:
    key = job_key("a-call", "tablet", PushKind.CALL)
    job = make_job(KEYRING, STORED, PushKind.CALL, NOTICE, key=key, reply_to="topic", now=1_000.0)
    assert job.key == "push:a-call:tablet:call"
    assert (job.account, job.device, job.target) == ("alice", "tablet", "row")
    assert (job.created_at, job.expires_at, job.registered_at) == (1_000.0, 1_045.0, 900.0)
    assert (job.provider, job.call, job.reply_to) == (Provider.FCM, "a-call", "topic")
    assert unseal(KEYRING, job.key, job.sealed) == (TARGET, NOTICE)


def test_who_reads_the_queue_learns_neither_token_nor_caller() -> None:
    job = make_job(KEYRING, STORED, PushKind.CALL, NOTICE, key="k", reply_to="topic", now=1.0)
    assert b"the-token" not in job.sealed
    assert b"bob" not in job.sealed


def test_an_envelope_opens_for_its_own_job_alone() -> None:
    job = make_job(KEYRING, STORED, PushKind.CALL, NOTICE, key="k", reply_to="topic", now=1.0)
    with pytest.raises(OperatorError):
        unseal(KEYRING, "another", job.sealed)


def test_an_envelope_of_another_version_says_so() -> None:
    sealed = KEYRING.encrypt(b'["?"]', table="push jobs", row="k", column="sealed")
    with pytest.raises(OperatorError, match="push workers"):
        unseal(KEYRING, "k", sealed)
