"""An exchange at night: bob's devices sleep, and what they are pushed is kept in a list."""

from signaling.call_actions import LegAction, Ring, ShowLateEnd
from signaling.call_model import Endpoint, EndpointKind, Reach
from signaling.mailbox import Mailbox
from signaling.push_rows import Origin
from signaling.records import Records
from signaling.shared.model import Account
from signaling.shared.push import (
    Notice,
    Provider,
    PushJob,
    PushKind,
    PushQueue,
    PushReport,
    Step,
    Target,
    report_of,
)
from signaling.shared.push_envelope import unseal
from signaling.waking import CallPort, Waking, leg_of
from tests.exchange import Exchange, until
from tests.installation import PASSWORD, Clock

TOPIC = "push reports of this test"


class Queue:
    """Keeps jobs; nothing is sent before the test reports that it was."""

    def __init__(self) -> None:
        self.jobs: list[PushJob] = []
        self.withdrawn: list[str] = []

    def put(self, job: PushJob) -> None:
        self.jobs.append(job)

    def withdraw(self, key: str, expires_at: float) -> None:
        self.withdrawn.append(key)


class Night:
    """`clock` is the waking's and the store's; calls run by the loop's."""

    def __init__(self, records: Records, clock: Clock, bob: Account, login: str) -> None:
        self.records = records
        self.clock = clock
        self.bob = bob
        self.login = login
        self.exchange = Exchange()
        self.exchange.directory.accounts["bob"] = bob
        self.exchange.directory.targets_of = records.push_targets.of_account
        self.queue = Queue()
        self.uptime = 0.0
        self.refused = 0
        self.waking = self.woken_by(self.queue, TOPIC)

    def woken_by(self, queue: PushQueue, topic: str) -> Waking:
        """Have devices woken by what stands in this queue from now on."""
        waking = Waking(
            self.records.push_targets,
            queue,
            self.records.keyring,
            self.exchange.bus,
            CallPort(self.exchange.board.post, self.exchange.board.late_ends.remember),
            topic=topic,
            refused=self._refuse,
            clock=self.clock,
            uptime=lambda: self.uptime,
        )
        self.exchange.board.connect_sleepers(waking)
        return waking

    def _refuse(self) -> None:
        self.refused += 1

    @classmethod
    async def falls(cls, records: Records, clock: Clock) -> "Night":
        bob = await records.accounts.add("bob", PASSWORD)
        tokens = await records.logins.open(bob)
        login = (await records.logins.authenticate(tokens.access)).login
        return cls(records, clock, bob, login)

    async def register(
        self, device: str, *tokens: str, missed: bool = False, phone: str | None = None
    ) -> None:
        """Have the device's targets be these."""
        origin = Origin(self.bob.id, device, login=None if phone else self.login, phone=phone)
        targets = [Target(Provider.FCM, f"project of {token}", token=token) for token in tokens]
        await self.records.push_targets.replace(origin, targets, wants_missed=missed)

    async def worked(self, token: str) -> None:
        """A push to the token was accepted some time later."""
        self.clock.advance(60.0)
        stored = await self.records.push_targets.of_account(self.bob.id)
        (target,) = [each for each in stored if each.target.token == token]
        now = self.clock()
        report = PushReport(
            "", PushKind.TEST, self.bob.id, "", target.id, Provider.FCM, Step.ACCEPTED, now, 1, now
        )
        await self.records.push_targets.note(report)

    # --- bob's devices

    def tab(self, name: str, device: str, reach: Reach = Reach.AWAKE) -> Endpoint:
        return Endpoint(name, EndpointKind.SESSION, self.bob.id, device, reach=reach)

    def contact(self, name: str, device: str, path: str = "home") -> Endpoint:
        return Endpoint(name, EndpointKind.CONTACT, self.bob.id, device, "192.0.2.7", path)

    def appears(self, endpoint: Endpoint) -> None:
        self.exchange.board.appeared(endpoint)

    # --- what is pushed

    def pushed(self, kind: PushKind = PushKind.CALL) -> list[str]:
        """The tokens that a push of a kind went to, in order."""
        return [self.opened(job)[0].token or "" for job in self.queue.jobs if job.kind is kind]

    def opened(self, job: PushJob) -> tuple[Target, Notice]:
        return unseal(self.records.keyring, job)

    async def is_pushed(self, count: int = 1) -> PushJob:
        """The last of so many jobs, once they are there."""
        await until(lambda: len(self.queue.jobs) >= count)
        return self.queue.jobs[count - 1]

    def report(self, job: PushJob, step: Step, reason: str = "", *, dead: bool = False) -> None:
        """What a worker says of a job."""
        told = report_of(job, step, at=self.clock(), attempt=1, reason=reason or None, dead=dead)
        self.exchange.bus.publish(job.reply_to, told)

    # --- what is told

    def late_ends(self, endpoint: str) -> list[ShowLateEnd]:
        return self.exchange.phones.all(endpoint, ShowLateEnd)

    async def rings(self, endpoint: str) -> LegAction:
        return await self.exchange.phones.hears(endpoint, Ring)

    def sleeps_in(self, mailbox: Mailbox, device: str) -> bool:
        leg = mailbox.call.legs.get(leg_of(device))
        return leg is not None and leg.live
