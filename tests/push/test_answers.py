"""Which answer of a provider means what."""

import pytest

from push.answers import Answer, fcm_outcome, seconds_to_wait, web_push_outcome
from push.sender import Outcome, Verdict
from tests.push.fake_fcm import error
from tests.push.fake_https import Reply

NOW = 1_700_000_000.0


def fcm(reply: Reply) -> Outcome:
    answer = Answer(reply.status, reply.headers.get("Retry-After"), reply.body)
    return fcm_outcome(answer, now=NOW)


def web(status: int, retry_after: str | None = None) -> Outcome:
    return web_push_outcome(Answer(status, retry_after, b""), now=NOW)


class TestWebPush:
    @pytest.mark.parametrize(
        ("statuses", "verdict"),
        [
            ((200, 201, 202, 204), Verdict.ACCEPTED),
            ((404, 410), Verdict.DEAD),
            ((401, 403), Verdict.FAULT),
            ((408, 429, 500, 502, 503, 504, 599), Verdict.RETRY),
            ((301, 302, 307, 308, 400, 405, 413, 418), Verdict.REFUSED),
        ],
    )
    def test_each_status_has_its_verdict(self, statuses: tuple[int, ...], verdict: Verdict) -> None:
        assert {web(status).verdict for status in statuses} == {verdict}

    def test_the_reason_is_the_status_in_words(self) -> None:
        assert web(410).reason == "410 Gone"
        assert web(599).reason == "599"

    def test_a_delay_is_told_where_a_retry_makes_sense(self) -> None:
        assert web(429, "7") == Outcome(Verdict.RETRY, "429 Too Many Requests", retry_after=7.0)
        assert web(410, "7").retry_after is None


class TestFcm:
    @pytest.mark.parametrize(
        ("status", "code", "verdict"),
        [
            (404, "UNREGISTERED", Verdict.DEAD),
            (403, "SENDER_ID_MISMATCH", Verdict.FAULT),
            (401, "THIRD_PARTY_AUTH_ERROR", Verdict.FAULT),
            (401, "APNS_AUTH_ERROR", Verdict.FAULT),
            (400, "INVALID_ARGUMENT", Verdict.REFUSED),
            (429, "QUOTA_EXCEEDED", Verdict.RETRY),
            (500, "INTERNAL", Verdict.RETRY),
            (503, "UNAVAILABLE", Verdict.RETRY),
        ],
    )
    def test_each_code_has_its_verdict(self, status: int, code: str, verdict: Verdict) -> None:
        assert fcm(error(status, code)) == Outcome(verdict, code)

    def test_a_bad_token_is_dead_only_where_the_details_say_so(self) -> None:
        about_token = fcm(error(400, "INVALID_ARGUMENT", field="message.token"))
        about_data = fcm(error(400, "INVALID_ARGUMENT", field="message.data[from]"))
        assert (about_token.verdict, about_data.verdict) == (Verdict.DEAD, Verdict.REFUSED)

    def test_a_404_without_a_code_costs_nobody_a_token(self) -> None:
        assert fcm(error(404)) == Outcome(Verdict.FAULT, "404 Not Found")

    @pytest.mark.parametrize(
        ("status", "verdict"),
        [
            (302, Verdict.FAULT),
            (400, Verdict.REFUSED),
            (401, Verdict.FAULT),
            (403, Verdict.FAULT),
            (413, Verdict.REFUSED),
            (429, Verdict.RETRY),
            (502, Verdict.RETRY),
        ],
    )
    def test_without_a_code_the_status_decides(self, status: int, verdict: Verdict) -> None:
        assert fcm(error(status)).verdict is verdict

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b"\xff\xfe",
            b"null",
            b"[]",
            b'{"error": "words"}',
            b'{"error": {"details": {}}}',
            b'{"error": {"details": [{"errorCode": 7}]}}',
            b'{"error": {"details": [{"errorCode": "SOMETHING\\nNEW"}]}}',
            b"[" * 10_000,
            b'{"unknown": ' + b"[" * 10_000,
        ],
    )
    def test_a_body_of_another_form_leaves_the_status(self, body: bytes) -> None:
        assert fcm(Reply(503, body)) == Outcome(Verdict.RETRY, "503 Service Unavailable")

    def test_a_delay_is_told_with_a_code(self) -> None:
        limited = error(429, "QUOTA_EXCEEDED", headers={"Retry-After": "60"})
        assert fcm(limited).retry_after == 60.0


class TestRetryAfter:
    def test_seconds_and_dates_are_read(self) -> None:
        assert seconds_to_wait("120", now=NOW) == 120.0
        # NOW is 22:13:20 of that day.
        assert seconds_to_wait("Tue, 14 Nov 2023 22:14:00 GMT", now=NOW) == 40.0

    def test_a_date_gone_by_means_now(self) -> None:
        assert seconds_to_wait("Tue, 14 Nov 2023 22:13:00 GMT", now=NOW) == 0.0

    @pytest.mark.parametrize(
        "text", ["", "soon", "-5", "1.5", "²", "9" * 41, "Tue, 99 Nov 2023 22:13:00 GMT"]
    )
    def test_what_cannot_be_read_is_no_delay(self, text: str) -> None:
        assert seconds_to_wait(text, now=NOW) is None
