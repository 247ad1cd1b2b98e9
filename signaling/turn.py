"""The STUN and TURN servers that clients are told of, with credentials that end by themselves."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

from signaling.shared.messages import IceServer


@dataclass(frozen=True, slots=True)
class TurnServers:
    """Servers of one operator; `secret` is what coturn calls its static-auth-secret."""

    urls: tuple[str, ...] = ()
    secret: str | None = field(default=None, repr=False)
    seconds: float = 0.0

    @property
    def renew_seconds(self) -> float | None:
        """When to give a client new credentials after the last; None for none at all."""
        return self.seconds / 2 if self.secret is not None else None

    def told(self, account: str, now: float) -> list[IceServer]:
        """What an account's client is told at `now`, in Unix seconds."""
        open_to_all = [url for url in self.urls if url.startswith("stun:")]
        relays = [url for url in self.urls if url not in open_to_all]
        told = [IceServer(urls=open_to_all)] if open_to_all else []
        if relays and self.secret is not None:
            username, credential = self._credentials(self.secret, account, now)
            told.append(IceServer(urls=relays, username=username, credential=credential))
        return told

    def _credentials(self, secret: str, account: str, now: float) -> tuple[str, str]:
        """As draft-uberti-behave-turn-rest-00, section 2.2, and coturn have them.

        The name after the time is the account's for whoever has the secret only, and always the
        same: coturn's user-quota counts by it.
        """
        name = hmac.digest(secret.encode(), account.encode(), hashlib.sha256).hex()[:24]
        username = f"{int(now + self.seconds)}:{name}"
        proof = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
        return username, base64.b64encode(proof).decode()
