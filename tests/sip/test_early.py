"""Early media of SIP phones: provisional answers with a description, in and out."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from media.engine import Connected
from signaling.call_actions import ShowAnswer, ShowEarly
from signaling.call_model import EndpointKind
from signaling.mailbox import Mailbox
from signaling.session_legs import translate
from signaling.shared.messages import CallAnswered, CallProgress
from signaling.sip.message import Request, Response, parse
from signaling.sip.phone_calls import PhoneCalls
from signaling.timeline import What
from tests.exchange import Exchange, tab, until
from tests.sip import data
from tests.sip.desk import answer_to
from tests.sip.door import DOMAIN, ELSEWHERE, SECRET, UDP, Door

RINGING, PROGRESS, OK = 180, 183, 200


class Gateway:
    """A phone that sounds before it is answered, registered from elsewhere; and who calls it."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.exchange = Exchange()
        board = self.exchange.board
        calls = PhoneCalls(door.agent, door.admission, door.registrations, board, domain=DOMAIN)
        board.connect(EndpointKind.CONTACT, calls, lambda account: [])
        self.exchange.own_domains.add(DOMAIN)
        self.invite: Request | None = None

    async def register(self) -> None:
        assert await self.door.sign(ELSEWHERE, SECRET) == OK
        alice = await self.door.records.accounts.find_named("alice")
        (endpoint,) = self.door.registrations.endpoints(alice)
        self.exchange.here.append(replace(endpoint, account="id of bob"))
        self.door.sent.clear()

    async def called_by_a_browser(self) -> Mailbox:
        mailbox = self.exchange.call(tab("browser", "alice"))
        await self._invited()
        return mailbox

    async def called_by_a_phone(self) -> None:
        signed = self.door.signed(self.door.challenged(UDP), SECRET)
        self.door.agent.receive(self.door.invite(signed), UDP)
        await self._invited()

    def answers(self, code: int, body: str = "", *, tag: str = "peer") -> None:
        assert self.invite is not None
        self.door.agent.receive(answer_to(self.invite, code, body=body, tag=tag), ELSEWHERE)

    async def speaks(self) -> None:
        """Its description was read, and its first packet reaches the engine."""
        await until(lambda: self.exchange.engine.legs("accept"))
        (leg,) = {leg for asked, leg in self.exchange.engine.asked if asked == "accept"}
        self.exchange.engine.tell(Connected(leg))

    def told(self, code: int) -> list[Response]:
        """What the caller's phone was answered with this code."""
        parsed = [parse(raw) for raw, flow in self.door.sent if flow == UDP]
        return [each for each in parsed if isinstance(each, Response) and each.code == code]

    async def _invited(self) -> None:
        await until(lambda: self._invites())
        (self.invite,) = self._invites()

    def _invites(self) -> list[Request]:
        parsed = [parse(raw) for raw, _ in self.door.sent]
        return [each for each in parsed if isinstance(each, Request) and each.method == "INVITE"]


@pytest.fixture
async def gateway(door: Door) -> AsyncIterator[Gateway]:
    gateway = Gateway(door)
    await gateway.register()
    yield gateway
    await gateway.exchange.board.stop()


@pytest.mark.parametrize("code", [RINGING, PROGRESS])
async def test_a_browser_hears_it_and_is_answered_once(gateway: Gateway, code: int) -> None:
    mailbox = await gateway.called_by_a_browser()
    phones, invitation = gateway.exchange.phones, mailbox.invitation
    gateway.answers(code, data.ANSWER)
    await gateway.speaks()
    early = await phones.hears("browser", ShowEarly)
    answer = "engine answers offer of the caller"
    assert translate(invitation, early, 0.0) == CallProgress(
        call=mailbox.call.id, state="early", media=1, answer=answer
    )
    gateway.answers(OK, data.ANSWER)
    answered = await phones.hears("browser", ShowAnswer)
    assert translate(invitation, answered, 0.0) == CallAnswered(
        call=mailbox.call.id, media=1, answer=None
    )
    assert gateway.exchange.engine.legs("open").count("browser/1") == 1


async def test_a_browser_that_hears_it_again_gets_no_second_answer(gateway: Gateway) -> None:
    mailbox = await gateway.called_by_a_browser()
    again = ShowEarly("browser", 1, "the answer", repeated=True)
    told = translate(mailbox.invitation, again, 0.0)
    assert told == CallProgress(call=mailbox.call.id, state="early")


async def test_a_phone_hears_it_by_183_and_the_200_repeats_the_description(
    gateway: Gateway,
) -> None:
    await gateway.called_by_a_phone()
    gateway.answers(PROGRESS, data.ANSWER)
    await gateway.speaks()
    await until(lambda: gateway.told(PROGRESS))
    gateway.answers(OK, data.ANSWER)
    await until(lambda: gateway.told(OK))
    (progress,), (ok,) = gateway.told(PROGRESS), gateway.told(OK)
    assert progress.sdp is not None
    assert progress.sdp.startswith("engine answers")
    assert ok.sdp == progress.sdp
    assert ok.to_tag == progress.to_tag
    assert len(gateway.told(RINGING)) == 1


async def test_each_dialog_of_a_fork_behind_the_phone_is_told_to_the_engine(
    gateway: Gateway,
) -> None:
    await gateway.called_by_a_browser()
    gateway.answers(PROGRESS, data.ANSWER, tag="one")
    gateway.answers(PROGRESS, data.ANSWER.replace("audio 10000", "audio 10002"), tag="two")
    gateway.answers(OK, data.ANSWER, tag="one")
    await gateway.exchange.phones.hears("browser", ShowAnswer)
    assert len(gateway.exchange.engine.legs("accept")) == 3


async def test_a_refusal_after_it_is_told_as_ever(gateway: Gateway) -> None:
    await gateway.called_by_a_browser()
    gateway.answers(PROGRESS, data.ANSWER)
    await gateway.speaks()
    await gateway.exchange.phones.hears("browser", ShowEarly)
    gateway.answers(486)
    record = await gateway.exchange.finished()
    assert record.reason == "busy"
    hops = [hop.what for hop in gateway.exchange.directory.timelines[record.id]]
    assert hops.index(What.TOLD_RINGING) < hops.index(What.TOLD_EARLY) < hops.index(What.REFUSED)
