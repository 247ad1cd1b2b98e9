"""Where a dialled address leads: one of our accounts, or a reason why not."""

from collections.abc import Collection
from dataclasses import dataclass

from signaling.shared.reasons import EndReason

MAX_ADDRESS = 256


@dataclass(frozen=True, slots=True)
class ToAccount:
    """The address `user` of our own domain."""

    user: str


@dataclass(frozen=True, slots=True)
class Nowhere:
    """The address leads nowhere; `detail` says why, for the log and `route explain`."""

    reason: EndReason
    detail: str


Route = ToAccount | Nowhere


def find_route(
    dialled: str, *, own_domains: Collection[str], emergency_numbers: Collection[str]
) -> Route:
    """Read `bob`, `bob@domain`, `sip:bob@domain;x=y` or `+49 30 123`, as people type them.

    An emergency number is one before it is anybody's address, however it is spaced.
    """
    text = dialled.strip()
    if not text or len(text) > MAX_ADDRESS or not text.isprintable():
        return Nowhere(EndReason.NOT_FOUND, "this is not an address")
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in ("sip", "sips"):
        text = rest.split(";", 1)[0].split("?", 1)[0]
    elif colon and scheme.lower() == "tel":
        text = rest.split(";", 1)[0]
    user, at, host = text.rpartition("@")
    if not at:
        user, host = text, ""
    if host and _host_name(host) not in own_domains:
        return Nowhere(EndReason.NOT_FOUND, f"{_host_name(host)} is not a domain of this server")
    user = user.partition(":")[0].lower()
    if user.startswith("+"):
        user = "+" + _digits(user[1:])
    if not user:
        return Nowhere(EndReason.NOT_FOUND, "the address names nobody")
    if _digits(user) in emergency_numbers:
        return Nowhere(EndReason.EMERGENCY, "emergency numbers need a trunk, and there is none")
    return ToAccount(user)


def _digits(number: str) -> str:
    """The number without what people put between its digits."""
    return "".join(char for char in number if char not in " -()./")


def _host_name(host: str) -> str:
    """The host without its port; an IPv6 address without its brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
