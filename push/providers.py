"""The senders that an installation is set up for, and what stands in for the others."""

from collections.abc import Mapping
from typing import Any

from push.sender import Outcome, Sender, Verdict
from signaling.shared.config import Config
from signaling.shared.push import Provider


class NotConfigured:
    """Tells whoever pushes what the operator has to set."""

    def __init__(self, key: str) -> None:
        self._reason = f"not configured: set {key}"

    async def warm(self) -> None:
        pass

    async def send(self, push: Any, *, seconds: float) -> Outcome:
        return Outcome(Verdict.FAULT, self._reason)

    async def aclose(self) -> None:
        pass


def senders_of(config: Config) -> Mapping[Provider, Sender[Any]]:
    """A sender for each provider; raises OperatorError where keys or files are unusable."""
    apns = NotConfigured("push.apns.key_file")
    return {
        Provider.APNS: apns,
        Provider.APNS_DEV: apns,
        Provider.FCM: NotConfigured("push.fcm.credentials_file"),
        Provider.WEBPUSH: NotConfigured("push.webpush.contact"),
    }
