"""INVITEs of phones on their way to the switchboard: who may call, and what stops on the way."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from signaling.call_actions import Ring, ShowDigits, ShowEnd
from signaling.call_events import Answered, HungUp
from signaling.call_model import Endpoint, EndpointKind
from signaling.mailbox import Invitation
from signaling.shared.messages import Party
from signaling.sip.message import Request, parse
from signaling.sip.phone_calls import PhoneCalls
from signaling.timeline import What
from tests.exchange import Exchange, tab, until
from tests.installation import PASSWORD
from tests.sip import data
from tests.sip.desk import PeerDialog, answer_to
from tests.sip.door import DOMAIN, SECRET, UDP, Door


class House:
    """alice's phone before a door, bob's tab behind it."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.exchange = Exchange(tab("bob"))
        self.calls = PhoneCalls(
            door.agent, door.admission, door.registrations, self.exchange.board, domain=DOMAIN
        )
        self.exchange.board.connect(EndpointKind.CONTACT, self.calls, lambda account: [])
        self.exchange.own_domains.add(DOMAIN)

    async def invite(self, secret: str = SECRET, name: str = "alice", **changed: str) -> bytes:
        """Send a signed INVITE; returns it."""
        signed = self.door.signed(self.door.challenged(UDP), secret, name)
        self.door.sent.clear()
        raw = self.door.invite(signed, **changed)
        self.door.agent.receive(raw, UDP)
        return raw

    async def final(self) -> int:
        """The first final answer to the INVITE."""
        await until(lambda: [code for code in self.door.codes() if code >= 200])
        return next(code for code in self.door.codes() if code >= 200)


@pytest.fixture
async def house(door: Door) -> AsyncIterator[House]:
    house = House(door)
    yield house
    await house.exchange.board.stop()


async def test_a_signed_invite_rings_the_callee(house: House) -> None:
    await house.invite()
    ring = await house.exchange.phones.hears("bob", Ring)
    assert ring.offer
    assert house.door.codes() == [100]


async def test_a_wrong_secret_is_forbidden(house: House) -> None:
    await house.invite("wrong")
    assert await house.final() == 403
    assert house.exchange.board.count() == 0


async def test_nobody_calls_in_the_name_of_another(house: House) -> None:
    carol = await house.door.records.accounts.add("carol", PASSWORD)
    await house.door.records.phones.add(carol, secret=SECRET)
    await house.invite(name="carol")
    assert await house.final() == 403
    assert house.exchange.board.count() == 0


async def test_a_name_that_looks_like_an_address_is_nobody_s_address(house: House) -> None:
    await house.invite(**{'From: "Alice" <': 'From: "<sip:bob@phones.test>" <'})
    await house.exchange.phones.hears("bob", Ring)
    caller = house.exchange.phones.invitations["bob"].caller
    assert (caller.address, caller.name) == ("alice@phones.test", "alice")


async def test_a_phone_is_called_by_the_uri_that_it_registered(house: House) -> None:
    """With its push parameters as they came: they are the phone's to read."""
    assert await house.door.sign(UDP, SECRET) == 200
    alice = await house.door.records.accounts.find_named("alice")
    (endpoint,) = house.door.registrations.endpoints(alice)
    invitation = Invitation("call", Party("bob@phones.test", "Bob"), "alice", 0.0)
    house.calls.perform(invitation, endpoint, Ring(endpoint.id, 1, data.ANSWER))
    invite = house.door.sent[-1][0]
    contact = next(line for line in data.REGISTER.split(b"\r\n") if line.startswith(b"Contact"))
    uri = contact[contact.index(b"<") + 1 : contact.index(b">")]
    assert b"pn-prid=a:b&c=d" in uri
    assert invite.startswith(b"INVITE %s SIP/2.0\r\n" % uri)


async def test_an_invite_without_an_offer_is_told_what_it_lacks(house: House) -> None:
    raw = house.door.invite(house.door.signed(house.door.challenged(UDP), SECRET))
    head, _, _ = raw.partition(b"\r\n\r\n")
    bare = data.edited(head + b"\r\n\r\n", ("Content-Type: application/sdp\r\n", ""))
    size = f"Content-Length: {len(data.OFFER.encode())}"
    house.door.sent.clear()
    house.door.agent.receive(data.edited(bare, (size, "Content-Length: 0")), UDP)
    assert await house.final() == 488
    warning = house.door.responses()[-1].headers.first("warning") or ""
    assert "needs an offer" in warning


async def test_a_cancel_while_the_caller_is_looked_up_rings_nobody_for_long(house: House) -> None:
    raw = await house.invite()
    cancel = raw.replace(b"INVITE", b"CANCEL").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    lines = [
        line
        for line in cancel.decode().split("\r\n")
        if not line.startswith(("Content-", "Contact", "Authorization", "Allow"))
    ]
    head = "\r\n".join(line for line in lines if line)
    house.door.agent.receive(f"{head}\r\nContent-Length: 0\r\n\r\n".encode(), UDP)
    assert await house.final() in (200, 487)
    await until(
        lambda: not house.exchange.board.count() and not house.door.agent.counts()["pending"]
    )
    assert 487 in house.door.codes()
    rings = house.exchange.phones.all("bob", Ring)
    assert len(rings) == len(house.exchange.phones.all("bob", ShowEnd))


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/dtmf-relay", "Signal=5\r\nDuration=250\r\n"), ("application/dtmf", "5")],
)
async def test_a_key_that_a_phone_tells_by_info_is_shown_once(
    house: House, kind: str, body: str
) -> None:
    await house.invite()
    await house.exchange.phones.hears("bob", Ring)
    call = house.exchange.phones.invitations["bob"].call
    house.exchange.board.post(call, Answered("bob", data.ANSWER))
    assert await house.final() == 200
    dialog = PeerDialog(house.door.responses()[-1].to_tag)
    house.door.agent.receive(dialog.request("ACK", 103), UDP)
    for cseq in (1001, 1002):
        info = dialog.request("INFO", cseq, body, kind=kind)
        # Twice, as when the answer was lost.
        house.door.agent.receive(info, UDP)
        house.door.agent.receive(info, UDP)
    house.exchange.board.post(call, HungUp("bob"))
    await house.exchange.finished()
    shown = house.exchange.phones.all("bob", ShowDigits)
    assert [each.digits for each in shown] == ["5", "5"]


async def test_what_is_pending_at_the_stop_is_answered_503(house: House) -> None:
    await house.invite()
    await house.door.agent.stop(0)
    assert house.door.codes() == [100, 503]
    assert house.door.responses()[-1].headers.first("retry-after") == "5"
    signed = house.door.challenged(UDP)
    house.door.sent.clear()
    house.door.agent.receive(house.door.invite(house.door.signed(signed, SECRET)), UDP)
    assert house.door.codes() == [100, 503]


async def test_a_phone_that_calls_hears_that_somebody_is_being_woken(house: House) -> None:
    house.exchange.here[:] = [Endpoint("wake:mobile", EndpointKind.WAKE, "id of bob", "mobile")]
    await house.invite()
    await until(lambda: 182 in house.door.codes())
    (queued,) = [each for each in house.door.responses() if each.code == 182]
    assert queued.phrase == "Queued: waking the phone"


async def called(house: House) -> Endpoint:
    """bob calls alice's phone, which is registered; the phone."""
    assert await house.door.sign(UDP, SECRET) == 200
    alice = await house.door.records.accounts.find_named("alice")
    (endpoint,) = house.door.registrations.endpoints(alice)
    house.exchange.here.append(replace(endpoint, account="id of alice"))
    house.door.sent.clear()
    house.exchange.call(tab("bob"), to="alice")
    return endpoint


async def invited(house: House, nth: int = 1) -> Request:
    """The nth INVITE that the phone was sent."""

    def invites() -> list[Request]:
        parsed = [parse(raw) for raw, _ in house.door.sent]
        return [one for one in parsed if isinstance(one, Request) and one.method == "INVITE"]

    await until(lambda: len(invites()) >= nth)
    return invites()[nth - 1]


async def test_a_phone_that_refuses_our_offers_is_called_three_times(house: House) -> None:
    await called(house)
    branches = set()
    for nth in (1, 2, 3):
        invite = await invited(house, nth)
        branches.add(invite.via.branch)
        house.door.agent.receive(answer_to(invite, 488), UDP)
    record = await house.exchange.finished()
    assert (record.reason.value, len(branches)) == ("incompatible", 3)


async def test_the_timeline_has_the_code_that_a_phone_refused_with(house: House) -> None:
    endpoint = await called(house)
    house.door.agent.receive(answer_to(await invited(house), 486), UDP)
    record = await house.exchange.finished()
    timeline = house.exchange.directory.timelines[record.id]
    (refused,) = [hop for hop in timeline if hop.what is What.REFUSED]
    assert (refused.leg, refused.reason, refused.detail) == (endpoint.id, "busy", "SIP 486")
