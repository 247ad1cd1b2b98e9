"""The push parameters of a Contact: which phone asks to be woken how (RFC 8599)."""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import unquote

from signaling.shared.errors import BadMessage
from signaling.shared.push import Provider, Target
from signaling.shared.push_checks import Apps, checked
from signaling.sip.message import Pair, Request
from signaling.sip.syntax import is_token, number
from signaling.sip.uri import Uri

SIP_PROVIDERS = (Provider.APNS, Provider.APNS_DEV, Provider.FCM)

_URN = re.compile(
    r"<?urn:uuid:([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})>?", re.IGNORECASE
)
# Ten characters at Apple's; apps that were not told theirs say ABCD1234. Ours is configured.
_TEAM = re.compile(r"[A-Z0-9]{8,10}")
_SERVICES = ("voip", "remote")
# What apps said before there was an RFC, by pn-type.
_OLD_TYPES = {"apple": Provider.APNS, "firebase": Provider.FCM}
_OLD_APP = re.compile(r"([A-Za-z0-9.-]{1,128}?)(\.voip)?\.(prod|dev)")


@dataclass(frozen=True, slots=True)
class Offer:
    """What this server wakes phones by; with no provider it does not know of pushes at all.

    `refuses_others`: a phone that asks for another one gets 555, else it is not woken.
    """

    providers: Collection[Provider] = ()
    apps: Apps = field(default_factory=dict)
    refuses_others: bool = True


class UnsupportedPush(BadMessage):
    """The phone asks for a service that is not offered here: the answer is 555."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a Contact says about pushes.

    `query`: it only asks which services there are. Else `target` is where the phone is woken,
    None for one that does not ask for it.
    """

    target: Target | None = None
    query: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What one Contact of a REGISTER comes to; `device` is None where nothing names the phone."""

    device: str | None
    wish: Wish


def told_by(request: Request, offer: Offer) -> list[Told]:
    """What a REGISTER says about pushes; a phone that takes its contact back wishes none.

    Raises BadMessage for what makes no sense, UnsupportedPush for a service that is refused.
    """
    told: dict[str | None, Wish] = {}
    for address in request.contacts:
        device = device_of(address.parameter("+sip.instance"), address.uri)
        seconds = address.parameter("expires") or request.headers.first("expires")
        is_gone = seconds is not None and number(seconds, "expires") == 0
        wish = Wish() if is_gone else _offered(address.uri, offer)
        # A phone that changed its network takes its old contact back beside the new one.
        if told.get(device, Wish()) == Wish():
            told[device] = wish
    return [Told(device, wish) for device, wish in told.items()]


def _offered(uri: Uri, offer: Offer) -> Wish:
    try:
        return wish_of(uri, supported=offer.providers, apps=offer.apps)
    except UnsupportedPush:
        if offer.refuses_others:
            raise
        return Wish()


def wish_of(uri: Uri, *, supported: Collection[Provider], apps: Apps) -> Wish:
    """Read the parameters of a Contact's URI.

    Raises BadMessage for what makes no sense, UnsupportedPush for a service that is not offered.
    """
    provider = uri.parameter("pn-provider")
    if provider == "":
        return Wish(query=True)
    if provider is not None:
        target = _target(provider.lower(), _value(uri, "pn-param"), _value(uri, "pn-prid"))
    elif (kind := uri.parameter("pn-type")) is not None:
        target = _old_target(kind.lower(), _value(uri, "app-id"), _value(uri, "pn-tok"))
    else:
        return Wish()
    if target.provider not in supported:
        raise UnsupportedPush(f"no pushes by {target.provider} here")
    return Wish(checked(target, apps))


def feature_caps(providers: Collection[Provider]) -> list[Pair]:
    """The headers that tell which services wake this phone (RFC 8599, RFC 6809)."""
    return [("Feature-Caps", f'*;+sip.pns="{provider.value}"') for provider in providers]


def device_of(instance: str | None, uri: Uri) -> str | None:
    """The id of the phone behind a Contact, the same at every registration.

    None for one that tells neither an instance nor a token: nothing says that it is the same.
    """
    if instance:
        urn = _URN.fullmatch(instance)
        return f"sip-{urn[1].lower() if urn else _digest(instance)}"
    tokens = _value(uri, "pn-prid") or _value(uri, "pn-tok")
    return f"sip-{_digest('&'.join(sorted(tokens.split('&'))))}" if tokens else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _value(uri: Uri, name: str) -> str:
    return unquote(uri.parameter(name) or "")


def _target(provider: str, param: str, prid: str) -> Target:
    if provider not in {each.value for each in SIP_PROVIDERS}:
        name = provider if is_token(provider) and len(provider) <= 32 else "that name"
        raise UnsupportedPush(f"no pushes by {name} here")
    if not prid:
        _refuse("pn-prid is missing: it is the token of the phone")
    if provider == Provider.FCM:
        return Target(Provider.FCM, param, token=prid, dialect="linphone")
    app, services = _apple_app(param)
    return _apple_target(Provider(provider), app, services, prid)


def _apple_app(param: str) -> tuple[str, list[str]]:
    """The bundle id and the services of `TEAM.org.example.phone.voip&remote`."""
    team, _, rest = param.partition(".")
    if not _TEAM.fullmatch(team) or not rest:
        _refuse("pn-param is TEAM.BUNDLE.SERVICE, such as ABCDE12345.org.example.phone.voip")
    bundle, _, last = rest.rpartition(".")
    services = last.split("&")
    if not bundle or any(service not in _SERVICES for service in services):
        return rest, ["remote"]
    return bundle, services


def _apple_target(provider: Provider, app: str, services: list[str], prid: str) -> Target:
    """`prid` is one token, or one a service: `HEX:voip&HEX:remote`, in any order."""
    tokens: dict[str, str] = {}
    for part in prid.split("&"):
        token, colon, service = part.partition(":")
        if not colon:
            # A token that does not say so is for the only service that was asked for.
            service = services[0]
        if service not in _SERVICES or service in tokens:
            _refuse("pn-prid is TOKEN, or TOKEN:voip&TOKEN:remote")
        tokens[service] = token
    return Target(
        provider,
        app,
        token=tokens.get("remote"),
        voip_token=tokens.get("voip"),
        dialect="linphone",
    )


def _old_target(kind: str, app: str, token: str) -> Target:
    provider = _OLD_TYPES.get(kind)
    if provider is None:
        raise UnsupportedPush("no pushes by that pn-type here")
    if not token:
        _refuse("pn-tok is missing: it is the token of the phone")
    if provider is Provider.FCM:
        return Target(provider, app, token=token, dialect="linphone")
    parts = _OLD_APP.fullmatch(app)
    if parts is None:
        _refuse("app-id is BUNDLE.prod, BUNDLE.dev, BUNDLE.voip.prod or BUNDLE.voip.dev")
    if parts[3] == "dev":
        provider = Provider.APNS_DEV
    return _apple_target(provider, parts[1], ["voip" if parts[2] else "remote"], token)


def _refuse(text: str) -> NoReturn:
    raise BadMessage(text)
