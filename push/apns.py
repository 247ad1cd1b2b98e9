"""Pushes to iPhones: Apple's production and its sandbox, each over a connection of its own."""

import asyncio
import time
from pathlib import Path

from push import apns_words as words
from push.apns_words import ProviderToken
from push.origin import Origin, tls_context
from push.sender import ApnsPush, Outcome, Verdict
from signaling.shared.errors import ConfigError

PRODUCTION_URL = "https://api.push.apple.com"
SANDBOX_URL = "https://api.sandbox.push.apple.com"


class ApnsSender:
    """Sends as a team with its token, or as an app with its certificate."""

    def __init__(
        self,
        *,
        token: ProviderToken | None = None,
        cert_file: Path | None = None,
        url: str = PRODUCTION_URL,
        sandbox_url: str = SANDBOX_URL,
        ca_file: Path | None = None,
    ) -> None:
        """Takes one of `token` and `cert_file`. Raises ConfigError."""
        if (token is None) == (cert_file is None):
            raise ConfigError("APNs needs either a key or a certificate")
        tls = tls_context(ca_file=ca_file, cert_file=cert_file)
        self._token = token
        self._production = Origin(url, tls)
        self._sandbox = Origin(sandbox_url, tls)

    async def warm(self) -> None:
        """Connect to production; few need the sandbox, which is connected by its first push."""
        await self._production.warm()

    async def send(self, push: ApnsPush, *, seconds: float) -> Outcome:
        """One attempt. UNSENT also when the time ran out before there was a way to send it."""
        refused = words.unfit(push)
        if refused is not None:
            return refused
        header = self._token.header(time.time()) if self._token is not None else None
        origin = self._sandbox if push.sandbox else self._production
        result = await origin.request(words.request(push, header), seconds=seconds)
        outcome = words.outcome(result, time.time())
        if header is not None and outcome.reason == "ExpiredProviderToken":
            return self._with_another_token(outcome, header)
        return outcome

    async def aclose(self) -> None:
        """Let go of both connections; what is in flight ends first."""
        await asyncio.gather(self._production.aclose(), self._sandbox.aclose())

    def _with_another_token(self, outcome: Outcome, header: bytes) -> Outcome:
        """Apple looked at the token and at nothing else: with a new one it may be sent again."""
        if self._token is not None and self._token.expired(header, time.time()):
            return Outcome(Verdict.UNSENT, outcome.reason)
        return outcome
