"""baresip as a telephone on TCP: its configuration, and what a person does with it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.end_to_end.ports import Ports
from tests.end_to_end.process import Program, ProgramFailed
from tests.end_to_end.tape import excerpt
from tests.end_to_end.waiting import eventually

MODULES = Path("/usr/lib/baresip/modules")
SECONDS = 10.0

# By their names in SDP: the module, baresip's own name, and the form it wants its sound in.
CODECS = {
    "PCMU": ("g711", "pcmu", 8000, 1),
    "PCMA": ("g711", "pcma", 8000, 1),
    "G722": ("g722", "g722/16000/1", 16000, 1),
    "opus": ("opus", "opus/48000/2", 48000, 2),
}

CONFIGURATION = """\
poll_method epoll
sip_listen 127.0.0.1:{ports.sip}
call_local_timeout 120
call_max_calls 8
audio_alert aufile,{folder}/alert.wav
audio_source aufile,{speech}
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels {channels}
auplay_channels {channels}
ausrc_format s16
auplay_format s16
auenc_format s16
audec_format s16
audio_buffer 20-160
audio_txmode thread
rtp_ports {ports.media_min}-{ports.media_max}
rtcp_mux no
jitter_buffer_delay 1-5
net_interface 127.0.0.1
module_path {modules}
module {module}.so
module aufile.so
module sndfile.so
module srtp.so
module dtls_srtp.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{ports.http}
opus_bitrate 32000
snd_path .
ringback_disabled yes
statmode_default off
"""

ACCOUNT = (
    '"{user}" <sip:{user}@{domain};transport=tcp>;auth_user={user};auth_pass={secret}'
    ';outbound="sip:127.0.0.1:{registrar};transport=tcp";audio_codecs={codec}'
    ";regint=120;answermode={answers};ptime=20{encryption}\n"
)


@dataclass(frozen=True, kw_only=True)
class Set:
    """A telephone's place in the network, its account and its one codec."""

    user: str
    secret: str
    registrar: int
    ports: Ports
    codec: str
    auto_answer: bool = False
    encryption: str = ""
    """By its own name; with `srtp-mand` and `dtls_srtp` it takes no other calls."""
    domain: str = "wsphone.local"

    def write(self, folder: Path, speech: Path) -> None:
        """The files that baresip reads at its start."""
        module, name, rate, channels = CODECS[self.codec]
        configuration = CONFIGURATION.format(
            ports=self.ports,
            folder=folder,
            speech=speech,
            rate=rate,
            channels=channels,
            modules=MODULES,
            module=module,
        )
        account = ACCOUNT.format(
            user=self.user,
            domain=self.domain,
            secret=self.secret,
            registrar=self.registrar,
            codec=name,
            answers="auto" if self.auto_answer else "manual",
            encryption=f";mediaenc={self.encryption}" if self.encryption else "",
        )
        folder.mkdir(exist_ok=True)
        (folder / "config").write_text(configuration)
        (folder / "accounts").write_text(account)
        (folder / "contacts").write_text("")


class Baresip:
    """A running baresip that speaks from a file and records what it hears to another."""

    def __init__(self, program: Program, folder: Path, port: int) -> None:
        self._program = program
        self._folder = folder
        self._port = port
        self._events: list[dict[str, Any]] = []
        self._changed = asyncio.Condition()
        self._writer: asyncio.StreamWriter
        self._listener: asyncio.Task[None]

    @classmethod
    async def start(cls, phone_set: Set, folder: Path, *, speech: Path) -> "Baresip":
        _, _, rate, channels = CODECS[phone_set.codec]
        spoken = folder / "speech.wav"
        form = ("-r", str(rate), "-c", str(channels))
        phone_set.write(folder, spoken)
        # It loads the whole file, and hangs up where the file ends.
        sox = await Program.start("sox", str(speech), *form, str(spoken), "trim", "0", "60")
        await sox.wait()
        # It records to where it runs: a whole path could be too long for it, and would be cut.
        program = await Program.start("baresip", "-4", "-f", str(folder), "-v", "-s", cwd=folder)
        phone = cls(program, folder, phone_set.ports.http)
        try:
            await phone._connect()
        except BaseException:
            await program.stop()
            raise
        return phone

    @property
    def recording(self) -> Path:
        """What it heard in its last call."""
        return max(self.recordings, key=lambda path: path.stat().st_mtime)

    @property
    def recordings(self) -> set[Path]:
        """What it heard, a file for each call."""
        return set(self._folder.glob("dump-*-dec.wav"))

    @asynccontextmanager
    async def hearing(self, path: Path) -> AsyncIterator[None]:
        """Record what it hears in its call while the block runs, to a WAV file."""

        # It has no tape before its media are up, which DTLS takes a while for.
        async def look() -> set[Path]:
            return self.recordings

        await eventually(look, bool)
        async with excerpt(self.recording, path):
            yield

    async def registered(self) -> None:
        """Wait until the registrar has accepted it."""
        await self._program.expect(r"200 OK .*\[\d+ binding")

    def forget(self) -> None:
        """What happened so far is waited for no more."""
        self._events.clear()

    async def call(self, address: str) -> None:
        await self._command("dial", address)

    async def rings(self) -> str:
        """Wait for a call to come in; the caller's address."""
        return str((await self._event("CALL_INCOMING"))["peeruri"])

    async def answer(self) -> None:
        await self._command("accept")

    async def hang_up(self) -> None:
        await self._command("hangup")

    async def hold(self) -> None:
        await self._command("hold")

    async def resume(self) -> None:
        await self._command("resume")

    async def talks(self) -> None:
        await self._event("CALL_ESTABLISHED")

    async def ended(self) -> str:
        """Wait for the end of a call; how baresip words it."""
        return str((await self._event("CALL_CLOSED"))["param"])

    async def hears_key(self) -> str:
        return str((await self._event("CALL_DTMF_START"))["param"])

    async def close(self) -> None:
        """Quit as a person does, so that it unregisters; by force when it does not obey."""
        if not self._program.leftovers():
            return
        await self._command("quit")
        try:
            await self._program.wait()
        except ProgramFailed:
            await self._program.stop()
            raise
        finally:
            self._writer.close()
            await self._listener

    async def kill(self) -> None:
        """End it at once: its connection breaks without a goodbye."""
        await self._program.stop()
        self._writer.close()
        await self._listener

    async def _connect(self) -> None:
        async def look() -> bool:
            try:
                reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                return False
            self._listener = asyncio.create_task(self._listen(reader), name="baresip's events")
            return True

        await eventually(look, bool)

    async def _command(self, command: str, parameters: str = "") -> None:
        message = json.dumps({"command": command, "params": parameters, "token": "t"}).encode()
        self._writer.write(b"%d:%s," % (len(message), message))
        await self._writer.drain()

    async def _event(self, kind: str) -> dict[str, Any]:
        """The next event of a kind; each is given out once."""
        try:
            async with asyncio.timeout(SECONDS), self._changed:
                while (found := self._take(kind)) is None:
                    await self._changed.wait()
                return found
        except TimeoutError:
            printed = self._program.output[-3000:]
            raise AssertionError(f"no {kind}, but {self._events}; it printed:\n{printed}") from None

    def _take(self, kind: str) -> dict[str, Any] | None:
        for index, event in enumerate(self._events):
            if event["type"] == kind:
                return self._events.pop(index)
        return None

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Read netstrings of JSON until baresip closes."""
        try:
            while True:
                length = int((await reader.readuntil(b":"))[:-1])
                message = json.loads((await reader.readexactly(length + 1))[:-1])
                if message.get("event"):
                    async with self._changed:
                        self._events.append(message)
                        self._changed.notify_all()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
