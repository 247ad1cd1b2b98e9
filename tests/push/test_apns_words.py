"""What APNs is told, and what its answers mean."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from push.apns_words import (
    TOKEN_PAUSE_SECONDS,
    TOKEN_SECONDS,
    ProviderToken,
    outcome,
    request,
    unfit,
)
from push.http2 import Answer, Failure
from push.sender import ApnsPush, Outcome, Verdict
from signaling.shared.errors import ConfigError

NOW = 1_800_000_000.0


def push(**changes: object) -> ApnsPush:
    plain: dict[str, object] = {
        "id": "8b1c3a52-7c4e-4f0e-9c1d-0a2b3c4d5e6f",
        "token": 32 * "ab",
        "topic": "org.example.phone.voip",
        "push_type": "voip",
        "priority": 10,
        "expiration": 0,
        "payload": b'{"aps":{}}',
    }
    return ApnsPush(**{**plain, **changes})  # type: ignore[arg-type]


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def answer(status: int, reason: str | None = None, **headers: str) -> Answer:
    body = b"" if reason is None else json.dumps({"reason": reason}).encode()
    return Answer(status, {name.replace("_", "-"): text for name, text in headers.items()}, body)


class TestOutcome:
    @pytest.mark.parametrize(
        ("status", "reason", "verdict"),
        [
            (200, None, Verdict.ACCEPTED),
            (400, "BadDeviceToken", Verdict.WRONG_ENVIRONMENT),
            (400, "DeviceTokenNotForTopic", Verdict.FAULT),
            (400, "TopicDisallowed", Verdict.FAULT),
            (400, "BadTopic", Verdict.FAULT),
            (400, "MissingTopic", Verdict.FAULT),
            (400, "BadPriority", Verdict.REFUSED),
            (400, "IdleTimeout", Verdict.RETRY),
            (400, None, Verdict.REFUSED),
            (401, None, Verdict.FAULT),
            (403, "InvalidProviderToken", Verdict.FAULT),
            (403, "ExpiredProviderToken", Verdict.FAULT),
            (403, "BadCertificateEnvironment", Verdict.FAULT),
            (404, "BadPath", Verdict.REFUSED),
            (404, None, Verdict.FAULT),
            (405, "MethodNotAllowed", Verdict.REFUSED),
            (410, "Unregistered", Verdict.DEAD),
            (410, "ExpiredToken", Verdict.DEAD),
            (413, "PayloadTooLarge", Verdict.REFUSED),
            (429, "TooManyRequests", Verdict.RETRY),
            (429, "TooManyProviderTokenUpdates", Verdict.RETRY),
            (500, "InternalServerError", Verdict.RETRY),
            (503, "ServiceUnavailable", Verdict.RETRY),
            (503, None, Verdict.RETRY),
            (302, None, Verdict.FAULT),
            (0, None, Verdict.FAULT),
        ],
    )
    def test_each_answer_has_its_verdict(
        self, status: int, reason: str | None, verdict: Verdict
    ) -> None:
        result = outcome(answer(status, reason), NOW)
        assert result.verdict is verdict
        assert result.reason.startswith(reason or str(status))

    def test_a_dead_token_is_dead_since_the_time_in_the_body(self) -> None:
        body = b'{"reason":"Unregistered","timestamp":1799999999500}'
        assert outcome(Answer(410, {}, body), NOW) == Outcome(
            Verdict.DEAD, "Unregistered", dead_since=1_799_999_999.5
        )

    def test_a_dead_token_without_a_time_is_dead_all_the_same(self) -> None:
        assert outcome(Answer(410, {}, b""), NOW) == Outcome(Verdict.DEAD, "410 Gone")

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("7", 7.0),
            ("0", 0.0),
            (5_000 * "9", None),
            ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
            ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
            ("soon", None),
            ("-1", None),
            ("", None),
        ],
    )
    def test_retry_after_is_seconds_or_a_date(self, text: str, seconds: float | None) -> None:
        assert outcome(answer(503, retry_after=text), NOW).retry_after == seconds

    def test_only_what_may_be_repeated_says_when(self) -> None:
        assert outcome(answer(403, retry_after="7"), NOW).retry_after is None

    @pytest.mark.parametrize(
        "body",
        [
            b"not json",
            b"\xff\xfe",
            b"[]",
            b'{"reason":7}',
            b'{"reason":"a b"}',
            b'{"reason":"a\\nb"}',
            b'{"reason":"' + 65 * b"a" + b'"}',
            b'{"reason":"x","timestamp":"now"}',
            b'{"x":' + 4_000 * b"[",
        ],
    )
    def test_a_strange_body_gives_no_reason(self, body: bytes) -> None:
        assert outcome(Answer(410, {}, body), NOW) == Outcome(Verdict.DEAD, "410 Gone")

    def test_failures_tell_whether_the_push_may_have_arrived(self) -> None:
        assert outcome(Failure("goaway", unsent=True), NOW) == Outcome(Verdict.UNSENT, "goaway")
        assert outcome(Failure("lost", unsent=False), NOW) == Outcome(Verdict.RETRY, "lost")


class TestRequest:
    def test_says_all_that_apple_asks_for(self) -> None:
        asked = request(push(collapse_id="call"), b"bearer x")
        assert asked.path == b"/3/device/" + 32 * b"ab"
        assert dict(asked.fixed) == {
            b"apns-topic": b"org.example.phone.voip",
            b"apns-push-type": b"voip",
            b"apns-priority": b"10",
        }
        assert dict(asked.varying) == {
            b"apns-id": b"8b1c3a52-7c4e-4f0e-9c1d-0a2b3c4d5e6f",
            b"apns-expiration": b"0",
            b"apns-collapse-id": b"call",
            b"authorization": b"bearer x",
        }

    def test_with_a_certificate_there_is_no_authorization(self) -> None:
        assert b"authorization" not in dict(request(push(), None).varying)

    def test_a_plain_push_is_fit(self) -> None:
        assert unfit(push()) is None

    @pytest.mark.parametrize(
        ("push_type", "size"), [("voip", 5_120), ("alert", 4_096), ("background", 4_096)]
    )
    def test_no_payload_is_larger_than_apple_takes(self, push_type: str, size: int) -> None:
        assert unfit(push(push_type=push_type, payload=size * b"x")) is None
        assert unfit(push(push_type=push_type, payload=(size + 1) * b"x")) == Outcome(
            Verdict.REFUSED, "PayloadTooLarge"
        )

    @pytest.mark.parametrize(
        ("change", "verdict", "reason"),
        [
            ({"payload": b""}, Verdict.REFUSED, "PayloadEmpty"),
            ({"token": ""}, Verdict.WRONG_ENVIRONMENT, "BadDeviceToken"),
            ({"token": "../../x"}, Verdict.WRONG_ENVIRONMENT, "BadDeviceToken"),
            ({"token": "é"}, Verdict.WRONG_ENVIRONMENT, "BadDeviceToken"),
            ({"token": 201 * "a"}, Verdict.WRONG_ENVIRONMENT, "BadDeviceToken"),
            ({"topic": "a\r\nb"}, Verdict.FAULT, "BadTopic"),
            ({"topic": ""}, Verdict.FAULT, "BadTopic"),
            ({"collapse_id": 65 * "a"}, Verdict.REFUSED, "BadCollapseId"),
            ({"collapse_id": "a b"}, Verdict.REFUSED, "BadCollapseId"),
        ],
    )
    def test_what_apple_would_refuse_is_not_sent(
        self, change: dict[str, object], verdict: Verdict, reason: str
    ) -> None:
        assert unfit(push(**change)) == Outcome(verdict, reason)


class TestProviderToken:
    key = ec.generate_private_key(ec.SECP256R1())

    def token(self) -> ProviderToken:
        return ProviderToken(pem(self.key), key_id="ABC123DEFG", team_id="DEF123GHIJ")

    def test_is_signed_by_es256(self) -> None:
        header = self.token().header(NOW).decode()
        assert header.startswith("bearer ")
        head, claims, signature = header.removeprefix("bearer ").split(".")
        assert decoded(head) == {"alg": "ES256", "kid": "ABC123DEFG"}
        assert decoded(claims) == {"iss": "DEF123GHIJ", "iat": int(NOW)}
        raw = base64.urlsafe_b64decode(signature + "==")
        assert len(raw) == 64
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        self.key.public_key().verify(
            encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256())
        )

    def test_lasts_45_minutes(self) -> None:
        token = self.token()
        first = token.header(NOW)
        assert token.header(NOW + TOKEN_SECONDS - 1) == first
        assert token.header(NOW + TOKEN_SECONDS) != first

    def test_a_clock_that_is_set_back_makes_a_new_one(self) -> None:
        token = self.token()
        first = token.header(NOW)
        assert token.header(NOW - 3600) != first

    def test_an_expired_one_is_replaced_at_once_and_once(self) -> None:
        token = self.token()
        first = token.header(NOW)
        assert token.expired(first, NOW + 1)
        second = token.header(NOW + 1)
        assert second != first
        # Another push, sent with the first one, is answered only now.
        assert token.expired(first, NOW + 2)
        assert token.header(NOW + 2) == second

    def test_it_is_not_replaced_more_often_than_apple_allows(self) -> None:
        token = self.token()
        token.expired(token.header(NOW), NOW)
        assert not token.expired(token.header(NOW), NOW + TOKEN_PAUSE_SECONDS - 1)
        assert token.expired(token.header(NOW), NOW + TOKEN_PAUSE_SECONDS)

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
            pem(rsa.generate_private_key(65537, 2048)),
            pem(ec.generate_private_key(ec.SECP384R1())),
        ],
    )
    def test_a_key_that_is_not_apples_is_refused(self, text: bytes) -> None:
        with pytest.raises(ConfigError, match="key for APNs"):
            ProviderToken(text, key_id="ABC123DEFG", team_id="DEF123GHIJ")


def decoded(part: str) -> object:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
