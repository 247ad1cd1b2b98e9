"""Reasons, to SIP codes and back, and which of several is told."""

import pytest

from signaling.shared.reasons import SIP_CODE, EndReason, best, from_sip

BACK = {
    486: EndReason.BUSY,
    600: EndReason.BUSY,
    603: EndReason.DECLINED,
    607: EndReason.DECLINED,
    608: EndReason.DECLINED,
    487: EndReason.CANCELLED,
    404: EndReason.NOT_FOUND,
    410: EndReason.NOT_FOUND,
    484: EndReason.NOT_FOUND,
    604: EndReason.NOT_FOUND,
    480: EndReason.UNAVAILABLE,
    500: EndReason.UNAVAILABLE,
    502: EndReason.UNAVAILABLE,
    503: EndReason.LIMIT,
    401: EndReason.FORBIDDEN,
    403: EndReason.FORBIDDEN,
    407: EndReason.FORBIDDEN,
    415: EndReason.INCOMPATIBLE,
    488: EndReason.INCOMPATIBLE,
    606: EndReason.INCOMPATIBLE,
    504: EndReason.TIMEOUT,
    302: EndReason.ERROR,
    420: EndReason.ERROR,
    699: EndReason.ERROR,
}


def test_every_reason_has_a_sip_code() -> None:
    assert set(SIP_CODE) == set(EndReason)


@pytest.mark.parametrize("code", BACK)
def test_what_a_sip_code_means(code: int) -> None:
    assert from_sip(code, after_ringing=False) is BACK[code]
    assert from_sip(code, after_ringing=True) is BACK[code]


def test_a_time_out_depends_on_whether_the_phone_rang() -> None:
    assert from_sip(408, after_ringing=True) is EndReason.NO_ANSWER
    assert from_sip(408, after_ringing=False) is EndReason.UNAVAILABLE


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        ([], EndReason.UNAVAILABLE),
        ([EndReason.UNAVAILABLE, EndReason.BUSY], EndReason.BUSY),
        ([EndReason.BUSY, EndReason.DECLINED], EndReason.DECLINED),
        ([EndReason.NOT_FOUND, EndReason.INCOMPATIBLE], EndReason.INCOMPATIBLE),
        ([EndReason.UNAVAILABLE, EndReason.NO_ANSWER], EndReason.NO_ANSWER),
        ([EndReason.TOO_OFTEN, EndReason.NO_ANSWER], EndReason.NO_ANSWER),
        ([EndReason.UNAVAILABLE, EndReason.TOO_OFTEN], EndReason.TOO_OFTEN),
        ([EndReason.ERROR], EndReason.ERROR),
        ([EndReason.ERROR, EndReason.UNAVAILABLE], EndReason.UNAVAILABLE),
    ],
)
def test_the_reason_that_tells_most_is_told(reasons: list[EndReason], told: EndReason) -> None:
    assert best(reasons) is told
