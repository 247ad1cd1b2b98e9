"""What FCM and the push services of browsers answer, and what it means for a push."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import msgspec

from push.sender import Outcome, Verdict

_LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_NOT_ALLOWED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)

# Firebase's FcmError codes; APNS_AUTH_ERROR is the old name of THIRD_PARTY_AUTH_ERROR.
_FCM_CODES: Mapping[str, Verdict] = {
    "UNREGISTERED": Verdict.DEAD,
    "SENDER_ID_MISMATCH": Verdict.FAULT,
    "THIRD_PARTY_AUTH_ERROR": Verdict.FAULT,
    "APNS_AUTH_ERROR": Verdict.FAULT,
    "INVALID_ARGUMENT": Verdict.REFUSED,
    "QUOTA_EXCEEDED": Verdict.RETRY,
    "UNAVAILABLE": Verdict.RETRY,
    "INTERNAL": Verdict.RETRY,
}
_TOKEN_FIELD = "message.token"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP; `retry_after` is the header as it was sent."""

    status: int
    retry_after: str | None
    body: bytes


class _FieldViolation(msgspec.Struct):
    field: str = ""


class _Detail(msgspec.Struct, rename="camel"):
    error_code: str = ""
    field_violations: list[_FieldViolation] = []


class _FcmError(msgspec.Struct):
    details: list[_Detail] = []


class _FcmBody(msgspec.Struct):
    error: _FcmError


_FCM_BODY = msgspec.json.Decoder(_FcmBody)


def fcm_outcome(answer: Answer, *, now: float) -> Outcome:
    """What FCM's HTTP v1 API said; `now` is in Unix seconds."""
    if 200 <= answer.status < 300:
        return Outcome(Verdict.ACCEPTED, status_text(answer.status))
    details = _fcm_details(answer.body)
    code = next((each.error_code for each in details if each.error_code in _FCM_CODES), None)
    if code is None:
        verdict = _fcm_verdict_by_status(answer.status)
        return _outcome(verdict, status_text(answer.status), answer, now)
    verdict = _FCM_CODES[code]
    if code == "INVALID_ARGUMENT" and _names_the_token(details):
        verdict = Verdict.DEAD
    return _outcome(verdict, code, answer, now)


def web_push_outcome(answer: Answer, *, now: float) -> Outcome:
    """What a push service said (RFC 8030, sections 5 and 7.3); `now` is in Unix seconds.

    The reason is made of the status alone: a service's own words are a stranger's, and would
    reach logs and metric labels.
    """
    status = answer.status
    if 200 <= status < 300:
        verdict = Verdict.ACCEPTED
    elif status in _GONE:
        verdict = Verdict.DEAD
    elif status in _NOT_ALLOWED:
        verdict = Verdict.FAULT
    elif status in _LATER or status >= 500:
        verdict = Verdict.RETRY
    else:
        verdict = Verdict.REFUSED
    return _outcome(verdict, status_text(status), answer, now)


def seconds_to_wait(retry_after: str | None, *, now: float) -> float | None:
    """A Retry-After in seconds (RFC 9110, section 10.2.3); None for what cannot be read."""
    if retry_after is None or len(retry_after) > 40:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return max(0.0, date.timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _outcome(verdict: Verdict, reason: str, answer: Answer, now: float) -> Outcome:
    wait = seconds_to_wait(answer.retry_after, now=now) if verdict is Verdict.RETRY else None
    return Outcome(verdict, reason, retry_after=wait)


def _fcm_verdict_by_status(status: int) -> Verdict:
    """For an answer without Firebase's own code, as proxies and a wrong address give it.

    A 404 of that kind is about the address or the project: it must not cost anybody a token.
    """
    if status in _LATER or status >= 500:
        return Verdict.RETRY
    if status in _NOT_ALLOWED or status in _GONE or status < 400:
        return Verdict.FAULT
    return Verdict.REFUSED


def _fcm_details(body: bytes) -> list[_Detail]:
    try:
        return _FCM_BODY.decode(body).error.details
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []


def _names_the_token(details: list[_Detail]) -> bool:
    fields = [violation.field for each in details for violation in each.field_violations]
    return _TOKEN_FIELD in fields


def status_text(status: int) -> str:
    """The reason where a provider has no word of its own."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
