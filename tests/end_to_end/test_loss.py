"""Real phones on bad networks: how they sound through us, and how they do without us."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.audio import compare
from tests.end_to_end.bad_network import HOST, WEATHERS, BadNetwork, Weather
from tests.end_to_end.desks import LinphoneDesk, close_all
from tests.end_to_end.linphone import Line
from tests.end_to_end.listening import ATTEMPTS
from tests.end_to_end.ports import Ports, take_few, take_ports
from tests.end_to_end.precedence import precedence
from tests.end_to_end.server import Person, owner, running_server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.tables import show

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

SPEECH_SECONDS = 14.0
"""Two voices: in the first, phones learn by reports what gets lost, and how long to wait."""
MARGIN, MARGIN_CHANGED = 0.3, 0.7
"""By how much PESQ may be lower through us than from phone to phone: passed on as it is, and with
a second codec on the way, which costs 0.3 to 0.4 on any network."""
LEAST_PESQ = {
    "1 % lost": 3.3,
    "5 % lost": 3.2,
    "10 % lost": 2.3,
    "5 % in bursts": 2.4,
    "50 ms jitter": 3.3,
    "10 % overtaken": 3.3,
}
"""What both ends hear through us, opus to opus; from phone to phone it is 0.3 to 0.5 more."""
PORT_BLOCKS = 2


@dataclass(frozen=True)
class Way:
    """How two phones come together: what each speaks, and whether we are between."""

    name: str
    near: str
    far: str
    served: bool


DIRECT = Way("phone to phone", "opus", "opus", served=False)
THROUGH = Way("through us", "opus", "opus", served=True)
CHANGED = Way("opus to PCMU", "opus", "PCMU", served=True)
WAYS = (DIRECT, THROUGH, CHANGED)


@dataclass(frozen=True)
class Heard:
    """PESQ of what each end heard: the one on the good network, and the one on the bad."""

    far: float
    near: float

    def __str__(self) -> str:
        return f"{self.far:.2f} {self.near:.2f}"

    def is_worse_than(self, other: "Heard", by: float) -> bool:
        return self.far < other.far - by or self.near < other.near - by

    def or_better(self, other: "Heard") -> "Heard":
        return Heard(max(self.far, other.far), max(self.near, other.near))


class Call:
    """Two phones, one of them behind a bad network, which call each other again and again."""

    def __init__(self, way: Way, weather: Weather, server: int) -> None:
        self.way = way
        self.weather = weather
        self._server = server
        self.desks: list[LinphoneDesk] = []
        """The far phone and the near one, once they are started."""
        self._address = ""

    async def get_ready(self, sounds: Sounds, folder: Path, stack: AsyncExitStack) -> None:
        """Start both phones, and the network, for as long as the stack is there."""
        near, far = people(self.way, self.weather)
        ports = take_few()
        behind = self._server if self.way.served else ports.sip
        network = BadNetwork(self.weather, take_few(), behind)
        await stack.enter_async_context(network.opened())
        host = "wsphone.local" if self.way.served else f"{HOST}:{network.port}"
        self._address = f"sip:{far.name}@{host}"
        for line, voice in (
            (self._line(far, self.way.far, behind, ports), sounds.b),
            (self._line(near, self.way.near, network.port, take_few()), sounds.a),
        ):
            self.desks.append(await LinphoneDesk.start(line, folder / line.user, voice.looped))

    async def talk(self) -> tuple[Path, Path]:
        """What the far end heard, and the near."""
        far, near = self.desks
        far.begin()
        near.begin()
        await near.dial(self._address)
        await asyncio.gather(near.talks(), far.talks())
        await asyncio.sleep(SPEECH_SECONDS)
        await near.hang_up()
        return await far.ended(), await near.ended()

    def _line(self, person: Person, codec: str, registrar: int, ports: Ports) -> Line:
        return Line(
            user=person.name,
            secret=person.secret,
            registrar=registrar if self.way.served else None,
            sip_port=ports.sip,
            rtp_port=ports.media_min,
            rtp_ports=ports.media_max - ports.media_min,
            codecs=(codec,),
        )


def people(way: Way, weather: Weather) -> tuple[Person, Person]:
    number = f"{WAYS.index(way)}-{WEATHERS.index(weather)}"
    near, far = (owner(f"{end}-{number}") for end in ("near", "far"))
    return near, far


def complaints(weather: Weather, heard: dict[Way, Heard]) -> list[str]:
    """What is wrong with the calls in one weather."""
    found = []
    for way, margin in ((THROUGH, MARGIN), (CHANGED, MARGIN_CHANGED)):
        if heard[way].is_worse_than(heard[DIRECT], margin):
            found.append(f"{weather.name}: {way.name} {heard[way]}, without us {heard[DIRECT]}")
    least = LEAST_PESQ[weather.name]
    if heard[THROUGH].is_worse_than(Heard(least, least), 0.0):
        found.append(f"{weather.name}: {heard[THROUGH]}, not {least}")
    return found


@asynccontextmanager
async def ready(calls: list[Call], sounds: Sounds, folder: Path) -> AsyncIterator[None]:
    """The phones of all calls, started and closed at the same time."""
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.TaskGroup() as group:
                for call in calls:
                    group.create_task(call.get_ready(sounds, folder, stack))
            yield
        finally:
            await close_all(desk for call in calls for desk in call.desks)


async def talk(calls: list[Call], sounds: Sounds) -> dict[Weather, dict[Way, Heard]]:
    """All calls at the same time, judged when they are over: judging would hold up the networks."""
    heard: dict[Weather, dict[Way, Heard]] = {}
    recordings = await asyncio.gather(*(call.talk() for call in calls))
    for call, (far, near) in zip(calls, recordings, strict=True):
        verdicts = compare(far, sounds.a.once), compare(near, sounds.b.once)
        heard.setdefault(call.weather, {})[call.way] = Heard(*(each.pesq for each in verdicts))
    return heard


async def test_bad_networks_sound_as_from_phone_to_phone(sounds: Sounds, tmp_path: Path) -> None:
    """Six networks, each before one of two phones, three ways; both directions of each call.

    The same packets are lost on every way. A weather that leaves a complaint is tried again, and on
    every way the best counts: where in a word the losses fall is chance, and what a busy machine
    spoils is not there every time.
    """
    served = [
        person
        for way in WAYS
        if way.served
        for weather in WEATHERS
        for person in people(way, weather)
    ]
    heard: dict[Weather, dict[Way, Heard]] = {}
    ports = take_ports(PORT_BLOCKS)
    async with running_server(tmp_path, served, ports=ports) as server:
        calls = [Call(way, weather, server.ports.sip) for way in WAYS for weather in WEATHERS]
        async with ready(calls, sounds, tmp_path):
            due = set(WEATHERS)
            for _ in range(ATTEMPTS):
                # Else our one program gets no more of the machine than each of the telephones.
                with precedence(server.program.pid):
                    found = await talk([call for call in calls if call.weather in due], sounds)
                for weather, ways in found.items():
                    before = heard.get(weather, ways)
                    heard[weather] = {way: before[way].or_better(ways[way]) for way in WAYS}
                due = {weather for weather in due if complaints(weather, heard[weather])}

    lines = [f"{'PESQ far, near':15}" + "".join(f"{way.name:>16}" for way in WAYS)]
    for weather in WEATHERS:
        told = "".join(f"{heard[weather][way]!s:>16}" for way in WAYS)
        lines.append(f"{weather.name:15}{told}")
    show("loss", lines)
    wrong = [each for weather in WEATHERS for each in complaints(weather, heard[weather])]
    assert not wrong, "\n".join(wrong)
