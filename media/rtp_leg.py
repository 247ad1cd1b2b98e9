"""A leg of plain RTP: a port pair, symmetric, that hears its own peer only."""

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

from media import rtcp
from media.addresses import bind_udp
from media.descriptions import RtpLocal
from media.dtls_rtp import is_dtls
from media.fast_path import Reader, Wire
from media.keying import Keying, Secrecy
from media.latch import Latch, Network
from media.negotiate import RtpRemote
from media.packet import MAX_PACKET, is_rtcp, payload_offset
from media.ports import PortPool
from media.rtp_shield import Records, Shield
from media.sdp import reachable_address
from media.side import Side
from media.srtp import Contexts

Address = tuple[Any, ...]

MOVED_SECONDS = 2.0
"""How long the peer's address must be silent before another port of its host counts as its."""
REPORTS_MOVED_SECONDS = 15.0
"""The same for RTCP, of which a packet comes every 5 s (RFC 3550, section 6.2)."""
SPEECH_PACKETS = 10
"""An address that sent so many is the peer's; fewer may have been somebody's try."""


class RtpLeg:
    """Symmetric RTP (RFC 4961) with a source check, its rules in media/latch.py.

    A phone behind NAT describes an address that is not its own: the first proper packet from
    there, or from the host that signals for it, fixes where it is.
    """

    def __init__(
        self,
        side: Side,
        wire: Wire,
        reader: Reader,
        pool: PortPool,
        address: str,
        *,
        advertised: str,
        cname: str,
        secrecy: Secrecy,
        make_shield: Callable[[Records], Shield],
        trusted: tuple[Network, ...] = (),
    ) -> None:
        """`trusted`: where we may send to before we hear from there."""
        self.side = side
        self.secrecy = secrecy
        self._wire = wire
        self._reader = reader
        self._shield = make_shield(Records(self._write_record, self._proven))
        self._view = memoryview(self.side.buffer)
        self._pool = pool
        self._address = address
        self._advertised = advertised
        self._cname = cname
        self._port: int | None = None
        self._sockets: tuple[socket.socket, ...] = ()
        self._remote: RtpRemote | None = None
        self._latch = Latch(trusted)
        self._rtcp_latch = Latch(trusted)
        # What of the latch each packet needs.
        self._latched: Address | None = None
        # How many packets came from the ports before this one.
        self._heard_before = 0
        self._last_report = b""
        self._reported_at = 0.0
        self._closed = False

    @property
    def local(self) -> RtpLocal:
        """Our end, as it goes into descriptions."""
        return self.secrecy.local(self._advertised, self._port or 0)

    @property
    def can_send(self) -> bool:
        return self._wire.is_aimed and self._shield.can_send

    @property
    def socket_count(self) -> int:
        return len(self._sockets)

    @property
    def task_count(self) -> int:
        return self._shield.task_count

    def open(self) -> None:
        """Take a port pair and listen on it."""
        self._port, self._sockets = self._pool.take(self._bind_pair, time.monotonic())
        media, control = self._sockets
        self._reader.add(media, self._received, self._wire)
        self._reader.add(control, self._received_rtcp)

    def reach(self, remote: RtpRemote, peer: str | None) -> None:
        """Send to the peer of a description; `peer` is the host that signals for it.

        A repeat of the same description changes nothing; another one makes us listen anew.
        """
        if remote == self._remote:
            return
        self._remote = remote
        signals = reachable_address(peer) if peer is not None else None
        rtcp_port = remote.port if remote.rtcp_mux else remote.rtcp_port
        self._latch.aim(remote.host, remote.port, signals)
        self._rtcp_latch.aim(remote.host, rtcp_port, signals)
        self._follow()

    def protect(self, keying: Keying) -> None:
        """Keep the sound secret as was agreed with the peer that is reached now."""
        self.secrecy.agree(keying)
        self._shield.agree(keying, rtcp_mux=self._is_muxed)
        self._wire.keys = self._shield.contexts

    def report(self) -> bool:
        """Send the peer our report; False once the leg is closed."""
        if self._rtcp_latch.target is not None:
            self._send_control(self.side.report(self._cname))
        return not self._closed

    async def close(self) -> None:
        """Say goodbye, close both sockets and let the ports rest."""
        self._send_control(rtcp.goodbye(self.side.stream.source, self._cname))
        self._closed = True
        self.side.close()
        await self._shield.close()
        self._wire.close()
        sockets, self._sockets = self._sockets, ()
        for sock in sockets:
            self._reader.remove(sock)
            sock.close()
        if self._port is not None:
            self._pool.give_back(self._port, time.monotonic())
            self._port = None

    @property
    def _is_muxed(self) -> bool:
        return self._remote is not None and self._remote.rtcp_mux

    def _bind_pair(self, port: int) -> tuple[socket.socket, ...]:
        media = bind_udp(self._address, port)
        try:
            return media, bind_udp(self._address, port + 1)
        except OSError:
            media.close()
            raise

    def _received(self, data: bytes, addr: Address) -> None:
        if self._shield.contexts is not None:
            if not self._open(self._shield.contexts, data, addr):
                self.side.drop()
            return
        length = len(data)
        control = length > 1 and is_rtcp(data[1])
        if length > MAX_PACKET or not (control or payload_offset(data, length)):
            self.side.drop()
        elif addr != self._latched and not self._admit(data, addr):
            self.side.drop()
        elif control:
            self.side.hear_reports(data)
        else:
            self._wire.last_source = _source_of(data)
            self.side.buffer[:length] = data
            self.side.take(length)

    def _open(self, contexts: Contexts, data: bytes, addr: Address) -> bool:
        """Take a protected packet, or a record of a handshake; False for what is neither.

        Only what the peer's key opens can latch.
        """
        if not 1 < len(data) <= MAX_PACKET or not self._latch.may_be(addr):
            return False
        if is_dtls(data[0]):
            return self._shield.hear_record(data, addr, control=False)
        control = is_rtcp(data[1])
        size = contexts.unprotect_control(data) if control else contexts.unprotect(data)
        if not size or (addr != self._latched and not self._admit(data, addr)):
            return False
        if control:
            self.side.hear_reports(bytes(self._view[:size]))
        elif payload_offset(self.side.buffer, size):
            self._wire.last_source = _source_of(data)
            self.side.take(size)
        else:
            return False
        return True

    def _admit(self, data: bytes, addr: Address) -> bool:
        if is_rtcp(data[1]) or not self.side.knows(data[1]):
            return False
        if not self._latch.admit(
            addr,
            silent=time.monotonic() >= self.side.heard_at + MOVED_SECONDS,
            spoke=self.side.heard >= self._heard_before + SPEECH_PACKETS,
            same=_source_of(data) == self._wire.last_source,
        ):
            return False
        self._heard_before = self.side.heard
        if self._is_muxed:
            self._rtcp_latch.target = addr
        self._follow()
        self.side.connected()
        return True

    def _follow(self) -> None:
        self._latched = self._latch.address
        if self._sockets:
            self._wire.hear(self._latched)
            self._wire.aim(self._sockets[0], self._latch.target)

    def _received_rtcp(self, data: bytes, addr: Address) -> None:
        if len(data) > MAX_PACKET or not self._rtcp_latch.may_be(addr):
            self.side.drop()
            return
        packet = self._open_control(data, addr)
        if not packet:
            return
        if not self._admit_reports(packet, addr):
            self.side.drop()
        elif self.side.hear_reports(packet):
            self._last_report, self._reported_at = packet, time.monotonic()

    def _open_control(self, data: bytes, addr: Address) -> bytes:
        """What a datagram on RTCP's port holds; nothing, if it is not the peer's or a record."""
        contexts = self._shield.contexts
        if contexts is None or not data:
            return data
        if is_dtls(data[0]):
            self._shield.hear_record(data, addr, control=True)
            return b""
        return bytes(self._view[: contexts.unprotect_control(data)])

    def _proven(self, addr: Address, control: bool) -> None:
        if control or self._is_muxed:
            self._rtcp_latch.prove(addr)
        if not control:
            self._latch.prove(addr)
            self._follow()
            self.side.connected()

    def _write_record(self, record: bytes, addr: Address | None, control: bool) -> None:
        """Send a part of a handshake; what is lost is sent again."""
        addr = addr or (self._rtcp_latch.target if control else self._latch.target)
        if addr is not None and self._sockets:
            with contextlib.suppress(OSError):
                self._sockets[1 if control else 0].sendto(record, addr)

    def _admit_reports(self, data: bytes, addr: Address) -> bool:
        """Reports come from where the speech does, and later ones from where the first did."""
        if self._latched is not None and addr[0] != self._latched[0]:
            return False
        if addr == self._rtcp_latch.address:
            return True
        return rtcp.read(data) is not None and self._rtcp_latch.admit(
            addr,
            silent=time.monotonic() >= self._reported_at + REPORTS_MOVED_SECONDS,
            spoke=True,
            same=data[4:8] == self._last_report[4:8],
        )

    def _send_control(self, packet: bytes) -> None:
        target = self._rtcp_latch.target
        if target is None or not self._sockets:
            return
        if self._shield.contexts is not None:
            self.side.buffer[: len(packet)] = packet
            packet = bytes(self._view[: self._shield.contexts.protect_control(len(packet))])
            if not packet:
                return
        try:
            self._sockets[0 if self._is_muxed else 1].sendto(packet, target)
        except OSError:
            # A courtesy: the next report tells the same, and signalling tells the end.
            return


def _source_of(packet: bytes) -> int:
    """The SSRC of an RTP packet."""
    return int.from_bytes(packet[8:12], "big")
