"""The senders that an installation is set up for, and what stands in for the others."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from push.sender import Outcome, Sender, Verdict
from signaling.shared import config as given
from signaling.shared.errors import ConfigError, OperatorError
from signaling.shared.keys import webpush_key_of
from signaling.shared.push import Provider


class NotConfigured:
    """Tells whoever pushes what the operator has to set."""

    def __init__(self, key: str) -> None:
        self._reason = f"not configured: set {key}"

    async def warm(self) -> None:
        """Nothing to be had."""

    async def send(self, push: Any, *, seconds: float) -> Outcome:
        return Outcome(Verdict.FAULT, self._reason)

    async def aclose(self) -> None:
        """Nothing to let go of."""


def senders_of(config: given.Config) -> Mapping[Provider, Sender[Any]]:
    """A sender for each provider; raises OperatorError where a key or a file is of no use.

    Their libraries take as much memory as the rest of the process, so each is imported where its
    provider is configured, and nowhere else.
    """
    apns = _apns(config.push.apns)
    return {
        Provider.APNS: apns,
        Provider.APNS_DEV: apns,
        Provider.FCM: _fcm(config.push.fcm),
        Provider.WEBPUSH: _webpush(config),
    }


def check_senders(config: given.Config) -> None:
    """Raises OperatorError as `senders_of` would, and makes no key."""
    _apns(config.push.apns)
    _fcm(config.push.fcm)
    if config.push.webpush.key_file is not None:
        _webpush(config)


def _apns(apns: given.Apns) -> Sender[Any]:
    if apns.key_file is None and apns.cert_file is None:
        return NotConfigured("push.apns.key_file")
    from push.apns import ApnsSender
    from push.apns_words import ProviderToken

    token = None
    with _naming("push.apns"):
        if apns.key_file is not None:
            # The configuration has all three or none.
            key_id, team_id = apns.key_id or "", apns.team_id or ""
            token = ProviderToken(_read(apns.key_file), key_id=key_id, team_id=team_id)
        return ApnsSender(
            token=token,
            cert_file=apns.cert_file,
            url=apns.url,
            sandbox_url=apns.sandbox_url,
            ca_file=apns.ca_file,
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def _fcm(fcm: given.Fcm) -> Sender[Any]:
    if fcm.credentials_file is None:
        return NotConfigured("push.fcm.credentials_file")
    from push.fcm import FcmSender, read_account

    with _naming("push.fcm"):
        account = read_account(fcm.credentials_file)
        return FcmSender([account], url=fcm.url, ca_file=fcm.ca_file)


def _webpush(config: given.Config) -> Sender[Any]:
    from push.endpoints import EndpointRules
    from push.vapid import Vapid
    from push.webpush import WebPushSender

    webpush = config.push.webpush
    pem = webpush_key_of(config).pem
    if webpush.contact is not None:
        vapid = Vapid(key=pem, contact=webpush.contact)
    else:
        try:
            # An address that every mail domain has (RFC 2142).
            vapid = Vapid(key=pem, contact=f"mailto:postmaster@{config.domain}")
        except ConfigError:
            return NotConfigured("push.webpush.contact")
    rules = EndpointRules(webpush.allowed_hosts, webpush.allowed_networks)
    with _naming("push.webpush"):
        return WebPushSender(vapid, rules, ca_file=webpush.ca_file)


@contextmanager
def _naming(section: str) -> Iterator[None]:
    """Have what is wrong say in which section it is."""
    try:
        yield
    except OperatorError as error:
        text = str(error)
        raise ConfigError(text if text.startswith("push.") else f"{section}: {text}") from error
