"""How an RTP leg's packets are protected just now: not at all, by SDES keys, or by DTLS."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiortc import RTCCertificate

from media.dtls_rtp import DtlsRtp
from media.keying import Dtls, Keying, Plain, Sdes
from media.srtp import Contexts

log = logging.getLogger(__name__)

Address = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Records:
    """How a shield's records travel, by its leg; `control` stands for RTCP's port."""

    write: Callable[[bytes, Address | None, bool], None]
    """Send a record to an address, or to where the peer is thought to be."""
    proven: Callable[[Address, bool], None]
    """The peer itself, by its certificate, is at this address."""


class Shield:
    """Follows what the leg's descriptions agree on; `contexts` are None for plain RTP."""

    def __init__(
        self,
        buffer: bytearray,
        certificate: RTCCertificate,
        records: Records,
        failed: Callable[[str], None],
        *,
        seconds: float,
    ) -> None:
        """`failed` is told why there will be no keys; `seconds` bound a handshake."""
        self.contexts: Contexts | None = None
        self._made = Contexts(buffer)
        self._certificate = certificate
        self._records = records
        self._failed = failed
        self._seconds = seconds
        self._dtls: DtlsRtp | None = None
        # Where the records of each port came from first: the peer of the handshake.
        self._peers: dict[bool, Address] = {}
        self._shaking: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def can_send(self) -> bool:
        return self.contexts is None or self._dtls is None or self._dtls.media_up

    @property
    def task_count(self) -> int:
        shaking = self._shaking is not None and not self._shaking.done()
        return int(shaking) + len(self._closing)

    def agree(self, keying: Keying, *, rtcp_mux: bool) -> None:
        """Protect packets so from now on; what is agreed on already goes on as it is."""
        match keying:
            case Plain():
                self.contexts = None
            case Sdes():
                self.contexts = self._made
                self._made.use(keying.ours, keying.theirs)
            case Dtls():
                self.contexts = self._made
                if self._dtls is None or not self._dtls.serves(keying, rtcp_mux=rtcp_mux):
                    self._retire()
                    self._begin(keying, rtcp_mux=rtcp_mux)

    def hear_record(self, record: bytes, address: Address, *, control: bool) -> bool:
        """Take a DTLS record; False when nobody waits for one from there."""
        if self._dtls is None or self._peers.setdefault(control, address) != address:
            return False
        self._dtls.hear(record, control=control)
        return True

    async def close(self) -> None:
        """End the handshake, or say goodbye."""
        self._retire()
        if self._closing:
            await asyncio.wait(self._closing)

    def _begin(self, keying: Dtls, *, rtcp_mux: bool) -> None:
        def send(record: bytes, control: bool) -> None:
            self._records.write(record, self._peers.get(control), control)

        self._peers.clear()
        self._dtls = DtlsRtp(self._certificate, keying, send, rtcp_mux=rtcp_mux)
        self._shaking = asyncio.create_task(self._shake_hands(self._dtls))

    async def _shake_hands(self, dtls: DtlsRtp) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await dtls.shake_hands(self._made, self._up)
        except TimeoutError:
            if not dtls.media_up:
                self._failed(f"no DTLS handshake with the phone within {self._seconds:g} s")
        except Exception:
            # Whatever the peer made the libraries do, it is this leg that fails, and only it.
            log.exception("a DTLS handshake with a phone broke")
            self._failed("the DTLS handshake with the phone failed on our side")
        else:
            if not dtls.media_up:
                self._failed(
                    "the DTLS handshake with the phone failed: another certificate than its"
                    " description names, or no SRTP profile that both have"
                )

    def _up(self, control: bool) -> None:
        if control in self._peers:
            self._records.proven(self._peers[control], control)

    def _retire(self) -> None:
        """Let an association go that a new one follows, or that the leg's end ends."""
        dtls, self._dtls = self._dtls, None
        if dtls is not None:
            closing = asyncio.create_task(_close(self._shaking, dtls))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        self._shaking = None


async def _close(shaking: asyncio.Task[None] | None, dtls: DtlsRtp) -> None:
    if shaking is not None:
        shaking.cancel()
        await asyncio.wait([shaking])
    await dtls.close()
