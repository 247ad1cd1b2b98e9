"""SIP URIs and the name-addr form of headers (RFC 3261 19.1, 20.10)."""

import re
from typing import NamedTuple
from urllib.parse import unquote as percent_decoded

from signaling.sip.syntax import (
    QUOTED,
    BadSip,
    is_token,
    number,
    parameter,
    quote,
    unquote,
)

HOST = r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]"

# Inside a character class: what no URI holds.
_NEVER = r'\x00-\x20"<>\\^`{|}\x7f'
_ALLOWED = re.compile(rf"[^{_NEVER}]+")
# Every part of these excludes what ends it, so that a match is one pass.
_SIP = re.compile(
    rf"([Ss][Ii][Pp][Ss]?):(?:([^{_NEVER}@]+)@)?({HOST})(?::([0-9]+))?"
    rf"(;[^{_NEVER}@?]+)?;?(\?[^{_NEVER}@]+)?\??"
)
_ADDRESS = re.compile(rf'(?:({QUOTED})[ \t]*|([^"<,;]*))<([^>]*)>[ \t]*(;.*)?', re.DOTALL)
# Control characters behind percent signs would come out when the user is decoded.
_HIDDEN = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff])")
# These differ even when only one of the two URIs names them (RFC 3261 19.1.4).
_DECISIVE = ("transport", "user", "ttl", "method", "maddr")


class Uri(NamedTuple):
    """A URI whose parameters and headers stay as they came.

    `user` is as written, with a password if there is one; `host` is in lower case, IPv6 in
    brackets; `parameters` is empty or begins with `;`, `headers` is empty or begins with `?`.
    Of a URI that is neither sip nor sips (tel), `user` is all before the parameters.
    """

    scheme: str
    user: str | None
    host: str
    port: int | None = None
    parameters: str = ""
    headers: str = ""

    @classmethod
    def parse(cls, text: str) -> "Uri":
        """Raises BadSip for anything that is no URI."""
        sip = _SIP.fullmatch(text)
        if sip is None:
            return cls._opaque(text)
        scheme, user, host, port, parameters, headers = sip.groups()
        if user and _HIDDEN.search(user):
            raise BadSip("malformed URI")
        whole = number(port, "port", maximum=65_535) if port else None
        parts = (scheme.lower(), user, host.lower(), whole, parameters or "", headers or "")
        # All that the constructor of a NamedTuple does, in half its time; so below and in Via.
        return tuple.__new__(cls, parts)

    @classmethod
    def _opaque(cls, text: str) -> "Uri":
        scheme, _, rest = text.partition(":")
        scheme = scheme.lower()
        if (
            not rest
            or scheme in ("sip", "sips")
            or not is_token(scheme)
            or not _ALLOWED.fullmatch(text)
        ):
            raise BadSip("malformed URI")
        opaque, _, parameters = rest.partition(";")
        return cls(scheme, opaque, "", parameters=f";{parameters}" if parameters else "")

    def parameter(self, name: str) -> str | None:
        """The value of a URI parameter: empty for a flag, None when absent."""
        return parameter(self.parameters, name) if self.parameters else None

    @property
    def username(self) -> str:
        """The user without password and percent signs; empty when there is none."""
        return percent_decoded((self.user or "").partition(":")[0])

    def matches(self, other: "Uri") -> bool:
        """Whether both lead to the same place (RFC 3261 19.1.4)."""
        if (self.scheme, self.host, self.port) != (other.scheme, other.host, other.port):
            return False
        if percent_decoded(self.user or "") != percent_decoded(other.user or ""):
            return False
        return _compatible(self.parameters, other.parameters) and (
            self.headers.lower() == other.headers.lower()
        )

    def __str__(self) -> str:
        user = "" if self.user is None else f"{self.user}@" if self.host else self.user
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}:{user}{self.host}{port}{self.parameters}{self.headers}"


def _compatible(mine: str, theirs: str) -> bool:
    if mine == theirs:
        return True
    here, there = _as_dict(mine), _as_dict(theirs)
    if any(here.get(name) != there.get(name) for name in _DECISIVE):
        return False
    return all(here[name] == there[name] for name in here.keys() & there.keys())


def _as_dict(parameters: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in parameters.split(";") if part)
    return {name.lower(): percent_decoded(value).lower() for name, _, value in pairs}


def request_target(uri: Uri) -> str:
    """The URI as a Request-URI, which takes no headers (RFC 3261 19.1.1)."""
    return str(uri).removesuffix(uri.headers)


def address_of_record(uri: Uri) -> str:
    """`sip:user@domain`: what a registrar files a URI under (RFC 3261 10.3, step 5)."""
    return f"sip:{uri.username}@{uri.host}"


class NameAddr(NamedTuple):
    """An address of From, To, Contact or Route; `parameters` are the header's, as they came."""

    uri: Uri
    display_name: str = ""
    parameters: str = ""

    @classmethod
    def parse(cls, text: str) -> "NameAddr":
        """Raises BadSip; a display name can never be taken for the address."""
        text = text.strip()
        if "<" not in text:
            # Without brackets every parameter is the header's, not the URI's (RFC 3261 20.10).
            uri, semicolon, parameters = text.partition(";")
            if "?" in uri:
                raise BadSip("an address with headers stands in no brackets")
            return cls(Uri.parse(uri.rstrip()), "", semicolon + parameters)
        address = _ADDRESS.fullmatch(text)
        if address is None:
            raise BadSip("malformed address")
        quoted, name, uri, parameters = address.groups()
        shown = unquote(quoted) if quoted else name.strip()
        return tuple.__new__(cls, (Uri.parse(uri.strip()), shown, parameters or ""))

    def parameter(self, name: str) -> str | None:
        """The value of a header parameter: unquoted, empty for a flag, None when absent."""
        return parameter(self.parameters, name) if self.parameters else None

    def __str__(self) -> str:
        name = f"{quote(self.display_name)} " if self.display_name else ""
        return f"{name}<{self.uri}>{self.parameters}"
