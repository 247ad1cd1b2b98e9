"""The sender of Web Push: to browsers, and to phones that use UnifiedPush."""

import binascii
import time
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from socket import AF_INET, AddressFamily

import http_ece
from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography.hazmat.primitives.asymmetric import ec

from push.answers import web_push_outcome
from push.endpoints import EndpointRules
from push.https import AddressRefused, Https
from push.sender import Outcome, Verdict, WebPush
from push.vapid import Vapid
from signaling.shared.errors import Forbidden
from signaling.shared.push import Subscription

# RFC 8291, section 4: services take 4,096 bytes, of which the header has 86, the authentication
# 16 and the end of padding 1.
MAX_PAYLOAD_BYTES = 3993
_POINT_BYTES, _SECRET_BYTES = 65, 16
_MAX_KEY_CHARACTERS = 128


class WebPushSender:
    """Encrypts (RFC 8291) and sends (RFC 8030) to the endpoints that the rules allow."""

    def __init__(
        self,
        vapid: Vapid,
        rules: EndpointRules,
        *,
        ca_file: Path | None = None,
        clock: Callable[[], float] = time.time,
        look_up: Callable[[], AbstractResolver] = ThreadedResolver,
    ) -> None:
        self._vapid = vapid
        self._rules = rules
        self._clock = clock
        self._https = Https(ca_file=ca_file, resolver=lambda: _RuledResolver(rules, look_up()))

    async def warm(self) -> None:
        """Nothing is ready before the first push says which service it goes to."""

    async def send(self, push: WebPush, *, seconds: float) -> Outcome:
        """Make one attempt; a subscription whose keys are none is DEAD from its birth."""
        if len(push.payload) > MAX_PAYLOAD_BYTES:
            return Outcome(Verdict.REFUSED, "payload too large")
        try:
            url = self._rules.url_of(push.subscription.endpoint)
            body = encrypt(push.payload, push.subscription)
        except Forbidden as error:
            return Outcome(Verdict.REFUSED, str(error))
        except ValueError:
            return Outcome(Verdict.DEAD, "no usable keys")
        headers = {
            "Authorization": self._vapid.header(str(url.origin()), now=self._clock()),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(push.ttl_seconds),
            "Urgency": push.urgency,
        }
        if push.topic is not None:
            headers["Topic"] = push.topic
        answer = await self._https.post(url, body, headers, seconds=seconds)
        if isinstance(answer, Outcome):
            return answer
        return web_push_outcome(answer, now=self._clock())

    async def aclose(self) -> None:
        await self._https.aclose()


def encrypt(payload: bytes, subscription: Subscription) -> bytes:
    """One aes128gcm record for the subscription's owner; raises ValueError for unusable keys."""
    point = _decoded(subscription.p256dh, _POINT_BYTES)
    secret = _decoded(subscription.auth, _SECRET_BYTES)
    key = ec.generate_private_key(ec.SECP256R1())
    sealed: bytes = http_ece.encrypt(payload, private_key=key, dh=point, auth_secret=secret)
    return sealed


def _decoded(text: str, length: int) -> bytes:
    """Base64url with or without its padding."""
    if len(text) > _MAX_KEY_CHARACTERS:
        raise ValueError("a key of this kind is shorter")
    bare = text.rstrip("=")
    try:
        decoded = b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("a key is not base64url") from error
    if len(decoded) != length:
        raise ValueError(f"a key is not {length} bytes long")
    return decoded


class _RuledResolver(AbstractResolver):
    """Answers with permitted addresses only; the connection is made to just these.

    A name with one address that is not permitted is refused whole: nobody means that well.
    """

    def __init__(self, rules: EndpointRules, inner: AbstractResolver) -> None:
        self._rules = rules
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not all(self._rules.permits(host, each["host"]) for each in found):
            raise AddressRefused(f"{host} is at an address that is not allowed")
        return found

    async def close(self) -> None:
        await self._inner.close()
