"""What a push target may look like, and the words for one that does not."""

import base64
import binascii
import re
from collections.abc import Collection, Mapping, Sequence
from typing import NoReturn
from urllib.parse import urlsplit

from msgspec.structs import replace

from signaling.shared.errors import BadMessage
from signaling.shared.push import Provider, Subscription, Target

MAX_TOKEN_LENGTH = 1_024
MAX_ENDPOINT_LENGTH = 1_024
MAX_TARGETS = 4
"""Of one device: it runs few apps that take calls."""

# Apple calls the length of a device token variable; 32 bytes are usual, 100 the most it names.
_APNS_TOKEN = re.compile(r"(?:[0-9A-Fa-f]{2}){32,100}")
_FCM_TOKEN = re.compile(r"[A-Za-z0-9_:-]{16,1024}")
_BUNDLE = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_PROJECT = re.compile(r"[A-Za-z0-9:._-]+")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{1,128}={0,2}")
_MAX_APP_LENGTH = 128
# An uncompressed point of P-256, and the secret beside it (RFC 8291, section 2).
_POINT_LENGTH, _AUTH_LENGTH = 65, 16

Apps = Mapping[Provider, Collection[str]]
"""The apps that a provider is configured for; none named: all."""


def checked(target: Target, apps: Apps) -> Target:
    """The target as it is to be kept; raises BadMessage with what is to be mended."""
    if target.provider is Provider.WEBPUSH:
        return replace(target, app="", subscription=_subscription(target))
    if target.subscription is not None:
        _refuse(f"a target of {target.provider} has a token; a subscription goes with webpush")
    if target.token is None and target.voip_token is None:
        _refuse(f"a target of {target.provider} needs a token")
    _check_app(target, apps)
    if target.provider is Provider.FCM:
        return _checked_fcm(target)
    return replace(
        target, token=_apns_token(target.token), voip_token=_apns_token(target.voip_token)
    )


def merged(targets: Sequence[Target]) -> list[Target]:
    """Targets of the same app as one: a client may tell its two tokens apart."""
    by_app: dict[tuple[Provider, str, Subscription | None], Target] = {}
    for target in targets:
        key = target.provider, target.app, target.subscription
        known = by_app.get(key, target)
        token, voip = target.token or known.token, target.voip_token or known.voip_token
        by_app[key] = replace(known, token=token, voip_token=voip)
    return list(by_app.values())


def _check_app(target: Target, apps: Apps) -> None:
    app, known = target.app, apps.get(target.provider, ())
    form, kind = (
        (_PROJECT, "project") if target.provider is Provider.FCM else (_BUNDLE, "bundle id")
    )
    if len(app) > _MAX_APP_LENGTH or not form.fullmatch(app):
        _refuse(f"app is the {kind} of the app, of letters, digits, dots and -")
    if known and app not in known:
        _refuse(f"this server is not set up to push the app {app}")


def _checked_fcm(target: Target) -> Target:
    if target.token is None or target.voip_token is not None:
        _refuse("a target of fcm has a token and no voip_token, which is Apple's alone")
    if not _FCM_TOKEN.fullmatch(target.token):
        _refuse("a token of fcm is 16 to 1,024 letters, digits, _ - and :, as Firebase gave it")
    return target


def _apns_token(token: str | None) -> str | None:
    if token is not None and not _APNS_TOKEN.fullmatch(token):
        _refuse("a token of apns is 32 to 100 bytes in hexadecimal, without spaces or <>")
    return token and token.lower()


def _subscription(target: Target) -> Subscription:
    given = target.subscription
    if given is None or target.token is not None or target.voip_token is not None:
        _refuse("a target of webpush has a subscription, as the browser prints it, and no token")
    _check_endpoint(given.endpoint)
    point = _unpacked(given.p256dh, "p256dh")
    if len(point) != _POINT_LENGTH or point[0] != 4:
        _refuse("keys.p256dh is an uncompressed point of P-256: 65 bytes in base64url")
    if len(_unpacked(given.auth, "auth")) != _AUTH_LENGTH:
        _refuse("keys.auth is 16 bytes in base64url")
    return Subscription(given.endpoint, given.p256dh.rstrip("="), given.auth.rstrip("="))


def _check_endpoint(endpoint: str) -> None:
    """Whom it leads to is checked by who connects: a name may lead elsewhere by then."""
    if len(endpoint) > MAX_ENDPOINT_LENGTH or not (endpoint.isascii() and endpoint.isprintable()):
        _refuse(f"an endpoint has at most {MAX_ENDPOINT_LENGTH} printable ASCII characters")
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or " " in endpoint or parts.username is not None or parts.fragment:
        _refuse("an endpoint is an https:// address without a user and without a fragment")


def _unpacked(text: str, name: str) -> bytes:
    if not _BASE64URL.fullmatch(text):
        _refuse(f"keys.{name} is not base64url")
    try:
        return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except (binascii.Error, ValueError):
        _refuse(f"keys.{name} is not base64url")


def _refuse(text: str) -> NoReturn:
    raise BadMessage(text)
