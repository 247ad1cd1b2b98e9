"""The words of waking phones: whom to push what, and what became of it."""

from enum import StrEnum
from typing import Any, Literal, Protocol

from msgspec import Struct


class Provider(StrEnum):
    """Who carries a push to the phone; APNS_DEV is Apple's sandbox."""

    APNS = "apns"
    APNS_DEV = "apns.dev"
    FCM = "fcm"
    WEBPUSH = "webpush"


class PushKind(StrEnum):
    """What a push is for; CALL goes before all others."""

    CALL = "call"
    ENDED = "ended"
    """The call that was pushed before is over: what was shown for it goes away."""
    MISSED = "missed"
    PROOF = "proof"
    """Carries a nonce: whoever echoes it has the phone that the token leads to."""
    TEST = "test"


class Subscription(Struct, frozen=True):
    """A Web Push subscription (RFC 8030, RFC 8291), also UnifiedPush's; keys in base64url."""

    endpoint: str
    p256dh: str
    auth: str


class Target(Struct, frozen=True, omit_defaults=True):
    """Where one installed app is reached.

    `app` is Apple's bundle id or Firebase's project, and empty for Web Push. `token` is the
    ordinary one, `voip_token` PushKit's; a Web Push target has a subscription instead.
    `dialect` is whose payload the app reads.
    """

    provider: Provider
    app: str
    token: str | None = None
    voip_token: str | None = None
    subscription: Subscription | None = None
    dialect: Literal["wsphone", "linphone"] = "wsphone"


class Notice(Struct, frozen=True, omit_defaults=True):
    """What a push tells. `expires_at` is in Unix seconds; addresses are `user@domain`."""

    expires_at: float
    call: str | None = None
    account: str | None = None
    from_address: str = ""
    from_name: str = ""
    ring_seconds: float = 0.0
    sip_call_id: str | None = None
    """The Call-ID of the INVITE that follows, for apps that expect one."""
    reason: str | None = None
    nonce: str | None = None


class PushJob(Struct, frozen=True, omit_defaults=True):
    """One push to one target, as it waits in the queue.

    `key` is `push:{call}:{device}:{kind}`, the same for every repeat. `sealed` holds the Target
    and the Notice, encrypted for this key: nobody who reads the queue learns who calls whom.
    `registered_at` is when the target was told to us, in Unix seconds, as all times here.
    """

    key: str
    kind: PushKind
    account: str
    device: str
    target: str
    provider: Provider
    sealed: bytes
    reply_to: str
    created_at: float
    expires_at: float
    registered_at: float
    call: str | None = None


class Step(StrEnum):
    """How far a push is.

    SENDING ──> ACCEPTED | RETRYING ──> SENDING …;  FAILED and DROPPED end it without success
    """

    SENDING = "sending"
    ACCEPTED = "accepted"
    RETRYING = "retrying"
    FAILED = "failed"
    DROPPED = "dropped"


class PushReport(Struct, frozen=True, omit_defaults=True):
    """What became of a job; sent to its `reply_to` for each step.

    `reason` is the provider's own word, or ours for what never reached it. `dead`: the target is
    to be dropped, unless it was registered anew since. `alarm`: the operator has to mend something.
    """

    key: str
    kind: PushKind
    account: str
    device: str
    target: str
    provider: Provider
    step: Step
    at: float
    attempt: int
    registered_at: float
    call: str | None = None
    reason: str | None = None
    seconds: float | None = None
    """How long the attempt took."""
    dead: bool = False
    alarm: bool = False


class PushQueue(Protocol):
    """Takes jobs; in this process, or for the workers that share a Redis."""

    def put(self, job: PushJob) -> None:
        """Have a job done soon; never waits. One that finds no room is reported as DROPPED."""

    def withdraw(self, key: str, expires_at: float) -> None:
        """Have no attempt at this key begun any more; never waits, and nothing is reported.

        An attempt that is under way ends as it will. `expires_at` is the job's.
        """


class PushWork(Protocol):
    """The same queue as its workers see it."""

    async def take(self, room: int) -> list[PushJob]:
        """Wait for jobs, about `room` of them, calls first; they are ours until settled."""

    async def is_ours(self, job: PushJob) -> bool:
        """Whether it may be sent: it is still this worker's, and its key is not done for.

        A key is once a push of it was accepted or withdrawn. To be asked right before each attempt.
        """

    async def settle(self, job: PushJob, *, accepted: bool) -> None:
        """Have done with a job; the key of an accepted one is done for as long as the job lives."""


def report_of(job: PushJob, step: Step, *, at: float, **details: Any) -> PushReport:
    """A report on `job`; `details` are further fields of PushReport."""
    return PushReport(
        key=job.key,
        kind=job.kind,
        account=job.account,
        device=job.device,
        target=job.target,
        provider=job.provider,
        step=step,
        at=at,
        attempt=details.pop("attempt", 0),
        registered_at=job.registered_at,
        call=job.call,
        **details,
    )
