"""The payloads that apps on the Linphone SDK read, as flexisip sends them."""

import math
from datetime import UTC, datetime
from typing import Any

from signaling.shared.push import Notice, PushJob


def voip(job: PushJob, notice: Notice, now: float) -> dict[str, Any]:
    """A call to an iPhone, by PushKit."""
    aps = {
        "sound": "",
        "loc-key": "IC_MSG",
        "loc-args": [_caller(notice)],
        "call-id": _call_id(notice),
        "uuid": job.device,
        "send-time": _time(now),
    }
    return {"aps": aps, **_around(job, notice, now)}


def alert(job: PushJob, notice: Notice, now: float) -> dict[str, Any]:
    """A call to an iPhone that gave us no VoIP token; its app makes it ring."""
    aps = {
        "alert": {"loc-key": "IC_MSG", "loc-args": [_caller(notice)]},
        "sound": "default",
        "mutable-content": 1,
        "call-id": _call_id(notice),
        "uuid": job.device,
        "send-time": _time(now),
    }
    return {"aps": aps, **_around(job, notice, now)}


def data(job: PushJob, notice: Notice, now: float) -> dict[str, str]:
    """A call to an Android phone, as a data message."""
    return {
        "uuid": job.device,
        "from-uri": f"sip:{notice.from_address}",
        "display-name": notice.from_name,
        "call-id": _call_id(notice),
        "sip-from": _caller(notice),
        "loc-key": "IC_MSG",
        "loc-args": _caller(notice),
        "send-time": _time(now),
        "custom-payload": "{}",
    }


def _around(job: PushJob, notice: Notice, now: float) -> dict[str, Any]:
    return {
        "from-uri": f"sip:{notice.from_address}",
        "display-name": notice.from_name,
        "pn_ttl": max(0, math.ceil(job.expires_at - now)),
        "customPayload": {},
    }


def _caller(notice: Notice) -> str:
    return notice.from_name or notice.from_address


def _call_id(notice: Notice) -> str:
    """That of the INVITE that follows, by which the app knows it for this call."""
    return notice.sip_call_id or notice.call or ""


def _time(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S")
