"""What values of the configuration may be: each check returns the value to keep, or ValueError."""

import ipaddress
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SQLITE = "sqlite+aiosqlite:///"
POSTGRESQL = "postgresql+asyncpg://"
_LABEL_CHARACTERS = frozenset(string.ascii_lowercase + string.digits + "-")
_APPLE_CHARACTERS = frozenset(string.ascii_uppercase + string.digits)
_BUNDLE_CHARACTERS = frozenset(string.ascii_letters + string.digits + "-.")


def _is_name(text: str) -> bool:
    """Whether `text` is a host name in lower case (RFC 1123)."""
    return len(text) <= 253 and all(
        0 < len(label) <= 63
        and _LABEL_CHARACTERS.issuperset(label)
        and not label.startswith("-")
        and not label.endswith("-")
        for label in text.split(".")
    )


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def require(value: Any, *, met: bool) -> Any:
    if not met:
        raise ValueError
    return value


def host_name(text: str) -> str:
    lowered = text.lower()
    return str(require(lowered, met=_is_name(lowered)))


def host(text: str) -> str:
    return text if is_address(text) else host_name(text)


def address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def address_or_auto(text: str) -> str:
    return text if text == "auto" else address(text)


def between(low: float, high: float) -> Callable[[Any], object]:
    return lambda value: require(value, met=low <= value <= high)


def one_of(*choices: str) -> Callable[[Any], object]:
    return lambda value: require(value, met=value in choices)


def music(text: str) -> str:
    """A file, or one of the words, which the file's directory may stand before."""
    word = Path(require(text, met=bool(text) and "\0" not in text)).name
    return word if word in ("default", "none") else text


def networks(texts: list[str]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def _origin(text: str) -> str:
    parts = urlsplit(text.lower())
    default_port = {"http": 80, "https": 443}.get(parts.scheme)
    bare = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    if default_port is None or not bare or not parts.hostname:
        raise ValueError
    host = f"[{parts.hostname}]" if ":" in parts.hostname else host_name(parts.hostname)
    port = "" if parts.port in (None, default_port) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def origins(texts: list[str]) -> tuple[str, ...]:
    return tuple(_origin(text) for text in texts)


def secure_server(text: str) -> str:
    origin = _origin(text)
    return str(require(origin, met=origin.startswith("https://")))


def _host_pattern(text: str) -> str:
    rest, colon, port = text.partition(":")
    wildcard = "*." if rest.startswith("*.") else ""
    name = host_name(rest.removeprefix(wildcard))
    fits = not colon or (port.isdecimal() and port.isascii() and 0 < int(port) < 65536)
    return wildcard + name + str(require(colon + port, met=fits))


def host_patterns(texts: list[str]) -> tuple[str, ...]:
    return tuple(_host_pattern(text) for text in texts)


def mail_address(text: str) -> str:
    address_ = text.removeprefix("mailto:")
    name, _, domain = address_.rpartition("@")
    fits = 0 < len(name) <= 64 and name.isascii() and name.isprintable() and " " not in name
    return f"mailto:{require(name, met=fits)}@{host_name(domain)}"


def apple_id(text: str) -> str:
    return str(require(text, met=len(text) == 10 and _APPLE_CHARACTERS.issuperset(text)))


def bundle_ids(texts: list[str]) -> tuple[str, ...]:
    return tuple(
        require(text, met=0 < len(text) <= 155 and _BUNDLE_CHARACTERS.issuperset(text))
        for text in texts
    )


def redis_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return str(require(url, met=len(parts.path) > 1 and "\0" not in url))
    # Reading the port is what checks it.
    named = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
    number = parts.path.removeprefix("/")
    return str(require(url, met=named and (not number or number.isdecimal())))


def udp_url(text: str) -> str:
    """`udp://ADDRESS:PORT`: an address, since nobody looks a name up while calls run."""
    parts = urlsplit(text)
    bare = parts.scheme == "udp" and not (parts.path or parts.query or "@" in parts.netloc)
    address(require(parts.hostname or "", met=bare and bool(parts.port)))
    return text


def udp_urls(texts: list[str]) -> tuple[str, ...]:
    return tuple(map(udp_url, require(texts, met=len(texts) <= 64)))


def numbers(texts: list[str]) -> tuple[str, ...]:
    return tuple(
        require(text, met=2 <= len(text) <= 6 and text.isascii() and text.isdigit())
        for text in texts
    )


def secret(text: str) -> str:
    return str(require(text, met=len(text) >= 32 and text.isascii() and text.isprintable()))


def secrets(texts: list[str]) -> tuple[str, ...]:
    return tuple(secret(text) for text in texts)


def _ice_url(text: str) -> str:
    scheme, _, rest = text.partition(":")
    where, question, option = rest.partition("?")
    # Only to take host and port apart: the URL itself has no slashes.
    parts = urlsplit(f"//{where}")
    bare = not (parts.path or parts.fragment or "@" in parts.netloc or where.endswith(":"))
    plain = text.isascii() and text.isprintable() and " " not in text
    known = scheme in ("stun", "turn", "turns")
    # RFC 7065, section 3.1; a stun: URL has no options.
    served = not question or (scheme != "stun" and option in ("transport=udp", "transport=tcp"))
    host(require(parts.hostname or "", met=plain and known and bare and served))
    return str(require(text, met=parts.port != 0))


def ice_urls(texts: list[str]) -> tuple[str, ...]:
    return tuple(_ice_url(text) for text in texts)


def database_url(url: str) -> str:
    if url.startswith(POSTGRESQL):
        parts = urlsplit(url)
        # Reading the port is what checks it.
        named = len(parts.path) > 1 and parts.port != 0
        return str(require(url, met=named))
    file = url.removeprefix(SQLITE)
    named = file.startswith(("/", "{data_dir}/")) and not file.endswith("/") and "\0" not in file
    return str(require(url, met=named and file != url))


def path(text: str) -> Path:
    return Path(require(text, met=bool(text) and "\0" not in text))
