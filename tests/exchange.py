"""A switchboard with everything around it made of lists: phones, accounts, history."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from signaling.call_actions import LegAction, Ring, ShowAnswer, ShowEnd
from signaling.call_events import Accepted, Answered
from signaling.call_model import Endpoint, EndpointKind, RecordPolicy
from signaling.callees import Callee
from signaling.mailbox import Invitation, Mailbox
from signaling.push_rows import StoredTarget
from signaling.shared.bus_memory import MemoryBus
from signaling.shared.messages import Party, Result
from signaling.shared.model import Account, CallRecord
from signaling.shared.reasons import EndReason
from signaling.switchboard import Switchboard, Switching
from signaling.timeline import Hop
from tests.fake_engine import FakeEngine
from tests.fake_shelf import FakeShelf

Kind = TypeVar("Kind", bound=LegAction)


def account(name: str) -> Account:
    return Account(f"id of {name}", name, f"{name}@example.org", name.title(), 1, is_admin=False)


def tab(name: str, owner: str = "bob") -> Endpoint:
    return Endpoint(name, EndpointKind.SESSION, f"id of {owner}", device=f"device of {name}")


def phone(name: str, owner: str = "bob") -> Endpoint:
    return Endpoint(name, EndpointKind.CONTACT, f"id of {owner}", host="192.0.2.7")


async def until(is_so: Callable[[], object]) -> None:
    """Let the loop run until something is so; it is soon, or the test fails."""
    async with asyncio.timeout(5.0):
        while True:
            if is_so():
                return
            await asyncio.sleep(0)


class Phones:
    """A leg port that keeps what legs were told; `breaks` are legs that raise instead."""

    def __init__(self) -> None:
        self.told: list[LegAction] = []
        self.invitations: dict[str, Invitation] = {}
        self.breaks: set[str] = set()

    def perform(self, invitation: Invitation, endpoint: Endpoint, action: LegAction) -> None:
        if endpoint.id in self.breaks:
            raise RuntimeError("this phone breaks whatever it is told")
        self.told.append(action)
        self.invitations[action.leg] = invitation

    def all(self, leg: str, kind: type[Kind]) -> list[Kind]:
        return [each for each in self.told if isinstance(each, kind) and each.leg == leg]

    async def hears(self, leg: str, kind: type[Kind]) -> Kind:
        """The last of its kind that the leg is told, once it is."""
        await until(lambda: self.all(leg, kind))
        return self.all(leg, kind)[-1]

    async def end_of(self, leg: str) -> EndReason:
        return (await self.hears(leg, ShowEnd)).reason


async def _nobody_sleeps(account: str) -> list[StoredTarget]:
    return []


class Directory:
    """Accounts and history; `gate` holds every look-up, `trouble` is raised by the named method."""

    def __init__(self) -> None:
        self.accounts = {name: account(name) for name in ("alice", "bob", "carol")}
        self.records: list[CallRecord] = []
        self.timelines: dict[str, list[Hop]] = {}
        self.blocked: set[tuple[str, str]] = set()
        self.asleep: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.trouble: dict[str, Exception] = {}
        self.targets_of: Callable[[str], Awaitable[Sequence[StoredTarget]]] = _nobody_sleeps

    async def first(self, at_most: int | None) -> list[Account]:
        return [self.accounts[name] for name in sorted(self.accounts)][:at_most]

    async def find(self, call: str, user: str, caller: str) -> Callee:
        await self.gate.wait()
        if "find" in self.trouble:
            raise self.trouble["find"]
        account = self.accounts.get(user)
        is_over = await self.recorded(call) is not None
        if account is None:
            return Callee(None, is_blocked=False, is_over=is_over)
        is_blocked = (account.id, caller) in self.blocked
        return Callee(account, is_blocked, is_over, await self.targets_of(account.id))

    async def blocking(self, caller: str) -> set[str]:
        return {account for account, address in self.blocked if address == caller}

    async def wakeable(self) -> set[str]:
        return self.asleep

    async def record(self, record: CallRecord, timeline: Sequence[Hop]) -> None:
        if "record" in self.trouble:
            raise self.trouble["record"]
        self.records.append(record)
        self.timelines[record.id] = list(timeline)

    async def recorded(self, call: str) -> CallRecord | None:
        return next((record for record in self.records if record.id == call), None)


class Exchange:
    """`here` are the endpoints that can be reached now."""

    def __init__(
        self,
        *here: Endpoint,
        ring_seconds: float = 30.0,
        direct: bool = True,
        record: RecordPolicy = RecordPolicy.NEVER,
    ) -> None:
        self.engine = FakeEngine()
        self.directory = Directory()
        self.shelf = FakeShelf()
        self.phones = Phones()
        self.here = list(here)
        self.own_domains = {"example.org"}
        self.bus = MemoryBus()
        self.board = Switchboard(
            Switching(
                self.own_domains,
                ring_seconds,
                direct=direct,
                emergency_numbers=("112",),
                record=record,
            ),
            self.engine,
            self.bus,
            self.directory,
            self.shelf,
        )
        for kind in EndpointKind:
            self.board.connect(kind, self.phones, self._endpoints(kind))

    def call(
        self,
        caller: Endpoint | None = None,
        *,
        to: str = "bob",
        call: str | None = None,
    ) -> Mailbox:
        return self.board.start(
            call or str(uuid.uuid4()),
            caller or tab("alice", "alice"),
            Party("alice@example.org", "Alice"),
            to=to,
            media=1,
            offer="offer of the caller",
        )

    async def finished(self) -> CallRecord:
        """The record of the last call, once no call is left."""
        await until(lambda: not self.board.count() and self.directory.records)
        return self.directory.records[-1]

    def _endpoints(self, kind: EndpointKind) -> Callable[[Account], list[Endpoint]]:
        def endpoints(owner: Account) -> list[Endpoint]:
            return [each for each in self.here if (each.kind, each.account) == (kind, owner.id)]

        return endpoints


MakeExchange = Callable[..., Exchange]


def accept(mailbox: Mailbox, leg: str) -> asyncio.Future[Result]:
    return mailbox.ask(lambda request: Accepted(leg, request))


def answer(mailbox: Mailbox, leg: str) -> asyncio.Future[Result]:
    return mailbox.ask(lambda request: Answered(leg, "answer of the callee", request))


async def talk(exchange: Exchange, leg: str = "linphone") -> Mailbox:
    """A call that `leg` answered."""
    mailbox = exchange.call()
    await exchange.phones.hears(leg, Ring)
    await answer(mailbox, leg)
    await exchange.phones.hears("alice", ShowAnswer)
    return mailbox
