"""SIP URIs and the name-addr form of headers (RFC 3261 19.1, 20.10)."""

import re
from dataclasses import dataclass
from urllib.parse import unquote as percent_decoded

from signaling.sip.syntax import (
    BadSip,
    end_of_angled,
    end_of_quoted,
    is_token,
    number,
    parameter,
    quote,
    unquote,
)

_ALLOWED = re.compile(r'[^\x00-\x20"<>\\^`{|}\x7f]+')
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
# What nearly every URI looks like: one match takes it apart, with the result of the long way.
_PLAIN = re.compile(
    r"(sips?):(?:([A-Za-z0-9_.+-]+)@)?([A-Za-z0-9._-]+)(?::([0-9]{1,4}))?"
    r"(;[^\x00-\x20\"<>\\^`{|}\x7f?@]+)?"
)
# The same of an address; its parts exclude what ends them, so a match is one pass.
_PLAIN_ADDRESS = re.compile(r'(?:"([^"\\]*)"[ \t]*|([^"<>,;:]*))<([^<>"\s]+)>')
# Control characters behind percent signs would come out when the user is decoded.
_HIDDEN = re.compile(r"%(?:[01][0-9A-Fa-f]|7[Ff])")
# These differ even when only one of the two URIs names them (RFC 3261 19.1.4).
_DECISIVE = ("transport", "user", "ttl", "method", "maddr")


@dataclass(frozen=True, slots=True)
class Uri:
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
        plain = _PLAIN.fullmatch(text)
        if plain is None:
            return cls._parse(text)
        scheme, user, host, port, parameters = plain.groups()
        return cls(scheme, user, host.lower(), int(port) if port else None, parameters or "")

    @classmethod
    def _parse(cls, text: str) -> "Uri":
        scheme, colon, rest = text.partition(":")
        if not colon or not rest or not is_token(scheme) or not _ALLOWED.fullmatch(text):
            raise BadSip("malformed URI")
        scheme = scheme.lower()
        if scheme not in ("sip", "sips"):
            opaque, _, parameters = rest.partition(";")
            return cls(scheme, opaque, "", parameters=f";{parameters}" if parameters else "")
        user, at, address = rest.rpartition("@")
        if "@" in user or (at and not user) or _HIDDEN.search(user):
            raise BadSip("malformed URI")
        address, question, headers = address.partition("?")
        address, semicolon, parameters = address.partition(";")
        host, port = parse_host_port(address)
        return cls(
            scheme,
            user if at else None,
            host,
            port,
            semicolon + parameters if parameters else "",
            question + headers if headers else "",
        )

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


def parse_host_port(text: str) -> tuple[str, int | None]:
    """`host`, `host:port` or `[v6]:port`; the host in lower case."""
    host = _HOST.match(text)
    if host is None:
        raise BadSip("malformed host")
    rest = text[host.end() :].strip()
    if not rest:
        return host[0].lower(), None
    if not rest.startswith(":"):
        raise BadSip("malformed host")
    return host[0].lower(), number(rest[1:].strip(), "port", maximum=65_535)


def _parameters(rest: str) -> str:
    """What follows the closing bracket of an address."""
    parameters = rest.strip()
    if parameters and not parameters.startswith(";"):
        raise BadSip("malformed address")
    return parameters


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


def address_of_record(uri: Uri) -> str:
    """`sip:user@domain`: what a registrar files a URI under (RFC 3261 10.3, step 5)."""
    return f"sip:{uri.username}@{uri.host}"


@dataclass(frozen=True, slots=True)
class NameAddr:
    """An address of From, To, Contact or Route; `parameters` are the header's, as they came."""

    uri: Uri
    display_name: str = ""
    parameters: str = ""

    @classmethod
    def parse(cls, text: str) -> "NameAddr":
        """Raises BadSip; a display name can never be taken for the address."""
        text = text.strip()
        if "<" not in text and '"' not in text:
            return cls._bare(text)
        plain = _PLAIN_ADDRESS.match(text)
        if plain is None:
            return cls._parse(text)
        quoted, name, uri = plain.groups()
        shown = name.strip() if quoted is None else quoted
        return cls(Uri.parse(uri), shown, _parameters(text[plain.end() :]))

    @classmethod
    def _parse(cls, text: str) -> "NameAddr":
        if text.startswith('"'):
            end = end_of_quoted(text, 0)
            name, rest = unquote(text[:end]), text[end:].lstrip()
        elif "<" in text:
            opening = text.index("<")
            name, rest = text[:opening].strip(), text[opening:]
            if '"' in name or "," in name or ";" in name:
                raise BadSip("malformed display name")
        else:
            return cls._bare(text)
        if not rest.startswith("<"):
            raise BadSip("malformed address")
        end = end_of_angled(rest, 0)
        return cls(Uri.parse(rest[1 : end - 1].strip()), name, _parameters(rest[end:]))

    @classmethod
    def _bare(cls, text: str) -> "NameAddr":
        # Without brackets every parameter is the header's, not the URI's (RFC 3261 20.10).
        address, semicolon, parameters = text.partition(";")
        return cls(Uri.parse(address.strip()), "", semicolon + parameters)

    def parameter(self, name: str) -> str | None:
        """The value of a header parameter: unquoted, empty for a flag, None when absent."""
        return parameter(self.parameters, name) if self.parameters else None

    def __str__(self) -> str:
        name = f"{quote(self.display_name)} " if self.display_name else ""
        return f"{name}<{self.uri}>{self.parameters}"
