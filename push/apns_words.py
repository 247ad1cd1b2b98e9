"""What APNs is told with each push, who says so, and what its answers mean."""

import base64
from typing import Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from push.answers import seconds_to_wait, status_text
from push.http2 import BUSY, NOT_TRUSTED, Answer, Failure, Request, Result
from push.sender import ApnsPush, Outcome, Verdict
from signaling.shared.errors import ConfigError

TOKEN_SECONDS: Final = 45 * 60
"""Apple refuses tokens of more than an hour."""
TOKEN_PAUSE_SECONDS: Final = 20 * 60
"""Apple answers 429 to a team that has new ones more often."""

_MAX_BYTES = {"voip": 5_120, "alert": 4_096, "background": 4_096}
_MAX_COLLAPSE_BYTES = 64
_MAX_TOKEN_CHARACTERS = 200

# Of the reasons that come with 400; what is not here is about the push itself.
_BAD_REQUESTS = {
    "BadDeviceToken": Verdict.WRONG_ENVIRONMENT,
    "BadTopic": Verdict.FAULT,
    "DeviceTokenNotForTopic": Verdict.FAULT,
    "IdleTimeout": Verdict.RETRY,
    "MissingTopic": Verdict.FAULT,
    "TopicDisallowed": Verdict.FAULT,
}
# What was not sent for these reasons is not to be sent again at once.
_FAILURES = {BUSY: Verdict.RETRY, NOT_TRUSTED: Verdict.FAULT}
_STATUSES = {
    200: Verdict.ACCEPTED,
    401: Verdict.FAULT,
    403: Verdict.FAULT,
    410: Verdict.DEAD,
    429: Verdict.RETRY,
}


class ProviderToken:
    """The ES256 token (RFC 7518, section 3.4) by which all connections of a team are known."""

    def __init__(self, pem: bytes, *, key_id: str, team_id: str) -> None:
        """Raises ConfigError when the key is not the one that Apple gave out."""
        self._key = _p256_key(pem)
        self._key_id, self._team_id = key_id, team_id
        self._issued_at = -TOKEN_SECONDS
        self._header = b""
        # When the last one was made because Apple called the one before it expired.
        self._replaced_at = -TOKEN_PAUSE_SECONDS

    def header(self, now: float) -> bytes:
        """The value of `authorization` at this Unix time."""
        # A clock that was set back makes the token one from the future: no good either.
        if not 0 <= now - self._issued_at < TOKEN_SECONDS:
            self._issue(int(now))
        return self._header

    def expired(self, header: bytes, now: float) -> bool:
        """Apple called this one expired: whether there is another one to try instead."""
        if header == self._header:
            if 0 <= now - self._replaced_at < TOKEN_PAUSE_SECONDS:
                return False
            self._replaced_at = int(now)
            self._issue(int(now))
        return True

    def _issue(self, now: int) -> None:
        self._issued_at = now
        head = msgspec.json.encode({"alg": "ES256", "kid": self._key_id})
        claims = msgspec.json.encode({"iss": self._team_id, "iat": now})
        signed = _base64url(head) + b"." + _base64url(claims)
        r, s = decode_dss_signature(self._key.sign(signed, ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        self._header = b"bearer " + signed + b"." + _base64url(signature)


def request(push: ApnsPush, authorization: bytes | None) -> Request:
    """The push as a request; with a client certificate there is no authorization."""
    fixed = (
        (b"apns-topic", push.topic.encode()),
        (b"apns-push-type", push.push_type.encode()),
        (b"apns-priority", b"%d" % push.priority),
    )
    varying = [
        (b"apns-id", push.id.encode()),
        (b"apns-expiration", b"%d" % push.expiration),
    ]
    if push.collapse_id is not None:
        varying.append((b"apns-collapse-id", push.collapse_id.encode()))
    if authorization is not None:
        varying.append((b"authorization", authorization))
    path = b"/3/device/" + push.token.encode()
    return Request(path, fixed, tuple(varying), push.payload)


def unfit(push: ApnsPush) -> Outcome | None:
    """Refuse here what APNs would refuse there, and what does not fit into a header."""
    if not push.payload:
        return Outcome(Verdict.REFUSED, "PayloadEmpty")
    if len(push.payload) > _MAX_BYTES[push.push_type]:
        return Outcome(Verdict.REFUSED, "PayloadTooLarge")
    if not (_is_word(push.token, _MAX_TOKEN_CHARACTERS) and push.token.isalnum()):
        return Outcome(Verdict.WRONG_ENVIRONMENT, "BadDeviceToken")
    if push.collapse_id is not None and not _is_word(push.collapse_id, _MAX_COLLAPSE_BYTES):
        return Outcome(Verdict.REFUSED, "BadCollapseId")
    if not _is_word(push.topic, 255):
        return Outcome(Verdict.FAULT, "BadTopic")
    return None


def outcome(result: Result, now: float) -> Outcome:
    """What became of a push. `now` is Unix time."""
    if isinstance(result, Failure):
        unless = Verdict.UNSENT if result.unsent else Verdict.RETRY
        return Outcome(_FAILURES.get(result.reason, unless), result.reason)
    body = _body(result)
    reason = body.reason if _is_word(body.reason, 64) and body.reason.isalnum() else ""
    verdict = _verdict(result.status, reason)
    wait = seconds_to_wait(result.headers.get("retry-after"), now=now)
    return Outcome(
        verdict,
        reason or status_text(result.status),
        retry_after=wait if verdict is Verdict.RETRY else None,
        dead_since=body.since() if verdict is Verdict.DEAD else None,
    )


def _verdict(status: int, reason: str) -> Verdict:
    if status == 400:
        return _BAD_REQUESTS.get(reason, Verdict.REFUSED)
    if status in _STATUSES:
        return _STATUSES[status]
    if 400 < status < 500 and reason:
        return Verdict.REFUSED
    # What has no word of Apple's comes from somebody in between, or from a wrong address.
    return Verdict.RETRY if 500 <= status < 600 else Verdict.FAULT


class _Body(msgspec.Struct):
    """The JSON of an error; `timestamp` is in milliseconds."""

    reason: str = ""
    timestamp: float | None = None

    def since(self) -> float | None:
        return None if self.timestamp is None else self.timestamp / 1000


_decoder = msgspec.json.Decoder(_Body)


def _body(answer: Answer) -> _Body:
    try:
        return _decoder.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Body()


def _p256_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError("the key for APNs has to be the .p8 file that Apple gave") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ConfigError("the key for APNs has to be one of the curve P-256")
    return key


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _is_word(text: str, longest: int) -> bool:
    """Printable ASCII without a space: nothing that would end a header or a path."""
    return 0 < len(text) <= longest and text.isascii() and text.isprintable() and " " not in text
