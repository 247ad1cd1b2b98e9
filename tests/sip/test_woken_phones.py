"""SIP phones that are woken by a push: the INVITE that follows, wherever and however late."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signaling.call_actions import Ring, ShowAnswer
from signaling.call_events import HungUp
from signaling.call_model import Endpoint, EndpointKind
from signaling.call_wake import sip_call_id
from signaling.mailbox import Mailbox
from signaling.shared.push import Provider
from signaling.shared.push_envelope import unseal
from signaling.sip.flow import Flow
from signaling.sip.message import Request, parse
from signaling.sip.phone_calls import PhoneCalls
from signaling.sip.pn import Offer
from signaling.waking import CallPort, Waking
from tests.exchange import Exchange, answer, tab, until
from tests.installation import PASSWORD, Clock, installation
from tests.night import Queue
from tests.sip import data
from tests.sip.desk import answer_to
from tests.sip.door import DOMAIN, ELSEWHERE, SECRET, TCP, UDP, Door

DEVICE = "sip-6f0a93c4-55f7-4a5c-9c6f-9d0ba4a6b6a1"
CONTACT = (
    "<sip:alice@{host};pn-provider=fcm;pn-param=929724111839;pn-prid=cFNzb3V0aA:APA91b-H_x>"
    ';+sip.instance="<urn:uuid:6f0a93c4-55f7-4a5c-9c6f-9d0ba4a6b6a1>"'
)


class Bedroom:
    """alice's phone by her bed, and bob's tab, which calls her."""

    def __init__(self, door: Door, owner: str) -> None:
        self.door = door
        self.exchange = Exchange()
        self.queue = Queue()
        board, records = self.exchange.board, door.records
        self.phones = PhoneCalls(
            door.agent, door.admission, door.registrations, board, domain=DOMAIN
        )
        board.connect(EndpointKind.CONTACT, self.phones, door.registrations.endpoints)
        self.exchange.directory.targets_of = records.push_targets.of_account
        self.waking = Waking(
            records.push_targets,
            self.queue,
            records.keyring,
            self.exchange.bus,
            CallPort(board.post, board.late_ends.remember),
            topic="push reports",
            refused=lambda: None,
        )
        board.connect_sleepers(self.waking)
        self.owner = owner

    async def register(self, flow: Flow) -> None:
        """Register from somewhere; what is sent from then on is in the door's list."""
        contact = CONTACT.format(host=f"{flow.host}:{flow.port}")
        answered = await self.door.register(flow, contact=contact)
        assert answered is not None
        assert answered.code == 200
        self.door.sent.clear()
        while self.door.appeared:
            self.exchange.board.appeared(self.door.appeared.pop(0))

    async def sleep(self) -> None:
        """Register once, and lose the connection."""
        await self.register(TCP)
        self.door.agent.lose(TCP)

    def call(self) -> Mailbox:
        return self.exchange.call(tab("bob"), to="alice")

    async def cancelled(self) -> Mailbox:
        """A call that pushed the sleeping phone, and was cancelled before it came."""
        await self.sleep()
        mailbox = self.call()
        await until(lambda: self.queue.jobs)
        mailbox.post(HungUp("bob"))
        await self.exchange.finished()
        return mailbox

    def sent(self, method: str) -> list[tuple[Request, Flow]]:
        found = [(parse(raw), flow) for raw, flow in self.door.sent]
        return [
            (each, flow)
            for each, flow in found
            if isinstance(each, Request) and each.method == method
        ]

    async def sends(self, method: str, count: int = 1) -> Request:
        """The last of so many requests, once they were sent."""
        await until(lambda: len(self.sent(method)) >= count)
        return self.sent(method)[count - 1][0]

    def answers(self, request: Request, code: int, flow: Flow = UDP, *, body: str = "") -> None:
        self.door.agent.receive(answer_to(request, code, body=body), flow)


@pytest.fixture
async def bedroom(tmp_path: Path) -> AsyncIterator[Bedroom]:
    async with installation(tmp_path, Clock()) as records:
        alice = await records.accounts.add("alice", PASSWORD)
        await records.phones.add(alice, secret=SECRET)
        door = Door(records, Offer((Provider.FCM,)))
        bedroom = Bedroom(door, alice.id)
        bedroom.exchange.directory.accounts["alice"] = alice
        yield bedroom
        await bedroom.exchange.board.stop()
        await bedroom.waking.stop()
        door.registrations.stop()
        await door.agent.stop(0)


class TestCallId:
    async def test_the_push_names_the_call_id_of_the_invite_that_follows(
        self, bedroom: Bedroom
    ) -> None:
        await bedroom.sleep()
        mailbox = bedroom.call()
        await until(lambda: bedroom.queue.jobs)
        (job,) = bedroom.queue.jobs
        _, notice = unseal(bedroom.door.records.keyring, job)
        await bedroom.register(UDP)
        invite = await bedroom.sends("INVITE")
        assert invite.call_id == notice.sip_call_id == sip_call_id(mailbox.call.id, DEVICE)

    async def test_a_phone_that_comes_back_from_elsewhere_is_called_there_by_the_same(
        self, bedroom: Bedroom
    ) -> None:
        await bedroom.register(UDP)
        mailbox = bedroom.call()
        first = await bedroom.sends("INVITE")
        await bedroom.register(ELSEWHERE)
        second = await bedroom.sends("INVITE")
        ((_, flow),) = bedroom.sent("INVITE")
        assert flow == ELSEWHERE
        assert second.call_id == first.call_id
        assert second.from_tag != first.from_tag
        bedroom.answers(first, 180)
        cancel = await bedroom.sends("CANCEL")
        assert cancel.via.branch == first.via.branch
        bedroom.answers(second, 200, ELSEWHERE, body=data.ANSWER)
        await bedroom.exchange.phones.hears("bob", ShowAnswer)
        bedroom.answers(first, 487)
        assert mailbox.call.winner is not None
        assert bedroom.door.agent.counts()["legs"] == 1

    async def test_a_phone_that_comes_back_to_the_same_place_is_sent_the_call_at_once(
        self, bedroom: Bedroom
    ) -> None:
        await bedroom.register(UDP)
        bedroom.call()
        invite = await bedroom.sends("INVITE")
        contact = CONTACT.format(host=f"{UDP.host}:{UDP.port}")
        await bedroom.door.register(UDP, contact=contact, call_id="since-the-push")
        repeated, flow = bedroom.sent("INVITE")[0]
        assert (bytes(repeated), flow) == (bytes(invite), UDP)
        # Its own binding, so that the call knows that the device came.
        (known,) = bedroom.door.registrations.endpoints(
            bedroom.exchange.directory.accounts["alice"]
        )
        assert [each.id for each in bedroom.door.appeared] == [known.id]

    async def test_one_that_declines_there_ends_the_call(self, bedroom: Bedroom) -> None:
        await bedroom.register(UDP)
        bedroom.call()
        await bedroom.sends("INVITE")
        await bedroom.register(ELSEWHERE)
        bedroom.answers(await bedroom.sends("INVITE"), 603, ELSEWHERE)
        assert (await bedroom.exchange.finished()).reason == "declined"
        assert bedroom.phones.count() == 0


async def test_a_phone_that_calls_its_own_account_is_not_woken_for_it(bedroom: Bedroom) -> None:
    await bedroom.register(UDP)
    directory, door = bedroom.exchange.directory, bedroom.door
    bedroom.exchange.own_domains.add(DOMAIN)
    directory.accounts["bob"] = directory.accounts["alice"]
    signed = door.signed(door.challenged(UDP), SECRET)
    door.agent.receive(door.invite(signed), UDP)
    assert (await bedroom.exchange.finished()).reason == "unavailable"
    assert bedroom.queue.jobs == []


class TestTooLate:
    async def test_a_phone_that_comes_after_the_end_is_shown_a_call_that_is_cancelled(
        self, bedroom: Bedroom
    ) -> None:
        await bedroom.cancelled()
        await bedroom.register(UDP)
        invite = await bedroom.sends("INVITE")
        bedroom.answers(invite, 180)
        cancel = await bedroom.sends("CANCEL")
        assert cancel.headers.first("reason") == 'SIP;cause=487;text="cancelled"'
        bedroom.answers(cancel, 200)
        bedroom.answers(invite, 487)
        await bedroom.sends("ACK")
        assert bedroom.door.agent.counts()["legs"] == bedroom.phones.count() == 0

    async def test_one_that_answers_before_the_cancel_is_hung_up_on(self, bedroom: Bedroom) -> None:
        await bedroom.cancelled()
        await bedroom.register(UDP)
        invite = await bedroom.sends("INVITE")
        bedroom.answers(invite, 200, body=data.ANSWER)
        await bedroom.sends("ACK")
        bye = await bedroom.sends("BYE")
        assert bye.headers.first("reason") == 'SIP;cause=487;text="cancelled"'
        bedroom.answers(bye, 200)
        assert bedroom.door.agent.counts()["legs"] == 0

    async def test_one_whose_answer_crosses_the_cancel_is_hung_up_on(
        self, bedroom: Bedroom
    ) -> None:
        await bedroom.cancelled()
        await bedroom.register(UDP)
        invite = await bedroom.sends("INVITE")
        bedroom.answers(invite, 180)
        await bedroom.sends("CANCEL")
        bedroom.answers(invite, 200, body=data.ANSWER)
        bedroom.answers(await bedroom.sends("BYE"), 200)
        assert bedroom.door.agent.counts()["legs"] == 0

    async def test_answered_elsewhere_is_told_as_such(self, bedroom: Bedroom) -> None:
        await bedroom.sleep()
        desk = Endpoint("desk", EndpointKind.SESSION, bedroom.owner, "desk")
        bedroom.exchange.here.append(desk)
        mailbox = bedroom.call()
        await bedroom.exchange.phones.hears("desk", Ring)
        await until(lambda: bedroom.queue.jobs)
        await answer(mailbox, "desk")
        await bedroom.register(UDP)
        bedroom.answers(await bedroom.sends("INVITE"), 180)
        cancel = await bedroom.sends("CANCEL")
        assert cancel.headers.first("reason") == 'SIP;cause=200;text="answered_elsewhere"'

    async def test_the_call_that_is_shown_has_the_call_id_of_the_push(
        self, bedroom: Bedroom
    ) -> None:
        mailbox = await bedroom.cancelled()
        await bedroom.register(UDP)
        invite = await bedroom.sends("INVITE")
        assert invite.call_id == sip_call_id(mailbox.call.id, DEVICE)
        assert "a=inactive" in (invite.sdp or "")
