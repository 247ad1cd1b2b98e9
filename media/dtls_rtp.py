"""DTLS-SRTP on the ports of an RTP leg (RFC 5764): the handshakes that give it its keys."""

import asyncio
from collections.abc import Callable

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters

from media import aiortc_hooks as hooks
from media.keying import Dtls
from media.srtp import Contexts, Heard, InPlace, refuse

# Sends a record to the peer from RTP's port, or from RTCP's when told so.
SendRecord = Callable[[bytes, bool], None]


def is_dtls(first_byte: int) -> bool:
    """Whether a packet on a shared port is DTLS (RFC 7983)."""
    return 20 <= first_byte <= 63


def fingerprint_of(certificate: RTCCertificate) -> str:
    """Its SHA-256, as a=fingerprint prints it."""
    prints = certificate.getFingerprints()
    return next(each.value for each in prints if each.algorithm == "sha-256")


class DtlsRtp:
    """The associations of one agreement: one for all, or one for RTP and one for RTCP.

    RTCP on a port of its own has keys of its own (RFC 5764, section 4.1.2); a peer that never
    makes them is heard all the same, and has no reports.
    """

    def __init__(
        self, certificate: RTCCertificate, agreed: Dtls, send: SendRecord, *, rtcp_mux: bool
    ) -> None:
        self._agreed = agreed
        self._rtcp_mux = rtcp_mux
        self._paths = [hooks.DatagramPath(lambda record: send(record, False))]
        if not rtcp_mux:
            self._paths.append(hooks.DatagramPath(lambda record: send(record, True)))
        self._transports = [
            hooks.dtls_over(path, certificate, client=agreed.client) for path in self._paths
        ]

    def serves(self, agreed: Dtls, *, rtcp_mux: bool) -> bool:
        """Whether an agreement comes to these very associations (RFC 5763, section 6.6)."""
        mine = self._agreed
        same = (agreed.fingerprints, agreed.client) == (mine.fingerprints, mine.client)
        return same and rtcp_mux == self._rtcp_mux

    def hear(self, record: bytes, *, control: bool) -> None:
        """Take a record of the peer that came to RTP's port, or to RTCP's."""
        self._paths[-1 if control else 0].put(record)

    async def shake_hands(self, contexts: Contexts, up: Callable[[bool], None]) -> None:
        """Give `contexts` the keys of each association and tell `up`, as RTP's or as RTCP's.

        Returns when all that the peer wants are made; `media_up` says whether RTP's is.
        """
        await asyncio.gather(
            *(self._shake(index, contexts, up) for index in range(len(self._transports)))
        )

    @property
    def media_up(self) -> bool:
        return self._transports[0].state == "connected"

    async def close(self) -> None:
        """Say goodbye to the peer."""
        for transport in self._transports:
            await transport.stop()

    async def _shake(self, index: int, contexts: Contexts, up: Callable[[bool], None]) -> None:
        prints = [RTCDtlsFingerprint(*pair) for pair in self._agreed.fingerprints]
        await self._transports[index].start(RTCDtlsParameters(prints))
        if self._transports[index].state == "connected":
            self._give_keys(contexts)
            up(index > 0)

    def _give_keys(self, contexts: Contexts) -> None:
        """Whichever association was first: what the other one is for passes nothing yet."""
        protect: InPlace = refuse
        opened: InPlace = refuse
        protect_control: InPlace = refuse
        opened_control: InPlace = refuse
        if self.media_up:
            sending, hearing = hooks.dtls_contexts(self._transports[0], contexts.buffer)
            protect, opened = sending.media, hearing.media
        if self._transports[-1].state == "connected":
            sending, hearing = hooks.dtls_contexts(self._transports[-1], contexts.buffer)
            protect_control, opened_control = sending.control, hearing.control
        contexts.send_by(protect, protect_control)
        contexts.hear_by(Heard(self, opened, opened_control))
