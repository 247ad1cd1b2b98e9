"""What a provider is handed for a job: which kind of push, how urgent, and the words in it."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from push import linphone
from push.sender import ApnsPush, FcmPush, WebPush
from signaling.shared.push import Notice, Provider, PushJob, PushKind, Target

# Apple takes 5,120 bytes; phones in the field were only ever sent less than this.
MAX_VOIP_BYTES = 2048
MAX_ALERT_BYTES = 4096
# Firebase counts names and values of the data.
MAX_FCM_BYTES = 4000
# What is left of the 4,096 bytes that a push service takes, once encrypted (RFC 8291, section 4).
MAX_WEB_BYTES = 3993

# Characters of a name and of an address that are kept, in turn, until it fits.
_CUTS = ((64, 320), (16, 320), (16, 64))
_SHOWN_CHARACTERS = 64
# What a phone shows at once.
_URGENT = (PushKind.CALL, PushKind.TEST)
_BODIES = {
    PushKind.CALL: "Incoming call",
    PushKind.ENDED: "Call ended",
    PushKind.MISSED: "Missed call",
    PushKind.TEST: "This phone can be reached",
}

_Built = TypeVar("_Built", bytes, dict[str, str])


def compose(
    job: PushJob, target: Target, notice: Notice, *, push_id: str, now: float
) -> ApnsPush | FcmPush | WebPush | None:
    """The push that is made `now`; None where this kind does not go to such a target.

    `push_id` is a UUID, the same for each attempt.
    """
    match target.provider:
        case Provider.APNS | Provider.APNS_DEV:
            return _apns(job, target, notice, push_id, now)
        case Provider.FCM:
            return _fcm(job, target, notice, now)
        case Provider.WEBPUSH:
            return _web(job, target, notice, now)


def _apns(
    job: PushJob, target: Target, notice: Notice, push_id: str, now: float
) -> ApnsPush | None:
    """VoIP for calls alone: whatever comes that way, the phone has to show as a call."""
    sandbox = target.provider is Provider.APNS_DEV
    if job.kind is PushKind.CALL and target.voip_token is not None:
        return ApnsPush(
            id=push_id,
            token=target.voip_token,
            topic=f"{target.app}.voip",
            push_type="voip",
            priority=10,
            # Late, it would show a call that is over.
            expiration=0,
            payload=_fitting(MAX_VOIP_BYTES, notice, lambda n: _voip(job, target, n, now)),
            sandbox=sandbox,
        )
    # The phone that a VoIP push woke connects and hears how the call ended.
    if target.token is None or (job.kind is PushKind.ENDED and target.voip_token is not None):
        return None
    silent = job.kind is PushKind.PROOF
    return ApnsPush(
        id=push_id,
        token=target.token,
        topic=target.app,
        push_type="background" if silent else "alert",
        priority=5 if silent else 10,
        expiration=int(job.expires_at),
        payload=_fitting(MAX_ALERT_BYTES, notice, lambda n: _alert(job, target, n, now)),
        # At most 64 bytes. What ended takes the place of what rang.
        collapse_id=None if silent else notice.call,
        sandbox=sandbox,
    )


def _voip(job: PushJob, target: Target, notice: Notice, now: float) -> bytes:
    if target.dialect == "linphone":
        return _json(linphone.voip(job, notice, now))
    return _json({"aps": {}, **_own(job, notice, now)})


def _alert(job: PushJob, target: Target, notice: Notice, now: float) -> bytes:
    if job.kind is PushKind.PROOF:
        return _json({"aps": {"content-available": 1}, **_own(job, notice, now)})
    if job.kind is PushKind.CALL and target.dialect == "linphone":
        return _json(linphone.alert(job, notice, now))
    aps: dict[str, Any] = {
        "alert": {"title": _who(notice), "body": _BODIES[job.kind]},
        # Lets an app say it in the person's language.
        "mutable-content": 1,
    }
    if job.kind is not PushKind.ENDED:
        aps["sound"] = "default"
    return _json({"aps": aps, **_own(job, notice, now)})


def _fcm(job: PushJob, target: Target, notice: Notice, now: float) -> FcmPush | None:
    """Urgent only where the phone shows something for it: else Android makes the app wait."""
    if target.token is None:
        return None
    shown = None
    if target.dialect == "linphone":
        if job.kind in (PushKind.ENDED, PushKind.PROOF):
            return None
        if job.kind is not PushKind.CALL:
            # Such an app wakes for data and shows nothing of it; the system shows this by itself.
            shown = {"title": _who(notice)[:_SHOWN_CHARACTERS], "body": _BODIES[job.kind]}
    return FcmPush(
        project=target.app,
        token=target.token,
        data={} if shown else _fitting(MAX_FCM_BYTES, notice, _data_of(job, target, now), _size),
        high_priority=job.kind in _URGENT,
        ttl_seconds=_seconds_left(job, now),
        notification=shown,
    )


def _data_of(job: PushJob, target: Target, now: float) -> Callable[[Notice], dict[str, str]]:
    if target.dialect == "linphone":
        return lambda notice: linphone.data(job, notice, now)
    # Firebase keeps the name `from` to itself and refuses messages that have it.
    return lambda notice: {
        "from_address" if name == "from" else name: str(value)
        for name, value in _own(job, notice, now).items()
    }


def _web(job: PushJob, target: Target, notice: Notice, now: float) -> WebPush | None:
    if target.subscription is None:
        return None
    return WebPush(
        subscription=target.subscription,
        payload=_fitting(MAX_WEB_BYTES, notice, lambda n: _json(_own(job, n, now))),
        ttl_seconds=_seconds_left(job, now),
        urgency="high" if job.kind in _URGENT else "normal",
        # Of a call that is over before the browser was reached, only the end arrives.
        topic=None if notice.call is None else _topic(notice.call),
    )


def _own(job: PushJob, notice: Notice, now: float) -> dict[str, Any]:
    """What apps of our own read."""
    found = {
        "kind": job.kind.value,
        "call": notice.call,
        "account": notice.account,
        "from": notice.from_address or None,
        "name": notice.from_name or None,
        # Of use to a phone whose clock is wrong.
        "ring_seconds": _seconds_left(job, now) if job.kind is PushKind.CALL else None,
        "expires_at": notice.expires_at,
        "reason": notice.reason,
        "nonce": notice.nonce,
    }
    return {name: value for name, value in found.items() if value is not None}


def _fitting(
    limit: int,
    notice: Notice,
    build: Callable[[Notice], _Built],
    size: Callable[[_Built], int] = len,
) -> _Built:
    """What `build` makes, with names cut until it fits: they are all that strangers choose."""
    built = build(notice)
    for name, address in _CUTS:
        if size(built) <= limit:
            break
        built = build(
            replace(
                notice,
                from_name=notice.from_name[:name],
                from_address=notice.from_address[:address],
            )
        )
    return built


def _size(data: Mapping[str, str]) -> int:
    return sum(len(name.encode()) + len(value.encode()) for name, value in data.items())


def _who(notice: Notice) -> str:
    return notice.from_name or notice.from_address or "WSPhone"


def _seconds_left(job: PushJob, now: float) -> int:
    return max(0, ceil(job.expires_at - now))


def _topic(call: str) -> str:
    """At most 32 characters of base64url (RFC 8030, section 5.4)."""
    return urlsafe_b64encode(hashlib.sha256(call.encode()).digest()[:24]).decode()


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)
