"""What tests of push are made of: a keyring, targets, notices and jobs."""

from signaling.shared.crypto import Keyring
from signaling.shared.push import Notice, Provider, PushJob, PushKind, Subscription, Target
from signaling.shared.push_envelope import seal

KEYRING = Keyring(["a key of at least thirty-two characters"])
NOW = 1_700_000_000.0
REPORTS = "push.web1"
CALL = "5f0c8a52-6f8e-4d55-8a6b-0d3c2f0e9a11"

IPHONE = Target(Provider.APNS, "org.example.phone", token="aa11", voip_token="bb22")
PLAIN_IPHONE = Target(Provider.APNS, "org.example.phone", token="aa11")
ANDROID = Target(Provider.FCM, "phones-1234", token="fcm-token")
BROWSER = Target(
    Provider.WEBPUSH, "", subscription=Subscription("https://push.test/one", "p256dh", "auth")
)


def notice(*, expires_at: float = NOW + 45, **fields: str) -> Notice:
    told = {"from_address": "alice@phones.test", "from_name": "Alice"} | fields
    return Notice(expires_at, call=CALL, account="account-1", ring_seconds=expires_at - NOW, **told)


def job(
    target: Target = IPHONE,
    kind: PushKind = PushKind.CALL,
    *,
    told: Notice | None = None,
    device: str = "device-1",
    expires_at: float = NOW + 45,
    now: float = NOW,
    keyring: Keyring = KEYRING,
    reply_to: str = REPORTS,
) -> PushJob:
    key = f"push:{CALL}:{device}:{kind.value}"
    told = told or notice(expires_at=expires_at)
    return PushJob(
        key=key,
        kind=kind,
        account="account-1",
        device=device,
        target="target-1",
        provider=target.provider,
        sealed=seal(keyring, key, target, told),
        reply_to=reply_to,
        created_at=now,
        expires_at=told.expires_at,
        registered_at=NOW - 1000,
        call=CALL,
    )
