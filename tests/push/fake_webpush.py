"""A push service (RFC 8030) that checks VAPID and decrypts RFC 8291, by the RFCs alone."""

import hashlib
import hmac
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signaling.shared.push import Subscription
from tests.push.fake_https import Certificates, FakeHttps, Heard, Reply, Script

MAX_BODY_BYTES = 4096
HOST = "push.local"
# A path that a client which tidies addresses up would change.
PATH = "/send/%41b==?k=%2F"


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Browser:
    """Holds a subscription's private half."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = os.urandom(16)

    def subscription(self, endpoint: str) -> Subscription:
        return Subscription(endpoint, base64url(self._point()), base64url(self._auth))

    def decrypt(self, body: bytes) -> bytes:
        """RFC 8291, section 3.4, and RFC 8188, section 2, for a single record."""
        salt, record_size, key_length = body[:16], int.from_bytes(body[16:20]), body[20]
        sender, sealed = body[21 : 21 + key_length], body[21 + key_length :]
        assert len(sealed) <= record_size
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        shared = self._key.exchange(ec.ECDH(), point)
        info = b"WebPush: info\0" + self._point() + sender
        extracted = hmac.digest(self._auth, shared, hashlib.sha256)
        material = hmac.digest(extracted, info + b"\1", hashlib.sha256)
        pseudorandom = hmac.digest(salt, material, hashlib.sha256)
        key = hmac.digest(pseudorandom, b"Content-Encoding: aes128gcm\0\1", hashlib.sha256)
        nonce = hmac.digest(pseudorandom, b"Content-Encoding: nonce\0\1", hashlib.sha256)
        padded = AESGCM(key[:16]).decrypt(nonce[:12], sealed, None).rstrip(b"\0")
        assert padded.endswith(b"\2"), "the record is not marked as the last one"
        return padded[:-1]

    def _point(self) -> bytes:
        return self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@dataclass(frozen=True)
class Pushed:
    """One message that was accepted."""

    payload: bytes
    headers: dict[str, str]
    claims: dict[str, Any]


@dataclass
class FakeWebPush:
    """`script` answers in its order, then each push is accepted that is as it must be."""

    certificates: Certificates
    public_key: str
    now: float
    host: str = HOST
    script: list[Script] = field(default_factory=list)
    pushed: list[Pushed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.browser = Browser()
        self.server = FakeHttps(self.certificates, self._answer)

    @property
    def port(self) -> int:
        return self.server.port

    def subscription(self, host: str | None = None) -> Subscription:
        return self.browser.subscription(f"https://{host or self.host}:{self.port}{PATH}")

    async def _answer(self, heard: Heard) -> Script:
        if self.script:
            return self.script.pop(0)
        if heard.method != "POST" or heard.path != PATH:
            return Reply(404)
        if len(heard.body) > MAX_BODY_BYTES:
            return Reply(413)
        if heard.headers.get("content-encoding") != "aes128gcm" or "ttl" not in heard.headers:
            return Reply(400)
        try:
            claims = self._claims(heard.headers["authorization"])
        except (InvalidSignature, ValueError, KeyError, AssertionError):
            return Reply(403)
        payload = self.browser.decrypt(heard.body)
        self.pushed.append(Pushed(payload, dict(heard.headers), claims))
        return Reply(201, headers={"Location": "https://push.local/message/1"})

    def _claims(self, authorization: str) -> dict[str, Any]:
        """RFC 8292, sections 2 and 3."""
        scheme, _, rest = authorization.partition(" ")
        assert scheme == "vapid"
        values = dict(part.strip().split("=", 1) for part in rest.split(","))
        assert values["k"] == self.public_key
        signed, _, signature = values["t"].rpartition(".")
        raw = unbase64url(signature)
        assert len(raw) == 64
        point = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), unbase64url(values["k"])
        )
        dss = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        point.verify(dss, signed.encode(), ec.ECDSA(hashes.SHA256()))
        header, claims = (json.loads(unbase64url(part)) for part in signed.split("."))
        assert header["alg"] == "ES256"
        assert claims["aud"] == f"https://{self.host}:{self.port}"
        assert self.now < claims["exp"] <= self.now + 24 * 3600
        assert claims["sub"].startswith("mailto:")
        return dict(claims)
