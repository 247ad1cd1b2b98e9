"""Linphone's console program as a telephone: its configuration, and what a person does with it."""

import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.process import Program, ProgramFailed
from tests.end_to_end.tape import excerpt
from tests.end_to_end.waiting import eventually

# name, clock rate, channels: as Linphone lists them
CODECS: dict[str, tuple[str, int, int]] = {
    "opus": ("opus", 48000, 2),
    "PCMU": ("PCMU", 8000, 1),
    "PCMA": ("PCMA", 8000, 1),
    "speex/16000": ("speex", 16000, 1),
    "speex/8000": ("speex", 8000, 1),
    "G722": ("G722", 8000, 1),
    "GSM": ("GSM", 8000, 1),
    "G729": ("G729", 8000, 1),
}

# It ends its calls and waits for the registrar first, for seconds each on a busy machine.
QUIT_SECONDS = 30.0

# how Linphone words the end of a call; other failures it calls an error
ENDED_NORMALLY = "No error"
DECLINED = "Call declined"

CONFIGURATION = """\
[sip]
bind_address={host}
sip_port={udp_port}
sip_tcp_port={tcp_port}
sip_tls_port=0
use_ipv6=0
guess_hostname=0
contact="{user}" <sip:{user}@{host}>
media_encryption={encryption}
media_encryption_mandatory={encryption_mandatory}
use_info={keys_by_info}
use_rfc2833={keys_by_events}
incoming_calls_early_media={early}
default_proxy={default_proxy}
[rtp]
bind_address={host}
audio_rtp_port={rtp_port}-{rtp_port_max}
[sound]
echocancellation=0
agc=0
echolimiter=0
disable_ringing=1
[video]
enabled=0
capture=0
display=0
[net]
nat_policy_ref=none
push_notification=0
[nat_policy_0]
ref=none
protocols=
[misc]
max_calls={max_calls}
enable_basic_to_client_group_chat_room_migration=0
log_collection_upload_server_url=
"""

REGISTRATION = """\
[proxy_0]
reg_proxy=<sip:{server}:{registrar};transport={transport}>
reg_route=<sip:{server}:{registrar};transport={transport};lr>
reg_identity="{user}" <sip:{user}@{domain}>
reg_expires=120
reg_sendregister=1
publish=0
contact_uri_parameters={contact_parameters}
[auth_info_0]
username={user}
userid={user}
passwd={secret}
realm={domain}
domain={domain}
"""

CODEC = """\
[audio_codec_{index}]
mime={mime}
rate={rate}
channels={channels}
enabled={enabled}
"""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A telephone's place in the network, and the account it registers with, if any."""

    user: str
    sip_port: int
    rtp_port: int
    rtp_ports: int = 98
    """How many more than the first it may use."""
    host: str = "127.0.0.1"
    server: str = "127.0.0.1"
    """Its own address, and that by which it knows the server."""
    registrar: int | None = None
    secret: str = ""
    domain: str = "wsphone.local"
    codecs: Sequence[str] = ("opus", "PCMU", "PCMA")
    max_calls: int = 10
    transport: str = "udp"
    contact_parameters: str = ""
    """What stands on its Contact URI: how it is woken by push."""
    encryption: str = "none"
    """By its own name: `srtp`, `dtls`; it takes no other calls then."""
    keys_by_info: bool = False
    """Keys go by SIP's INFO instead of telephone-events."""
    sounds_early: bool = False
    """It lets callers hear what it plays while it rings."""
    instance: str | None = None
    """The UUID by which it is known again; without it each start makes another one."""
    settings_from: str | None = None
    """Where it fetches its account, instead of having one from the start."""

    @property
    def sound_ports(self) -> range:
        """Where it may listen for sound; reports go to the odd ports between."""
        return range(self.rtp_port, self.rtp_port + self.rtp_ports + 1, 2)

    def configuration(self) -> str:
        """The text of a linphonerc; codecs that are not wanted have to be listed as disabled."""
        text = CONFIGURATION.format(
            user=self.user,
            host=self.host,
            udp_port=self.sip_port if self.transport == "udp" else 0,
            tcp_port=self.sip_port if self.transport == "tcp" else 0,
            rtp_port=self.rtp_port,
            rtp_port_max=self.rtp_port + self.rtp_ports,
            default_proxy=-1 if self.registrar is None else 0,
            max_calls=self.max_calls,
            encryption=self.encryption,
            encryption_mandatory=int(self.encryption != "none"),
            keys_by_info=int(self.keys_by_info),
            keys_by_events=int(not self.keys_by_info),
            early=int(self.sounds_early),
        )
        if self.instance is not None:
            text += f"uuid={self.instance}\n"
        if self.settings_from is not None:
            text += f"config-uri={self.settings_from}\n"
        if self.registrar is not None:
            text += REGISTRATION.format(
                user=self.user,
                server=self.server,
                registrar=self.registrar,
                secret=self.secret,
                domain=self.domain,
                transport=self.transport,
                contact_parameters=self.contact_parameters,
            )
        unwanted = [name for name in CODECS if name not in self.codecs]
        for index, name in enumerate([*self.codecs, *unwanted]):
            mime, rate, channels = CODECS[name]
            text += CODEC.format(
                index=index,
                mime=mime,
                rate=rate,
                channels=channels,
                enabled=int(name in self.codecs),
            )
        return text


class Linphone:
    """A running linphonec that speaks from a file and records what it hears to another."""

    def __init__(self, line: Line, program: Program, folder: Path) -> None:
        self.line = line
        self.log = folder / "debug.log"
        self.recording = folder / "heard.wav"
        self._program = program

    @classmethod
    async def start(
        cls,
        line: Line,
        folder: Path,
        *,
        speech: Path,
        auto_answer: bool = False,
        inside: Sequence[str] = (),
    ) -> "Linphone":
        """Start it in `folder`, where it may have run before; `inside` are words before it."""
        home = folder / "home"
        (home / ".local/share/linphone").mkdir(parents=True, exist_ok=True)
        configuration = folder / "linphonerc"
        configuration.write_text(line.configuration())
        program = await Program.start(
            *(*inside, "linphonec"),
            *("-c", str(configuration), "-d", "5", "-l", str(folder / "debug.log")),
            *(["-a"] if auto_answer else []),
            env={"HOME": str(home), "LANG": "C.UTF-8", "TERM": "dumb"},
        )
        phone = cls(line, program, folder)
        try:
            await phone.expect("linphonec> ")
            await phone.command("soundcard use files", "Using wav files")
            phone.write(f"play {speech}")
            phone.write(f"record {phone.recording}")
        except BaseException:
            await program.stop()
            raise
        return phone

    def mark(self) -> int:
        return self._program.mark()

    def write(self, command: str) -> None:
        self._program.write(command)

    async def command(self, command: str, answer: str) -> re.Match[str]:
        """Give a command and wait for `answer` to it."""
        since = self.mark()
        self.write(command)
        return await self.expect(answer, since=since)

    async def expect(self, pattern: str, *, since: int = 0, seconds: float = 10) -> re.Match[str]:
        try:
            return await self._program.expect(pattern, since=since, seconds=seconds)
        except ProgramFailed as failure:
            failure.add_note(f"{self.line.user}'s Linphone logs to {self.log}")
            raise

    @property
    def address(self) -> str:
        """Where to reach it without a registrar."""
        return f"sip:{self.line.user}@{self.line.host}:{self.line.sip_port}"

    async def registered(self) -> None:
        """Wait until the registrar has accepted it."""
        await eventually(self._registration, lambda status: status.startswith("registered, "))

    async def registration_refused(self) -> int:
        """Wait until the registrar has turned it away; the SIP code."""
        await eventually(self._read_log, lambda log: "to [LinphoneRegistrationFailed]" in log)
        return self.last_refusal()

    def call(self, address: str) -> int:
        """Dial; returns the mark from which what becomes of the call is printed."""
        since = self.mark()
        self.write(f"call {address}")
        return since

    async def rings(self, *, since: int = 0) -> str:
        """Wait for a call to come in; the caller's address as it shows it."""
        pattern = r"Receiving new incoming call from (.*?), assigned"
        return (await self.expect(pattern, since=since))[1]

    def answer(self) -> None:
        self.write("answer")

    def hang_up(self) -> None:
        """End the call; a call that rings is declined."""
        self.write("terminate")

    def press(self, digits: str) -> None:
        self.write(digits)

    async def talks(self, *, since: int = 0) -> None:
        await self.expect(r"Media streams established", since=since)

    def hearing(self, path: Path) -> AbstractAsyncContextManager[None]:
        """Record what it hears in its call while the block runs, to a WAV file."""
        return excerpt(self.recording, path)

    async def hears_tone(self, digit: str, *, since: int = 0) -> int:
        """Wait for one telephone-event; returns the mark behind it."""
        return (await self.expect(rf"Receiving tone {re.escape(digit)} from", since=since)).end()

    def tones_heard(self) -> list[str]:
        """The telephone-events that it told of so far."""
        return re.findall(r"Receiving tone (\S) from", self._program.output)

    async def ended(self, *, since: int = 0, seconds: float = 10) -> str:
        """Wait for the end of a call; the reason that Linphone prints."""
        pattern = r"Call \d+ with .* (?:ended \((.*)\)|error)\.\n"
        return (await self.expect(pattern, since=since, seconds=seconds))[1] or "error"

    async def refused(self, *, since: int = 0) -> int:
        """Wait until its call was turned down; the SIP code."""
        await self.ended(since=since)
        return self.last_refusal()

    def last_refusal(self) -> int:
        """The code of the last response that turned it down, a challenge included."""
        return int(re.findall(r"^SIP/2\.0 ([3-6]\d\d) ", self._log_text(), re.MULTILINE)[-1])

    async def told_by_reports(self) -> None:
        """Wait until it has received a sender report (RTCP) on what it hears."""
        await eventually(self._read_log, lambda log: "receiving RTCP SR" in log)

    def call_ids(self) -> list[str]:
        """The Call-IDs of the INVITEs that it was sent or sent, each once, in their order."""
        invites = re.split(r"^INVITE ", self._log_text(), flags=re.MULTILINE)[1:]
        found = [re.search(r"^Call-ID: *(\S+)", each, re.MULTILINE) for each in invites]
        return list(dict.fromkeys(match[1] for match in found if match))

    def invites(self) -> int:
        """How many INVITEs it was sent in its last dialog, repeats of the same left out."""
        call_id = self.call_ids()[-1]
        messages = re.split(r"^INVITE ", self._log_text(), flags=re.MULTILINE)[1:]
        heads = [each.partition("\n\n")[0] for each in messages if call_id in each]
        found = [re.search(r"^CSeq: *(\d+) INVITE", each, re.MULTILINE) for each in heads]
        return len({match[1] for match in found if match})

    def recordings_told(self) -> list[str]:
        """What each description that it was sent says of recording (RFC 7866): on or off."""
        return re.findall(r"^a=record:(\w+)", self._log_text(), re.MULTILINE)

    def conversation(self) -> list[str]:
        """What it and the other side said in calls so far: CSeq of requests and responses."""
        return re.findall(r"^CSeq: *(\d+ (?!REGISTER)\w+)", self._log_text(), re.MULTILINE)

    def last_reason(self) -> str:
        """The last Reason header (RFC 3326) that it was sent."""
        return str(re.findall(r"^Reason: *(.*)$", self._log_text(), re.MULTILINE)[-1])

    async def close(self) -> None:
        """Quit as a person does, so that it unregisters; by force when it does not obey."""
        self.write("quit")
        try:
            await self._program.wait(seconds=QUIT_SECONDS)
        except ProgramFailed as failure:
            failure.add_note(f"{self.line.user}'s Linphone did last:\n{self._log_text()[-3000:]}")
            await self._program.stop()
            raise

    async def kill(self) -> None:
        """End it at once: it stays registered, as a phone whose battery is empty."""
        await self._program.stop()

    async def _registration(self) -> str:
        return (await self.command("status register", r"registered(, identity=|=\S+)"))[0]

    def _log_text(self) -> str:
        return self.log.read_text(errors="replace")

    async def _read_log(self) -> str:
        return self._log_text()
