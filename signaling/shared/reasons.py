"""Why a call ended: one closed set of reasons, to SIP codes and back."""

from enum import StrEnum


class EndReason(StrEnum):
    """Why a call, or one leg of it, ended. The value is the JSON code and the metric label."""

    HANGUP = "hangup"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    NOT_FOUND = "not_found"
    UNAVAILABLE = "unavailable"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    DECLINED_ELSEWHERE = "declined_elsewhere"
    FORBIDDEN = "forbidden"
    INCOMPATIBLE = "incompatible"
    MEDIA_FAILED = "media_failed"
    TIMEOUT = "timeout"
    LIMIT = "limit"
    TOO_OFTEN = "too_often"
    """The caller has had this phone woken again and again."""
    SERVER_RESTART = "server_restart"
    EMERGENCY = "emergency"
    ERROR = "error"


class EndedBy(StrEnum):
    """Whose doing the end was."""

    CALLER = "caller"
    CALLEE = "callee"
    SERVER = "server"


SIP_CODE: dict[EndReason, int] = {
    EndReason.HANGUP: 200,
    EndReason.CANCELLED: 487,
    EndReason.DECLINED: 603,
    EndReason.BUSY: 486,
    EndReason.NO_ANSWER: 480,
    EndReason.NOT_FOUND: 404,
    EndReason.UNAVAILABLE: 480,
    EndReason.ANSWERED_ELSEWHERE: 200,
    EndReason.DECLINED_ELSEWHERE: 603,
    EndReason.FORBIDDEN: 403,
    EndReason.INCOMPATIBLE: 488,
    EndReason.MEDIA_FAILED: 500,
    EndReason.TIMEOUT: 504,
    EndReason.LIMIT: 503,
    EndReason.TOO_OFTEN: 480,
    EndReason.SERVER_RESTART: 503,
    EndReason.EMERGENCY: 403,
    EndReason.ERROR: 500,
}

_FROM_SIP: dict[int, EndReason] = {
    487: EndReason.CANCELLED,
    603: EndReason.DECLINED,
    607: EndReason.DECLINED,
    608: EndReason.DECLINED,
    486: EndReason.BUSY,
    600: EndReason.BUSY,
    404: EndReason.NOT_FOUND,
    410: EndReason.NOT_FOUND,
    484: EndReason.NOT_FOUND,
    604: EndReason.NOT_FOUND,
    480: EndReason.UNAVAILABLE,
    401: EndReason.FORBIDDEN,
    403: EndReason.FORBIDDEN,
    407: EndReason.FORBIDDEN,
    415: EndReason.INCOMPATIBLE,
    488: EndReason.INCOMPATIBLE,
    606: EndReason.INCOMPATIBLE,
    503: EndReason.LIMIT,
    504: EndReason.TIMEOUT,
}

# When every branch of a fork failed, the caller hears the reason that tells most: what a person
# did, then what a phone said about the call, then that phones could not be reached.
_PREFERENCE = (
    EndReason.DECLINED,
    EndReason.BUSY,
    EndReason.INCOMPATIBLE,
    EndReason.FORBIDDEN,
    EndReason.NO_ANSWER,
    EndReason.TOO_OFTEN,
    EndReason.LIMIT,
    EndReason.MEDIA_FAILED,
    EndReason.TIMEOUT,
    EndReason.NOT_FOUND,
    EndReason.UNAVAILABLE,
)


def from_sip(code: int, *, after_ringing: bool) -> EndReason:
    """The reason for a final SIP answer of 300 or more; 408 depends on whether the phone rang."""
    if code == 408:
        return EndReason.NO_ANSWER if after_ringing else EndReason.UNAVAILABLE
    known = _FROM_SIP.get(code)
    if known is not None:
        return known
    return EndReason.UNAVAILABLE if 500 <= code < 600 else EndReason.ERROR


def best(reasons: list[EndReason]) -> EndReason:
    """The reason a caller is told when all branches ended with `reasons`; unavailable for none."""
    for reason in _PREFERENCE:
        if reason in reasons:
            return reason
    return reasons[0] if reasons else EndReason.UNAVAILABLE
