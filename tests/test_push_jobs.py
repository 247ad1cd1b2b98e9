from signaling.push_jobs import job_key, make_job
from signaling.push_rows import StoredTarget, TargetKind
from signaling.shared.crypto import Keyring
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
    assert unseal(KEYRING, job) == (TARGET, NOTICE)
