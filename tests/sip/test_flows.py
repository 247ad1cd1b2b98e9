"""Whole calls between two stacks, with each single packet lost, doubled, and in bad weather."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from signaling.sip.events import Answered, Cause, Confirmed, Ended, Event, Rejected, Ringing
from tests.sip import data
from tests.sip.network import Habit, Network, Phone, Weather, idle, taking

REASON = 'SIP;cause=200;text="Call completed elsewhere"'


def hang_up(phone: Phone) -> None:
    phone.stack.hang_up("leg", now=phone.now, reason=REASON)


def answer(phone: Phone) -> None:
    phone.stack.answer("leg", data.ANSWER, now=phone.now)


def answer_and_hang_up(phone: Phone) -> None:
    answer(phone)
    hang_up(phone)


def ring(phone: Phone) -> None:
    phone.stack.ring("leg", now=phone.now)


def ring_then(then: Callable[[Phone], None], *, after: float = 2.0) -> Habit:
    def plan(phone: Phone) -> None:
        ring(phone)
        phone.network.after(after, lambda: then(phone))

    return taking(plan)


def when(kind: type, then: Callable[[Phone], None], *, after: float = 0.0) -> Habit:
    def habit(phone: Phone, event: Event) -> None:
        if isinstance(event, kind):
            phone.network.after(after, lambda: then(phone))

    return habit


def both(*habits: Habit) -> Habit:
    def habit(phone: Phone, event: Event) -> None:
        for each in habits:
            each(phone, event)

    return habit


def busy(phone: Phone) -> None:
    phone.stack.reject("leg", 486, now=phone.now, headers=[("Retry-After", "30 (in a call)")])


@dataclass(frozen=True)
class Story:
    """What both sides do, and what each must hear of it, whatever happens to one packet.

    Ringing is never counted, because nothing repeats it for its own sake. `confirmed` says that
    the callee must hear of the ACK; otherwise a BYE may overtake it.
    """

    name: str
    caller: Habit
    callee: Habit
    caller_hears: tuple[str, ...]
    callee_hears: tuple[str, ...]
    hang_up_after: float | None = None
    confirmed: bool = True

    def __str__(self) -> str:
        return self.name

    def play(self, weather: Weather | None = None) -> tuple[Network, Phone, Phone]:
        network = Network(weather)
        caller = network.phone("alice", self.caller)
        callee = network.phone("bob", self.callee)
        caller.call(callee)
        if self.hang_up_after is not None:
            network.after(self.hang_up_after, lambda: hang_up(caller))
        network.run()
        return network, caller, callee

    def check(self, caller: Phone, callee: Phone) -> None:
        but = () if self.confirmed else (Confirmed,)
        assert caller.names(but=(Ringing,)) == list(self.caller_hears)
        assert callee.names(but=but) == list(self.callee_hears)
        for phone in (caller, callee):
            assert phone.stack.counts() == {"transactions": 0, "dialogs": 0, "legs": 0}


STORIES = [
    Story(
        "answered, the caller hangs up",
        when(Answered, hang_up, after=60.0),
        ring_then(answer),
        ("Answered",),
        ("Received", "Confirmed", "Ended"),
    ),
    Story(
        "answered, the callee hangs up",
        idle,
        both(ring_then(answer), when(Confirmed, hang_up, after=60.0)),
        ("Answered", "Ended"),
        ("Received", "Confirmed"),
    ),
    Story(
        "answered at once, without ringing",
        when(Answered, hang_up, after=60.0),
        taking(answer),
        ("Answered",),
        ("Received", "Confirmed", "Ended"),
    ),
    Story(
        "the caller hangs up as soon as it is answered",
        when(Answered, hang_up),
        ring_then(answer),
        ("Answered",),
        ("Received", "Ended"),
        confirmed=False,
    ),
    Story(
        "the callee hangs up before the ACK",
        idle,
        ring_then(answer_and_hang_up),
        ("Answered", "Ended"),
        ("Received",),
    ),
    Story("rejected after ringing", idle, ring_then(busy), ("Rejected",), ("Received",)),
    Story("rejected at once", idle, taking(busy), ("Rejected",), ("Received",)),
    Story(
        "cancelled while it rings",
        idle,
        taking(ring),
        (),
        ("Received", "Cancelled"),
        hang_up_after=20.0,
    ),
    Story(
        "cancelled before any answer",
        idle,
        taking(ring),
        (),
        ("Received", "Cancelled"),
        hang_up_after=0.0,
    ),
    Story(
        "not answered: cancelled after 45 seconds",
        idle,
        taking(ring),
        (),
        ("Received", "Cancelled"),
        hang_up_after=45.0,
    ),
    Story(
        "the callee gives up ringing",
        idle,
        ring_then(hang_up, after=30.0),
        ("Rejected",),
        ("Received",),
    ),
]


@pytest.mark.parametrize("story", STORIES, ids=str)
class TestEveryStory:
    def test_in_good_weather(self, story: Story) -> None:
        _, caller, callee = story.play()
        story.check(caller, callee)

    def test_with_each_single_packet_lost(self, story: Story) -> None:
        network, _, _ = story.play()
        for number in range(len(network.sent)):
            _, caller, callee = story.play(Weather(lose=frozenset({number})))
            story.check(caller, callee)

    def test_with_each_single_packet_doubled(self, story: Story) -> None:
        network, _, _ = story.play()
        for number in range(len(network.sent)):
            _, caller, callee = story.play(Weather(double=frozenset({number})))
            story.check(caller, callee)

    def test_with_each_packet_doubled_and_reordered(self, story: Story) -> None:
        for seed in range(20):
            chance = random.Random(seed)
            weather = Weather(doubling=0.5, slowest=0.2, chance=chance)
            _, caller, callee = story.play(weather)
            story.check(caller, callee)

    def test_in_bad_weather_both_sides_end_and_nothing_is_left(self, story: Story) -> None:
        for seed in range(20):
            chance = random.Random(seed)
            weather = Weather(loss=0.25, doubling=0.1, slowest=0.4, chance=chance)
            _, caller, callee = story.play(weather)
            for phone in (caller, callee):
                assert phone.stack.counts() == {"transactions": 0, "dialogs": 0, "legs": 0}
                ends = [
                    name for name in phone.names() if name in ("Rejected", "Ended", "Cancelled")
                ]
                assert len(ends) <= 1


class TestCancelCrossesAnswer:
    """RFC 3261 9.1, 15: the 200 that crosses the CANCEL is acknowledged and then ended."""

    STORY = Story(
        "cancel crosses the answer",
        idle,
        ring_then(answer, after=2.0),
        (),
        ("Received", "Ended"),
        hang_up_after=2.0 + 0.015,
        confirmed=False,
    )

    def test_the_caller_acknowledges_and_says_bye(self) -> None:
        network, caller, callee = self.STORY.play()
        self.STORY.check(caller, callee)
        methods = [packet.split(b" ")[0] for packet in network.sent]
        assert methods.index(b"CANCEL") < methods.index(b"ACK") < methods.index(b"BYE")

    @pytest.mark.parametrize("weather", ["lose", "double"])
    def test_with_each_single_packet_lost_or_doubled(self, weather: str) -> None:
        network, _, _ = self.STORY.play()
        for number in range(len(network.sent)):
            packets = frozenset({number})
            _, caller, callee = self.STORY.play(
                Weather(lose=packets) if weather == "lose" else Weather(double=packets)
            )
            for phone in (caller, callee):
                assert phone.stack.counts() == {"transactions": 0, "dialogs": 0, "legs": 0}
            # A packet lost earlier may move the answer behind the CANCEL: then it is no crossing.
            assert callee.names(but=(Confirmed,))[-1] in ("Ended", "Cancelled")
            assert caller.names(but=(Ringing,)) == []


class TestGlareOfByes:
    """RFC 3261 15: both hang up at once, and both BYEs are answered."""

    def play(self, weather: Weather | None = None) -> tuple[Network, Phone, Phone]:
        network = Network(weather)
        caller = network.phone("alice", when(Answered, hang_up, after=5.0))
        callee = network.phone("bob", both(taking(answer), when(Answered, hang_up)))
        caller.call(callee)
        network.after(5.0 + 0.02, lambda: hang_up(callee))
        network.run()
        return network, caller, callee

    def test_nobody_is_told_of_an_end_that_both_wanted(self) -> None:
        network, caller, callee = self.play()
        assert sum(packet.startswith(b"BYE") for packet in network.sent) == 2
        assert caller.names() == ["Answered"]
        assert callee.names() == ["Received", "Confirmed"]

    def test_with_each_single_packet_lost(self) -> None:
        for number in range(len(self.play()[0].sent)):
            _, caller, callee = self.play(Weather(lose=frozenset({number})))
            for phone in (caller, callee):
                assert phone.stack.counts() == {"transactions": 0, "dialogs": 0, "legs": 0}


class TestNobodyThere:
    def test_a_call_into_the_void_fails_after_timer_b(self) -> None:
        network = Network(Weather(loss=1.0))
        caller = network.phone("alice", idle)
        caller.call(network.phone("bob", idle))
        network.run()
        assert caller.log == [Rejected("leg", 408, None, None)]
        assert network.now == 32.0

    def test_an_abandoned_call_into_the_void_just_ends(self) -> None:
        network = Network(Weather(loss=1.0))
        caller = network.phone("alice", idle)
        caller.call(network.phone("bob", idle))
        network.after(1.0, lambda: hang_up(caller))
        network.run()
        assert caller.log == []
        assert not any(packet.startswith(b"CANCEL") for packet in network.sent)
        assert caller.stack.counts() == {"transactions": 0, "dialogs": 0, "legs": 0}

    def test_a_call_that_rings_for_minutes_goes_on(self) -> None:
        network = Network()
        caller = network.phone("alice", idle)
        callee = network.phone("bob", ring_then(answer, after=300.0))
        caller.call(callee)
        network.after(400.0, lambda: hang_up(caller))
        network.run()
        assert caller.names(but=(Ringing,)) == ["Answered"]
        assert callee.names() == ["Received", "Confirmed", "Ended"]


class TestWhatIsTold:
    def test_codes_reasons_and_times_come_through(self) -> None:
        _, caller, _ = STORIES[5].play()
        assert caller.log == [Ringing("leg", 180, None), Rejected("leg", 486, None, 30)]

    def test_the_reason_of_a_bye_comes_through(self) -> None:
        _, _, callee = STORIES[0].play()
        assert callee.log[-1] == Ended("leg", Cause.BYE, REASON)

    def test_the_descriptions_come_through(self) -> None:
        _, caller, callee = STORIES[0].play()
        assert Answered("leg", data.ANSWER) in caller.log
        assert Confirmed("leg", None) in callee.log


class TestNoAck:
    """RFC 3261 13.3.1.4: an answer that is never confirmed ends with BYE."""

    def test_the_answer_is_repeated_and_then_the_call_ends(self) -> None:
        lost = frozenset(range(3, 200))
        network, caller, callee = STORIES[2].play(Weather(lose=frozenset({1}) | lost))
        answers = [packet for packet in network.sent if packet.startswith(b"SIP/2.0 200")]
        assert len(answers) == 11
        assert callee.log[-1] == Ended("leg", Cause.NO_ACK, None)
        for phone in (caller, callee):
            assert phone.stack.counts() == {"transactions": 0, "dialogs": 0, "legs": 0}
