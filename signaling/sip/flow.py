"""The remote side of a transport: where a message came from and where its answer goes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flow:
    """One remote transport address; `transport` is `udp`, `tcp`, `tls`, `ws` or `wss`."""

    transport: str
    host: str
    port: int

    @property
    def reliable(self) -> bool:
        """Whether the transport itself repeats what is lost."""
        return self.transport != "udp"


def bracketed(host: str) -> str:
    """The host as URIs and Via headers spell it: IPv6 addresses stand in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
