"""Which source on an open port is a peer's, and where ours may be sent (RFC 7362)."""

import ipaddress
from collections.abc import Iterable
from typing import Any

Address = tuple[Any, ...]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Latch:
    """The far end of a stream: where its peer says it is, until it is heard from where it is.

    A description can name anybody's address, so nothing is sent to one other than the host that
    signals, or one that the operator trusts, before a packet came from it: else two lines of SDP
    would turn our audio on a stranger. Whoever is heard first from one of the two hosts is the
    peer. A host can be a NAT with many behind it: once speech came from one of its ports, another
    port is the peer's only after a silence and with the stream's own SSRC, which a neighbour
    does not know.
    """

    __slots__ = ("address", "target", "_described", "_hosts", "_trusted")

    def __init__(self, trusted: Iterable[Network] = ()) -> None:
        # The only address that is listened to, once there is one; and where we send to.
        self.address: Address | None = None
        self.target: Address | None = None
        self._described: Address | None = None
        self._hosts: frozenset[str] = frozenset()
        self._trusted = tuple(trusted)

    def aim(self, host: str | None, port: int, signals: str | None) -> None:
        """Begin anew with the address of a description; `signals` is the host that sent it.

        Without a host of its own it is the one that signals; without one that signals, as in
        tests of engines, the description is all that is known.
        """
        described = host or signals
        self.address = self.target = None
        self._hosts = frozenset(each for each in (host, signals) if each is not None)
        self._described = (described, port) if described is not None and port else None
        if described is not None and self._may_hear(described, signals):
            self.target = self._described

    def may_be(self, addr: Address) -> bool:
        """Whether the peer could be there, by its host alone."""
        return addr[0] in self._hosts

    def prove(self, addr: Address) -> None:
        """The peer is there, whatever was known before: it has shown its certificate."""
        self.address = self.target = addr

    def admit(self, addr: Address, *, silent: bool, spoke: bool, same: bool) -> bool:
        """Take the sender of a proper packet for the peer, if it may be.

        Of the address taken so far: `silent`, nothing came for a while; `spoke`, speech came, not
        just a packet or two; `same`, its last packet had the SSRC of this one.
        """
        if not self.may_be(addr):
            return False
        if self.address is not None:
            described = addr[:2] == self._described
            moved = silent and (same or described) if spoke else silent or described
            if not moved:
                return False
        self.address = self.target = addr
        return True

    def _may_hear(self, host: str, signals: str | None) -> bool:
        if signals is None or host == signals:
            return True
        address = ipaddress.ip_address(host)
        return any(address in network for network in self._trusted)
