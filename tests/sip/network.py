"""A simulated network with real stacks on it, which loses, repeats, delays and reorders."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from signaling.sip.events import Event, Received
from signaling.sip.flow import Flow
from signaling.sip.stack import SipStack
from signaling.sip.uri import NameAddr, Uri
from tests.sip import data

DELAY = 0.01
LIMIT = 10_000


@dataclass
class Weather:
    """What happens to packets: by their number in the order of sending, or by chance."""

    lose: frozenset[int] = frozenset()
    double: frozenset[int] = frozenset()
    loss: float = 0.0
    doubling: float = 0.0
    slowest: float = DELAY
    chance: random.Random = field(default_factory=lambda: random.Random(0))

    def copies(self, number: int) -> int:
        """How often a packet arrives."""
        if number in self.lose or self.chance.random() < self.loss:
            return 0
        return 2 if number in self.double or self.chance.random() < self.doubling else 1

    def delay(self) -> float:
        """How long a packet is under way."""
        return self.chance.uniform(DELAY, self.slowest)


Habit = Callable[["Phone", Event], None]


class Phone:
    """A stack with a log of its events and a habit of reacting to them."""

    def __init__(self, network: "Network", name: str, flow: Flow, habit: Habit) -> None:
        self.name = name
        self.flow = flow
        self.log: list[Event] = []
        self.network = network
        self._habit = habit
        serial = count()
        self.stack = SipStack(
            domain="wsphone.test",
            user_agent="test",
            new_token=lambda: f"{name}{next(serial)}",
            address_for=lambda _: (flow.host, flow.port),
        )

    @property
    def now(self) -> float:
        return self.network.now

    @property
    def address(self) -> NameAddr:
        return NameAddr(Uri.parse(f"sip:{self.name}@wsphone.test"))

    def call(self, other: "Phone") -> None:
        target = f"sip:{other.name}@{other.flow.host}"
        self.stack.call(
            "leg",
            target=target,
            flow=other.flow,
            from_=self.address,
            to=other.address,
            sdp=data.OFFER,
            now=self.now,
        )

    def take_event(self, event: Event) -> None:
        self.log.append(event)
        self._habit(self, event)

    def names(self, *, but: tuple[type, ...] = ()) -> list[str]:
        """The kinds of its events, but for some."""
        return [type(event).__name__ for event in self.log if not isinstance(event, but)]


class Network:
    """Phones joined by UDP; time passes from one packet, timer or plan to the next."""

    def __init__(self, weather: Weather | None = None) -> None:
        self.now = 0.0
        self.sent: list[bytes] = []
        self._weather = weather or Weather()
        self._phones: dict[Flow, Phone] = {}
        self._plans: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = count()

    def phone(self, name: str, habit: Habit) -> Phone:
        flow = Flow("udp", f"192.0.2.{len(self._phones) + 1}", 5060)
        self._phones[flow] = Phone(self, name, flow, habit)
        return self._phones[flow]

    def after(self, seconds: float, plan: Callable[[], None]) -> None:
        heapq.heappush(self._plans, (self.now + seconds, next(self._serial), plan))

    def run(self) -> None:
        """Until nothing is under way, planned or waited for."""
        for _ in range(LIMIT):
            self._settle()
            times = [phone.stack.next_timer() for phone in self._phones.values()]
            due = min((time for time in times if time is not None), default=None)
            if self._plans and (due is None or self._plans[0][0] <= due):
                self.now, _, plan = heapq.heappop(self._plans)
                plan()
            elif due is not None:
                self.now = due
                for phone in self._phones.values():
                    phone.stack.handle_timer(due)
            else:
                return
        raise RuntimeError("the network never comes to rest")

    def _settle(self) -> None:
        """Let phones react, and put on the wire what they send."""
        busy = True
        while busy:
            busy = False
            for phone in self._phones.values():
                for event in phone.stack.events():
                    busy = True
                    phone.take_event(event)
        for phone in self._phones.values():
            for packet, flow in phone.stack.outgoing():
                self._carry(packet, phone.flow, flow)

    def _carry(self, packet: bytes, source: Flow, target: Flow) -> None:
        number = len(self.sent)
        self.sent.append(packet)
        other = self._phones.get(target)
        for _ in range(self._weather.copies(number) if other is not None else 0):
            self.after(self._weather.delay(), self._delivery(packet, source, target))

    def _delivery(self, packet: bytes, source: Flow, target: Flow) -> Callable[[], None]:
        return lambda: self._phones[target].stack.receive(packet, source, self.now)


def idle(phone: Phone, event: Event) -> None:
    """The habit of a phone that only watches."""


def taking(then: Callable[[Phone], None]) -> Habit:
    """The habit of a phone that takes every call as a leg and then does something with it."""

    def habit(phone: Phone, event: Event) -> None:
        if isinstance(event, Received):
            phone.stack.take(event.transaction, "leg", now=phone.now)
            then(phone)

    return habit
