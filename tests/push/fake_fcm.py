"""FCM's HTTP v1 API with its OAuth token endpoint, by Google's documentation alone."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.push.fake_https import Certificates, FakeHttps, Heard, Reply, Script
from tests.push.fake_webpush import unbase64url

PROJECT = "phones"
EMAIL = f"sender@{PROJECT}.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
# Google's assertions name this audience, wherever they are sent to.
AUDIENCE = "https://oauth2.googleapis.com/token"
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
# What a message's data may not be named.
RESERVED = ("from", "message_type")
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


@cache
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def service_account(token_uri: str, project: str = PROJECT) -> dict[str, str]:
    """What Firebase's console would give out."""
    key = signing_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "key-1",
        "private_key": key.decode(),
        "client_email": EMAIL,
        "token_uri": token_uri,
    }


def error(
    status: int, code: str = "", *, field: str = "", headers: Mapping[str, str] | None = None
) -> Reply:
    """An answer as FCM words it, with its own code and the field at fault where given."""
    details: list[dict[str, Any]] = []
    if field:
        violation = {"field": field, "description": "Invalid value"}
        details.append({"@type": BAD_REQUEST, "fieldViolations": [violation]})
    if code:
        details.append({"@type": FCM_ERROR, "errorCode": code})
    body = {"error": {"code": status, "message": "words", "status": "X", "details": details}}
    return Reply(status, json.dumps(body).encode(), headers or {})


@dataclass
class FakeFcm:
    """`script` answers sends in its order, `token_script` requests for tokens."""

    certificates: Certificates
    life_seconds: int = 3600
    script: list[Script] = field(default_factory=list)
    token_script: list[Script] = field(default_factory=list)
    # Each message that was accepted, with the token that it was sent with.
    accepted: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    granted: list[str] = field(default_factory=list)
    # Cleared: the token endpoint thinks.
    token_ready: asyncio.Event = field(default_factory=asyncio.Event)
    token_asked: asyncio.Event = field(default_factory=asyncio.Event)
    renewed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.server = FakeHttps(self.certificates, self._answer)
        self.token_ready.set()

    def account(self, project: str = PROJECT) -> dict[str, str]:
        return service_account(f"{self.server.url}/token", project)

    async def _answer(self, heard: Heard) -> Script:
        if heard.path == "/token":
            self.token_asked.set()
            await self.token_ready.wait()
            return self.token_script.pop(0) if self.token_script else self._grant(heard)
        if self.script:
            return self.script.pop(0)
        return self._send(heard)

    def _grant(self, heard: Heard) -> Reply:
        """RFC 7523, section 2.1; the assertion's claims as Google asks for them."""
        form = parse_qs(heard.body.decode())
        try:
            assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
            _check_assertion(form["assertion"][0])
        except (AssertionError, InvalidSignature, KeyError, ValueError):
            return Reply(400, b'{"error": "invalid_grant", "error_description": "Invalid JWT"}')
        token = f"token-{len(self.granted) + 1}"
        self.granted.append(token)
        if len(self.granted) > 1:
            self.renewed.set()
        body = {"access_token": token, "expires_in": self.life_seconds, "token_type": "Bearer"}
        return Reply(200, json.dumps(body).encode())

    def _send(self, heard: Heard) -> Reply:
        scheme, _, token = heard.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.granted:
            return error(401)
        if heard.method != "POST" or heard.path != f"/v1/projects/{PROJECT}/messages:send":
            return error(404)
        message = json.loads(heard.body)["message"]
        data = message.get("data", {})
        if not message.get("token") or not all(isinstance(each, str) for each in data.values()):
            return error(400, "INVALID_ARGUMENT")
        if sum(len(key) + len(value) for key, value in data.items()) > 4096:
            return error(400, "INVALID_ARGUMENT", field="message.data")
        if any(key in RESERVED or key.startswith(("google.", "gcm.")) for key in data):
            return error(400, "INVALID_ARGUMENT", field="message.data")
        self.accepted.append((message, token))
        name = f"projects/{PROJECT}/messages/{len(self.accepted)}"
        return Reply(200, json.dumps({"name": name}).encode())


def _check_assertion(assertion: str) -> None:
    signed, _, signature = assertion.rpartition(".")
    header, claims = (json.loads(unbase64url(part)) for part in signed.split("."))
    assert header["alg"] == "RS256"
    signing_key().public_key().verify(
        unbase64url(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    assert claims["iss"] == EMAIL
    assert claims["aud"] == AUDIENCE
    assert claims["scope"] == SCOPE
    assert claims["iat"] <= time.time() + 10 < claims["exp"] <= claims["iat"] + 3600
