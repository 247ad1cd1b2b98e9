"""A laboratory for the call core: endpoints by name, and an engine that answers as it is told."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from signaling import call as core
from signaling.call_actions import (
    Action,
    FindEndpoints,
    Finish,
    LegAction,
    MediaAction,
    OpenMedia,
    RecordAction,
    Refuse,
    Reply,
    SendPush,
    ShowEnd,
)
from signaling.call_events import (
    Accepted,
    Answered,
    Event,
    Found,
    MediaConnected,
    MediaGone,
    PushReported,
    TimePassed,
    Unroutable,
    WakingFailed,
)
from signaling.call_model import (
    Endpoint,
    EndpointKind,
    Heard,
    Mode,
    Reach,
    RecordPolicy,
    State,
    Taping,
)
from signaling.call_setup import start
from signaling.call_state import Call
from signaling.shared.messages import Candidate
from signaling.shared.push import Provider, PushKind, Step
from signaling.shared.reasons import EndReason
from tests.lab_engine import Engine

Kind = TypeVar("Kind", bound=Action)

RING_SECONDS = 45.0


def tab(
    name: str, account: str = "bob", *, device: str | None = None, reach: Reach = Reach.AWAKE
) -> Endpoint:
    of = device or f"device of {name}"
    return Endpoint(name, EndpointKind.SESSION, account, device=of, reach=reach)


def phone(
    name: str, account: str = "bob", *, device: str | None = None, path: str = "home"
) -> Endpoint:
    return Endpoint(name, EndpointKind.CONTACT, account, device=device, host="192.0.2.7", path=path)


def sleeper(device: str, *, wakes: EndpointKind = EndpointKind.SESSION) -> Endpoint:
    """A device of bob's that a push can wake: an app, or a SIP phone."""
    return Endpoint(f"wake {device}", EndpointKind.WAKE, "bob", device=device, wakes=wakes)


def candidate(number: int) -> Candidate:
    return Candidate(f"candidate:{number} 1 udp 1 192.0.2.1 {5000 + number} typ host", "0", 0)


ALICE = tab("alice", "alice")


class Lab:
    """One call with its engine; `now` moves only by `wait`. Keeps what everybody was told."""

    def __init__(
        self,
        *found: Endpoint,
        caller: Endpoint = ALICE,
        media: int = 1,
        direct: bool = True,
        music: bool = True,
        record: RecordPolicy = RecordPolicy.NEVER,
        nowhere: EndReason | None = None,
    ) -> None:
        self.now = 1000.0
        self.engine = Engine()
        self.actions: list[Action] = []
        self.answers: dict[int, Reply | Refuse] = {}
        self.requests = 0
        self.route = Unroutable(nowhere) if nowhere is not None else Found(found)
        self.call = Call.begin(
            "2f5c0f4e-7a3e-4c0e-8b63-0d6f1a2b3c4d",
            caller,
            media=media,
            offer="offer of the caller",
            ring_seconds=RING_SECONDS,
            direct_allowed=direct,
            music=music,
            record=record,
            insists=True,
        )
        start(self.call)
        self._perform_all(self.call.take_actions())

    # --- what happens

    def do(self, *events: Event) -> list[Action]:
        """Let events happen, and what they lead to; returns the actions, in order."""
        before = len(self.actions)
        for event in events:
            was_over = self.state is State.ENDED
            self._perform_all(core.advance(self.call, event, self.now))
            assert not was_over or self.state is State.ENDED
        return self.actions[before:]

    def ask(self, make: Callable[[int], Event]) -> Reply | Refuse | None:
        """Let a request happen; returns its answer, if it has one by now."""
        self.requests += 1
        self.do(make(self.requests))
        return self.answers.get(self.requests)

    def wait(self, seconds: float) -> list[Action]:
        self.now += seconds
        return self.do(TimePassed())

    def accept(self, leg: str) -> Reply | Refuse | None:
        return self.ask(lambda request: Accepted(leg, request))

    def answer(self, leg: str, answer: str = "answer of the callee") -> Reply | Refuse | None:
        return self.ask(lambda request: Answered(leg, answer, request))

    def push(self, device: str, step: Step) -> list[Action]:
        """The worker reports how far the push to a device is."""
        return self.do(PushReported(f"wake {device}", step, Provider.FCM, 1))

    def push_fails(self, *devices: str) -> None:
        """No provider takes the pushes to these devices."""
        for device in devices:
            self.do(WakingFailed(f"wake {device}", "UNREGISTERED"))

    def connect(self, *legs: str) -> None:
        """The engine reports the legs' current media as connected."""
        for leg in legs:
            self.do(MediaConnected(leg, self.call.legs[leg].media))

    def crash(self) -> list[Action]:
        """The engine's process dies: every leg is told of, one after the other."""
        return self.do(*(MediaGone(leg, media) for leg, media in sorted(self.engine.held)))

    def restore(self) -> None:
        """Hand the call over to another process, whose clock shows another time."""
        sent = msgspec.json.encode(self.call.snapshot(self.now))
        self.now += 5000.0
        self.call = Call.restore(msgspec.json.decode(sent), self.now)

    # --- what came of it

    @property
    def state(self) -> State:
        return self.call.state

    def mode(self) -> Mode:
        return self.call.mode

    def all(self, kind: type[Kind]) -> list[Kind]:
        return [action for action in self.actions if isinstance(action, kind)]

    def told(self, leg: str, kind: type[Kind]) -> list[Kind]:
        """What a leg was told, or the engine was asked for it, of one kind."""
        return [action for action in self.all(kind) if getattr(action, "leg", None) == leg]

    def pushed(self, device: str) -> list[PushKind]:
        """What a device was pushed, in order."""
        return [push.kind for push in self.told(f"wake {device}", SendPush)]

    def end_of(self, leg: str) -> EndReason:
        (end,) = self.told(leg, ShowEnd)
        return end.reason

    def finish(self) -> Finish:
        (finish,) = self.all(Finish)
        return finish

    def _perform_all(self, actions: Sequence[Action]) -> None:
        """As the mailbox does: what an action leads to comes before the next one."""
        waiting = deque(actions)
        while waiting:
            action = waiting.popleft()
            self.actions.append(action)
            event = self._perform(action)
            if event is not None:
                waiting.extendleft(reversed(core.advance(self.call, event, self.now)))

    def _perform(self, action: Action) -> Event | None:
        match action:
            case Reply(request) | Refuse(request):
                assert request not in self.answers, f"request {request} is answered twice"
                self.answers[request] = action
            case FindEndpoints():
                return self.route
            case _ if isinstance(action, RecordAction):
                return self.engine.record(action)
            case _ if isinstance(action, MediaAction):
                return self.engine.perform(action)
            case _ if isinstance(action, LegAction):
                self._check_told(action)
        return None

    def _check_told(self, action: LegAction) -> None:
        assert action.leg in self.call.legs, f"{action.leg} does not exist"
        ends = [end for end in self._ends(action.leg) if end is not action]
        assert not ends, f"{action} comes after {ends}"

    def _ends(self, leg: str) -> list[ShowEnd]:
        """The ends that a leg was told since it was rung anew, if it was."""
        opened = [] if self.call.legs[leg].caller else self.told(leg, OpenMedia)
        since = self.actions[self.actions.index(opened[-1]) if opened else 0 :]
        return [each for each in since if isinstance(each, ShowEnd) and each.leg == leg]

    def check(self) -> None:
        """What holds at every moment."""
        for leg in self.call.legs.values():
            held = {media for name, media in self.engine.held if name == leg.id}
            assert held == set(leg.engine)
        assert (self.engine.recorded is not None) == (self.call.taping is Taping.ON)
        if self.engine.recorded is not None and self.call.mode is Mode.ANCHORED:
            talking = tuple((leg.id, leg.media) for leg in self.call.parties())
            assert self.engine.recorded == talking, "other media is recorded than is joined"
        if self.state is State.TALKING and self.call.mode is Mode.ANCHORED:
            parties = self.call.parties()
            on_hold = any(leg.holds for leg in parties)
            for leg in parties:
                heard = self.engine.hears.get((leg.id, leg.media), Heard.OTHER)
                assert (heard is not Heard.OTHER) == on_hold, f"{leg.id} hears {heard}"
        if self.state is State.RINGING:
            for asleep in self.call.sleepers():
                assert asleep.push or self.call.company(asleep), (
                    f"{asleep.id} is waited for in vain"
                )
        if self.state is State.ENDED:
            self.finish()
            assert not self.engine.held
            assert self.call.deadline() is None
            assert set(self.answers) == set(range(1, self.requests + 1))
            ends = Counter(end.leg for leg in self.call.legs for end in self._ends(leg))
            assert ends == dict.fromkeys(self.call.legs, 1)
            self._check_pushes()

    def _check_pushes(self) -> None:
        """Nobody is pushed the same twice, nor told of the end of a call that it was not pushed."""
        pushes = Counter((push.leg, push.kind) for push in self.all(SendPush))
        assert not [push for push, times in pushes.items() if times > 1]
        for leg, kind in pushes:
            assert kind is not PushKind.ENDED or (leg, PushKind.CALL) in pushes


def ringing(
    *found: Endpoint,
    caller: Endpoint = ALICE,
    direct: bool = True,
    music: bool = True,
    record: RecordPolicy = RecordPolicy.NEVER,
) -> Lab:
    found = found or (tab("bob"),)
    lab = Lab(*found, caller=caller, direct=direct, music=music, record=record)
    assert lab.state is State.RINGING
    return lab


def talking(
    *found: Endpoint,
    caller: Endpoint = ALICE,
    direct: bool = True,
    music: bool = True,
    record: RecordPolicy = RecordPolicy.NEVER,
) -> Lab:
    """A call that the first of `found` answered."""
    lab = ringing(*found, caller=caller, direct=direct, music=music, record=record)
    lab.answer((found or (tab("bob"),))[0].id)
    assert lab.state is State.TALKING
    return lab
