"""Apple's push service on loopback: checks each push as Apple does, and answers from a script."""

import asyncio
import base64
import json
import re
import ssl
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from signaling.authority import LocalAuthority
from tests.push.fake_http2 import FakeConnection, Heard, Rules

KEY_ID, TEAM_ID = "ABC123DEFG", "DEF123GHIJ"
APP = "org.example.phone"
LIMITS = {"voip": 5_120}


@dataclass(frozen=True)
class Reply:
    """Apple's words; `timestamp` is in milliseconds. Without a reason the body is empty."""

    status: int = 200
    reason: str | None = None
    timestamp: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        if self.reason is None:
            return b""
        words: dict[str, Any] = {"reason": self.reason}
        if self.timestamp is not None:
            words["timestamp"] = self.timestamp
        return json.dumps(words).encode()


ACCEPTED = Reply()
Act = Callable[[FakeConnection, Heard], None]


@dataclass(frozen=True)
class Arrived:
    """A push that passed all checks."""

    connection: int
    id: str
    token: str
    headers: dict[str, str]
    payload: bytes


class FakeApns:
    """Listens on 127.0.0.1. A token's script says what becomes of its pushes, one after another."""

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self.port = port
        self.rules = Rules(first_streams=1, streams=1_000)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.connections: list[FakeConnection] = []
        self.opened: asyncio.Queue[FakeConnection] = asyncio.Queue()
        self.arrived: list[Arrived] = []
        self.authorizations: Counter[str] = Counter()
        self.scripts: dict[str, deque[Reply | Act]] = {}
        self.always: Reply | Act = ACCEPTED
        authority = LocalAuthority(folder, now=datetime.now(UTC))
        authority.refresh(["127.0.0.1"], now=datetime.now(UTC))
        self.ca_file = folder / "ca.pem"
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.load_cert_chain(authority.files.cert, authority.files.key)
        self.tls.set_alpn_protocols(["h2"])

    @property
    def pem(self) -> bytes:
        """The .p8 file that Apple would hand out."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._connected, "127.0.0.1", self.port, ssl=self.tls
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for connection in self.connections:
            connection.drop()
        for connection in self.connections:
            await connection.gone.wait()
        await self._server.wait_closed()

    @property
    def last(self) -> FakeConnection:
        return self.connections[-1]

    @property
    def violations(self) -> list[str]:
        return [breach for connection in self.connections for breach in connection.violations]

    def script(self, token: str, *acts: Reply | Act) -> None:
        self.scripts[token] = deque(acts)

    def _connected(self) -> FakeConnection:
        return FakeConnection(self.rules, self._on_open, self._on_request)

    def _on_open(self, connection: FakeConnection) -> None:
        self.connections.append(connection)
        self.opened.put_nowait(connection)

    def _on_request(self, connection: FakeConnection, heard: Heard) -> None:
        if self.rules.first_streams < self.rules.streams and len(connection.requests) == 1:
            connection.allow(self.rules.streams)
        refusal = self._refusal(connection, heard)
        token = heard.headers[":path"].rpartition("/")[2]
        if refusal is not None:
            self.reply(connection, heard, refusal)
            return
        self.arrived.append(
            Arrived(
                self.connections.index(connection),
                heard.headers["apns-id"],
                token,
                heard.headers,
                heard.body,
            )
        )
        script = self.scripts.get(token)
        act = script.popleft() if script else self.always
        if isinstance(act, Reply):
            self.reply(connection, heard, act)
        else:
            act(connection, heard)

    def reply(self, connection: FakeConnection, heard: Heard, reply: Reply) -> None:
        headers = {"apns-id": heard.headers.get("apns-id", ""), **reply.headers}
        connection.answer(heard.stream, reply.status, headers, reply.body())

    def _refusal(self, connection: FakeConnection, heard: Heard) -> Reply | None:
        """Apple's checks, in the order in which their absence would be noticed."""
        headers = heard.headers
        if headers[":method"] != "POST":
            return Reply(405, "MethodNotAllowed")
        if not re.fullmatch("/3/device/[0-9a-f]{8,200}", headers[":path"]):
            return Reply(404, "BadPath")
        refusal = self._wrong_sender(connection, headers.get("authorization"))
        return refusal or wrong_headers(headers) or wrong_payload(headers, heard.body)

    def _wrong_sender(self, connection: FakeConnection, authorization: str | None) -> Reply | None:
        if authorization is None:
            certificate = connection.transport.get_extra_info("peercert")
            return None if certificate else Reply(403, "MissingProviderToken")
        self.authorizations[authorization] += 1
        claims = self._claims(authorization)
        if claims is None or claims["iss"] != TEAM_ID:
            return Reply(403, "InvalidProviderToken")
        age = time.time() - claims["iat"]
        return None if -60 < age < 3600 else Reply(403, "ExpiredProviderToken")

    def _claims(self, authorization: str) -> dict[str, Any] | None:
        """What the token says when it is signed with our key by ES256."""
        try:
            signed, _, signature = authorization.removeprefix("bearer ").rpartition(".")
            head, claims = (json.loads(unpadded(part)) for part in signed.split("."))
            raw = unpadded(signature)
            r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
            self.key.public_key().verify(
                encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256())
            )
        except (ValueError, InvalidSignature):
            return None
        known = head["alg"] == "ES256" and head["kid"] == KEY_ID and len(raw) == 64
        return dict(claims) if known else None


def wrong_headers(headers: dict[str, str]) -> Reply | None:
    kind, topic = headers.get("apns-push-type"), headers.get("apns-topic")
    if kind not in ("voip", "alert", "background"):
        return Reply(400, "InvalidPushType")
    if topic is None:
        return Reply(400, "MissingTopic")
    if topic != (f"{APP}.voip" if kind == "voip" else APP):
        return Reply(400, "TopicDisallowed")
    if headers.get("apns-priority") not in (("5",) if kind == "background" else ("5", "10")):
        return Reply(400, "BadPriority")
    if not headers.get("apns-expiration", "").isdecimal():
        return Reply(400, "BadExpirationDate")
    try:
        uuid.UUID(headers.get("apns-id", ""))
    except ValueError:
        return Reply(400, "BadMessageId")
    collapse = headers.get("apns-collapse-id")
    return Reply(400, "BadCollapseId") if collapse is not None and len(collapse) > 64 else None


def wrong_payload(headers: dict[str, str], body: bytes) -> Reply | None:
    if not body:
        return Reply(400, "PayloadEmpty")
    if len(body) > LIMITS.get(headers["apns-push-type"], 4_096):
        return Reply(413, "PayloadTooLarge")
    return None if "aps" in json.loads(body) else Reply(400, "PayloadEmpty")


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
