"""The Via header: where the answer to a request goes (RFC 3261 18.2, RFC 3581)."""

import re
from typing import NamedTuple

from signaling.sip.flow import Flow
from signaling.sip.syntax import TOKEN, BadSip, number, parameter, without_parameters
from signaling.sip.uri import HOST

MAGIC_COOKIE = "z9hG4bK"

_HOP = re.compile(
    rf"[ \t]*[Ss][Ii][Pp][ \t]*/[ \t]*2\.0[ \t]*/[ \t]*({TOKEN})[ \t]+"
    rf"({HOST})[ \t]*(?::[ \t]*([0-9]+)[ \t]*)?"
)


class Via(NamedTuple):
    """One hop of the way back (RFC 3261 20.42)."""

    transport: str
    host: str
    port: int | None
    parameters: str

    @classmethod
    def parse(cls, text: str) -> "Via":
        """Raises BadSip; blanks around the slashes and colons are legal."""
        sent, semicolon, parameters = text.partition(";")
        hop = _HOP.fullmatch(sent)
        if hop is None:
            raise BadSip("malformed Via")
        transport, host, port = hop.groups()
        whole = number(port, "port", maximum=65_535) if port else None
        return tuple.__new__(cls, (transport.upper(), host.lower(), whole, semicolon + parameters))

    def parameter(self, name: str) -> str | None:
        """The value of a parameter: empty for a flag, None when absent."""
        return parameter(self.parameters, name) if self.parameters else None

    @property
    def branch(self) -> str:
        """The transaction's name; empty when a pre-RFC 3261 sender gave none."""
        return self.parameter("branch") or ""

    @property
    def sent_by(self) -> str:
        """Host and port as the sender believes them to be, the default port written out."""
        return f"{self.host}:{5060 if self.port is None else self.port}"

    def seen_from(self, flow: Flow) -> "Via":
        """The same hop with what we saw of its source, in place of what it claimed (RFC 3581 4)."""
        parameters = self.parameters
        if self.parameter("received") is not None:
            parameters = without_parameters(parameters, "received")
        wants_port = self.parameter("rport") is not None
        if wants_port:
            parameters = f"{without_parameters(parameters, 'rport')};rport={flow.port}"
        if wants_port or self.host.strip("[]") != flow.host:
            parameters += f";received={flow.host}"
        return Via(self.transport, self.host, self.port, parameters)

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{self.parameters}"
