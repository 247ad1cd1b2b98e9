"""A leg to a browser: ICE and DTLS by aiortc, then RTP straight through libsrtp."""

import asyncio
import errno
import logging
import socket
import time
from collections.abc import Callable
from enum import Enum

from aiortc import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceTransport,
)

from media import aiortc_hooks as hooks
from media import rtcp
from media.addresses import bind_udp, public_address
from media.candidates import worth_trying
from media.descriptions import WebrtcLocal
from media.engine import Failed
from media.fast_path import Reader, Wire
from media.negotiate import MAX_CANDIDATES, WebrtcRemote
from media.packet import HEADER_SIZE, MAX_PACKET, is_rtcp, payload_offset
from media.ports import PortPool
from media.sdp import Candidate
from media.side import Side
from signaling.shared.errors import WrongState

log = logging.getLogger(__name__)

# RFC 8445, section 5.1.2.1: type preference of host candidates, and the place for our order.
_HOST_PREFERENCE = 126 << 24
_MOST_PREFERRED = 65535


class State(Enum):
    """How far the transport is.

    NEW -> CONNECTING -> UP -> FAILED; CONNECTING -> FAILED; each of them -> CLOSED.
    """

    NEW = "new"
    CONNECTING = "connecting"
    UP = "up"
    FAILED = "failed"
    CLOSED = "closed"


class WebrtcLeg:
    """ICE, DTLS and SRTP over one port, bound on every address that a browser may try."""

    def __init__(
        self,
        side: Side,
        wire: Wire,
        reader: Reader,
        emit: Callable[[Failed], None],
        pool: PortPool,
        certificate: RTCCertificate,
        addresses: list[str],
        *,
        advertised: str | None,
        cname: str,
        connect_seconds: float,
        offers: bool,
        loopback: bool,
    ) -> None:
        """`offers`: the first offer will be ours; `advertised`: the address behind 1:1 NAT;
        `loopback`: the browser may be on this machine."""
        self.side = side
        self._wire = wire
        self._reader = reader
        self._view = memoryview(self.side.buffer)
        self._emit = emit
        self._pool = pool
        self._addresses = addresses
        self._advertised = advertised
        self._cname = cname
        self._connect_seconds = connect_seconds
        self._loopback = loopback
        self._state = State.NEW
        self._port: int | None = None
        self._sockets: list[socket.socket] = []
        self._candidates: tuple[Candidate, ...] = ()
        self._taken_candidates = 0
        self._connecting: asyncio.Task[None] | None = None
        # No servers: aiortc's default would tell a stranger's STUN server about each call.
        self._gatherer = RTCIceGatherer(iceServers=[])
        # From the start, since the peer's checks may come before its answer does: with two
        # controlled sides the roles would change, and once more when the answer comes.
        hooks.set_controlling(self._gatherer, controlling=offers)
        self._paired = asyncio.Event()
        hooks.on_nominated(self._gatherer, self._paired.set)
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = RTCDtlsTransport(self._ice, [certificate])
        self._srtp: hooks.Srtp | None = None

    @property
    def local(self) -> WebrtcLocal:
        """Our end, as it goes into descriptions."""
        parameters = self._gatherer.getLocalParameters()
        fingerprints = self._dtls.getLocalParameters().fingerprints
        fingerprint = next(item.value for item in fingerprints if item.algorithm == "sha-256")
        return WebrtcLocal(
            ufrag=parameters.usernameFragment or "",
            password=parameters.password or "",
            fingerprint=fingerprint,
            candidates=self._candidates,
        )

    @property
    def can_send(self) -> bool:
        return self._state is State.UP

    @property
    def socket_count(self) -> int:
        return len(self._sockets)

    @property
    def task_count(self) -> int:
        return int(self._connecting is not None and not self._connecting.done())

    def open(self) -> None:
        """Take a port and listen on it at every address."""
        self._port, self._sockets = self._pool.take(self._bind_all, time.monotonic())
        made = [self._ice_socket(index, sock) for index, sock in enumerate(self._sockets)]
        for each in made:
            each.listen(self._reader, self._wire)
        hooks.set_gathered(self._gatherer, made)
        self._candidates = self._public_candidates()

    def reach(self, remote: WebrtcRemote) -> None:
        """Begin to connect to the peer."""
        if self._state is not State.NEW:
            raise WrongState("the leg has its answer already")
        self._set_state(State.CONNECTING)
        if remote.ice_lite:
            hooks.set_controlling(self._gatherer, controlling=True)
        hooks.set_dtls_client(self._dtls, client=not remote.dtls_client)
        self._connecting = asyncio.create_task(self._connect(remote))

    async def add_candidates(self, candidates: list[Candidate]) -> None:
        """Try more of the peer's addresses, up to a bound over the leg's life."""
        if self._state in (State.FAILED, State.CLOSED):
            return
        room = MAX_CANDIDATES - self._taken_candidates
        self._taken_candidates += len(candidates[:room])
        for candidate in worth_trying(candidates[:room], loopback=self._loopback):
            await self._ice.addRemoteCandidate(hooks.to_aiortc(candidate))

    def report(self) -> bool:
        """Send the browser our report; False once the leg is closed."""
        if self._state is State.UP:
            self._send_control(self.side.report(self._cname))
        return self._state is not State.CLOSED

    async def close(self) -> None:
        """Say goodbye, stop DTLS and ICE, close the sockets and let the port rest."""
        if self._state is State.UP:
            self._send_control(rtcp.goodbye(self.side.stream.source, self._cname))
        self._set_state(State.CLOSED)
        self.side.close()
        self._wire.close()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        await self._dtls.stop()
        await self._ice.stop()
        # What aioice was not given yet, when the opening failed.
        for sock in self._sockets:
            self._reader.remove(sock)
            sock.close()
        self._sockets = []
        if self._port is not None:
            self._pool.give_back(self._port, time.monotonic())
            self._port = None

    async def _connect(self, remote: WebrtcRemote) -> None:
        try:
            async with asyncio.timeout(self._connect_seconds), asyncio.TaskGroup() as group:
                await self.add_candidates(list(remote.candidates))
                group.create_task(self._connect_ice(remote))
                await self._paired.wait()
                if hooks.nominated(self._ice) is not None:
                    await self._connect_dtls(remote)
                self._come_up()
        except TimeoutError:
            self._fail(f"{self._missing()} within {self._connect_seconds:g} s")
        except Exception:
            # Whatever the peer made the libraries do, it is this leg that fails, and only it.
            log.exception("leg %s: connecting failed", self.side.leg)
            self._fail("connecting to the browser failed on our side")

    async def _connect_ice(self, remote: WebrtcRemote) -> None:
        # The end of candidates is never signalled to aioice: with names passed over it may have
        # no pair yet, would give up, and not wait for the peer's own checks.
        await self._ice.start(
            RTCIceParameters(
                usernameFragment=remote.ufrag, password=remote.password, iceLite=remote.ice_lite
            )
        )
        self._paired.set()

    def _come_up(self) -> None:
        if self._dtls.state != "connected":
            self._fail(self._missing())
            return
        self._srtp = self._wire.keys = hooks.Srtp(self._dtls, self.side.buffer)
        self._wire.hear_all()
        self._read_pair()
        self._set_state(State.UP)
        self.side.connected()

    async def _connect_dtls(self, remote: WebrtcRemote) -> None:
        self._dtls.on("statechange", self._dtls_changed)
        prints = [
            RTCDtlsFingerprint(algorithm=name, value=value) for name, value in remote.fingerprints
        ]
        await self._dtls.start(RTCDtlsParameters(fingerprints=prints))

    def _missing(self) -> str:
        if hooks.nominated(self._ice) is None:
            return "no address of the browser could be reached by ICE"
        return "the DTLS handshake with the browser did not succeed"

    def _dtls_changed(self) -> None:
        if self._state is State.UP and self._dtls.state in ("closed", "failed"):
            self._fail("the browser's transport ended, or answers no more")

    def _fail(self, detail: str) -> None:
        if self._state in (State.FAILED, State.CLOSED):
            return
        self._set_state(State.FAILED)
        self._emit(Failed(self.side.leg, detail))

    def _set_state(self, state: State) -> None:
        log.debug("leg %s: %s -> %s", self.side.leg, self._state.value, state.value)
        self._state = state

    def _bind_all(self, port: int) -> list[socket.socket]:
        """The port on every address; one that the host just lost is passed over."""
        bound: list[socket.socket] = []
        for address in self._addresses:
            try:
                bound.append(bind_udp(address, port))
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    for sock in bound:
                        sock.close()
                    raise
        if not bound:
            raise OSError(errno.EADDRNOTAVAIL, "media.host is no address of this host")
        return bound

    def _ice_socket(self, index: int, sock: socket.socket) -> hooks.IceSocket:
        candidate = _host_candidate(index, *sock.getsockname()[:2])
        connection = hooks.connection_of(self._gatherer)
        return hooks.IceSocket(connection, sock, candidate, self._received, self._choose)

    def _public_candidates(self) -> tuple[Candidate, ...]:
        """Our candidates, behind 1:1 NAT with the outer address: the port is the same on all."""
        public: dict[tuple[str, int], Candidate] = {}
        for index, sock in enumerate(self._sockets):
            address, port = sock.getsockname()[:2]
            address = public_address(address, self._advertised)
            public.setdefault((address, port), _host_candidate(index, address, port))
        return tuple(public.values())

    def _choose(self) -> None:
        """Read the chosen pair anew after STUN; aioice's task moves it one turn later."""
        if self._state is State.UP:
            asyncio.get_running_loop().call_soon(self._read_pair)

    def _read_pair(self) -> None:
        pair = hooks.nominated(self._ice)
        if pair is not None:
            self._wire.aim(*pair)

    def _received(self, data: bytes) -> None:
        length = len(data)
        if self._srtp is None or not HEADER_SIZE <= length <= MAX_PACKET:
            self.side.drop()
            return
        self.side.buffer[:length] = data
        if is_rtcp(data[1]):
            size = self._srtp.unprotect_rtcp(length)
            self.side.hear_reports(bytes(self._view[:size]))
            return
        size = self._srtp.unprotect(length)
        if payload_offset(self.side.buffer, size):
            self.side.take(size)
        else:
            self.side.drop()

    def _send_control(self, packet: bytes) -> None:
        self.side.buffer[: len(packet)] = packet
        size = self._srtp.protect_rtcp(len(packet)) if self._srtp else 0
        if size:
            self._wire.write(size)


def _host_candidate(index: int, address: str, port: int) -> Candidate:
    priority = _HOST_PREFERENCE + ((_MOST_PREFERRED - index) << 8) + 255
    return Candidate(str(index + 1), priority, address, port, "host")
