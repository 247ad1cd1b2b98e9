"""Makes the legs of an engine: where each listens, what it is called, and with which keys."""

import ipaddress
import secrets
from collections.abc import Callable

from aiortc import RTCCertificate

from media import negotiate, sdp
from media.addresses import address_facing, family_of, host_addresses, public_address
from media.dtls_rtp import fingerprint_of
from media.engine import Failed, MediaEvent, Profile, Security
from media.fast_path import Reader, Wire
from media.keying import Secrecy
from media.packet import Outgoing
from media.ports import PortPool
from media.rtp_leg import RtpLeg
from media.rtp_shield import Shield
from media.settings import MediaSettings
from media.side import BUFFER_SIZE, Side
from media.webrtc_leg import WebrtcLeg
from signaling.shared.errors import MediaError

_ANY_HOST = ("auto", "0.0.0.0", "::")


class LegMaker:
    """What the legs of one engine share: its settings, certificate, CNAME and packet buffer."""

    def __init__(
        self, settings: MediaSettings, pool: PortPool, emit: Callable[[MediaEvent], None]
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._emit = emit
        self._trusted = tuple(map(ipaddress.ip_network, settings.trusted_networks))
        self._certificate = RTCCertificate.generateCertificate()
        self._fingerprint = fingerprint_of(self._certificate)
        self._cname = secrets.token_hex(8)
        self._buffer = bytearray(BUFFER_SIZE)
        self._reader = Reader(self._buffer)

    def make(
        self,
        leg: str,
        profile: Profile,
        offer: sdp.Description | None,
        peer: str | None,
        security: Security,
    ) -> RtpLeg | WebrtcLeg:
        """A leg that is not open yet; without an `offer` of its peer, the offer will be ours.

        `peer` is the host that signals for an RTP leg. MediaError when no address of ours is of
        the peer's family.
        """
        if profile is Profile.RTP:
            return self._make_rtp(leg, offer, peer, security)
        return WebrtcLeg(
            *self._make_side(leg),
            self._reader,
            self._emit,
            self._pool,
            self._certificate,
            self._browser_addresses(),
            advertised=self._settings.advertised_address,
            cname=self._cname,
            connect_seconds=self._settings.connect_seconds,
            offers=offer is None,
            loopback=self._settings.loopback,
        )

    def _make_rtp(
        self, leg: str, offer: sdp.Description | None, peer: str | None, security: Security
    ) -> RtpLeg:
        address = self._phone_address(
            sdp.reachable_address(peer or ""),
            negotiate.rtp_remote(offer).host if offer is not None else None,
        )
        return RtpLeg(
            *self._make_side(leg),
            self._reader,
            self._pool,
            address,
            advertised=public_address(address, self._settings.advertised_address),
            cname=self._cname,
            trusted=self._trusted,
            secrecy=Secrecy(security, self._fingerprint, secrets.token_bytes),
            make_shield=lambda records: Shield(
                self._buffer,
                self._certificate,
                records,
                lambda detail: self._emit(Failed(leg, detail)),
                seconds=self._settings.connect_seconds,
            ),
        )

    def _phone_address(self, signals: str | None, described: str | None) -> str:
        host = self._settings.host
        if host in _ANY_HOST:
            return address_facing(signals, described) or self._browser_addresses()[0]
        families = {family_of(each) for each in (signals, described) if each is not None}
        if families and family_of(host) not in families:
            raise MediaError("media.host is not of the phone's family of addresses; use auto")
        return host

    def _browser_addresses(self) -> list[str]:
        if self._settings.host in _ANY_HOST:
            return host_addresses(loopback=self._settings.loopback)
        return [self._settings.host]

    def _make_side(self, leg: str) -> tuple[Side, Wire]:
        stream = Outgoing(
            source=secrets.randbits(32),
            # Half the range, so that it cannot wrap before SRTP has counted (RFC 3711, 3.3.1).
            sequence=secrets.randbits(15),
            timestamp=secrets.randbits(32),
        )
        wire = Wire(self._buffer)
        side = Side(leg, stream, self._buffer, wire.send, self._emit)
        side.wire, wire.side = wire, side
        return side, wire
