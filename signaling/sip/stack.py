"""The SIP stack without I/O: datagrams, commands and time in; datagrams and events out."""

from collections.abc import Callable, Iterable, Sequence

from signaling.sip.compose import Composer, outgoing_invite
from signaling.sip.effects import Abandon, Effect, Repeat, Reply, Start, Tell, Transmit
from signaling.sip.events import Cancelled, Event, Received
from signaling.sip.flow import Flow
from signaling.sip.framing import KEEP_ALIVE
from signaling.sip.leg import Leg
from signaling.sip.leg_table import State as LegState
from signaling.sip.message import Pair, Request, Response, parse
from signaling.sip.screen import Answer, screen, stock_answer
from signaling.sip.syntax import BadSip
from signaling.sip.tally import Tally
from signaling.sip.timers import Deadlines
from signaling.sip.transaction import Key, On, State, Timers, Transaction, server_key
from signaling.sip.transaction_layer import Limits, TransactionLayer
from signaling.sip.uri import NameAddr


class SipStack:
    """One SIP element. After every call, drain `outgoing()` and `events()` and arm one timer.

    `new_token` returns an unguessable token; `address_for` tells host and port by which the
    other end of a flow reaches us; an INVITE or REGISTER that `ignores` says yes to gets no
    answer, and one that `gate` has an answer for gets that, before anything is kept of it
    (RFC 3261 8.2.7). Commands for legs and transactions that are over do nothing: they lost a race.
    """

    def __init__(
        self,
        *,
        domain: str,
        user_agent: str,
        new_token: Callable[[], str],
        address_for: Callable[[Flow], tuple[str, int]],
        timers: Timers | None = None,
        limits: Limits | None = None,
        ignores: Callable[[Request, Flow, float], bool] | None = None,
        gate: Callable[[Request, Flow], Answer | None] | None = None,
    ) -> None:
        self.tally = Tally()
        self._composer = Composer(domain, user_agent, new_token, address_for)
        self._timers = timers or Timers()
        self._limits = limits or Limits()
        self._ignores = ignores or _never
        self._gate = gate or _open
        # A leg stays the user of its INVITE's transaction after its end, because a 2xx that is
        # repeated then still wants its ACK.
        self._transactions: TransactionLayer[Leg] = TransactionLayer(
            self._composer, self._timers, self._limits, self.tally
        )
        self._legs: dict[str, Leg] = {}
        # Legs by Call-ID and our tag; the leg itself compares the peer's.
        self._dialogs: dict[Key, Leg] = {}
        self._deadlines: Deadlines[Leg] = Deadlines()
        self._events: list[Event] = []

    # What comes out.

    def outgoing(self) -> list[tuple[bytes, Flow]]:
        """What is to be sent, in order; taken away."""
        return self._transactions.outgoing()

    def events(self) -> list[Event]:
        """What happened, in order; taken away."""
        events, self._events = self._events, []
        return events

    def next_timer(self) -> float | None:
        """When `handle_timer` has something to do; None while there is nothing."""
        times = (self._transactions.next_timer(), self._deadlines.next())
        return min((time for time in times if time is not None), default=None)

    def counts(self) -> dict[str, int]:
        """How much is held: all zero when nothing goes on."""
        return {
            "transactions": len(self._transactions),
            "dialogs": len(self._dialogs),
            "legs": len(self._legs),
        }

    # Commands.

    def respond(
        self, transaction: Key, code: int, *, now: float, headers: Sequence[Pair] = ()
    ) -> None:
        """Answer a request that was Received."""
        found = self._transactions.find(transaction)
        if found is not None:
            self._transactions.respond(found, code, now, headers)

    def take(self, transaction: Key, leg_id: str, *, now: float) -> None:
        """Make a leg of an INVITE that was Received; Cancelled follows if it is over already."""
        found = self._transactions.find(transaction)
        if found is None or found.state is not State.PROCEEDING:
            self._events.append(Cancelled(leg_id, None))
            return
        leg = Leg.called(
            leg_id,
            self._composer,
            self._timers,
            found.request,
            found.flow,
            transaction=transaction,
            tag=found.tag,
        )
        self._enter(leg)

    def call(
        self,
        leg_id: str,
        *,
        target: str,
        flow: Flow,
        from_: NameAddr,
        to: NameAddr,
        sdp: str,
        now: float,
        call_id: str | None = None,
        headers: Sequence[Pair] = (),
        max_forwards: int = 70,
    ) -> None:
        """Call `target`, a URI, by sending to `flow`; `from_` and `to` are without tags."""
        invite = outgoing_invite(
            self._composer,
            target,
            flow,
            from_=from_,
            to=to,
            sdp=sdp,
            call_id=call_id,
            headers=headers,
            max_forwards=max_forwards,
        )
        leg = Leg(leg_id, self._composer, self._timers, invite, flow)
        self._enter(leg)
        self._perform(leg, leg.call(), now)

    def ring(self, leg_id: str, code: int = 180, *, now: float, sdp: str | None = None) -> None:
        """Answer provisionally, with 101 to 199."""
        if leg := self._legs.get(leg_id):
            self._perform(leg, leg.ring(code, sdp, now), now)

    def answer(self, leg_id: str, sdp: str, *, now: float) -> None:
        """Accept a call, or the change that it Offered.

        `sdp` answers the offer, or is our offer when there was none.
        """
        if leg := self._legs.get(leg_id):
            self._perform(leg, leg.answer(sdp, now), now)

    def reject(self, leg_id: str, code: int, *, now: float, headers: Sequence[Pair] = ()) -> None:
        """Refuse a call, with 300 or more."""
        if leg := self._legs.get(leg_id):
            self._perform(leg, leg.reject(code, headers, now), now)

    def hang_up(self, leg_id: str, *, now: float, reason: str | None = None) -> None:
        """End a leg by whatever its state takes; `reason` is a Reason header (RFC 3326)."""
        if leg := self._legs.get(leg_id):
            self._perform(leg, leg.hang_up(reason, now), now)

    def propose(self, leg_id: str, sdp: str, *, now: float) -> None:
        """Ask the peer of an answered leg for a change; one at a time.

        Agreed or Refused follows, or Ended when the peer knows of no session.
        """
        if leg := self._legs.get(leg_id):
            self._perform(leg, leg.propose(sdp, now), now)

    def refuse_offer(
        self, leg_id: str, code: int, *, now: float, headers: Sequence[Pair] = ()
    ) -> None:
        """Refuse what a leg Offered, with 300 or more; the call goes on as it was."""
        if leg := self._legs.get(leg_id):
            self._perform(leg, leg.refuse_offer(code, headers), now)

    # Time.

    def handle_timer(self, now: float) -> None:
        """Let the time be `now`."""
        for leg, method in self._transactions.handle_timer(now):
            self._perform(leg, leg.on_timeout(method, now), now)
        while due := self._deadlines.due(now):
            self._perform(due, due.handle_timer(now), now)

    # What comes in.

    def lose(self, flow: Flow, now: float) -> None:
        """The connection that a flow was is gone: what waits for an answer on it has failed."""
        for leg, method in self._transactions.lose(flow, now):
            self._perform(leg, leg.on_broken(method, now), now)
        for leg in [leg for leg in self._legs.values() if leg.flow == flow]:
            self._perform(leg, leg.on_lost(now), now)

    def hasten(self, flow: Flow, now: float) -> None:
        """A phone listens there again: what it has not answered is sent once more."""
        self._transactions.hasten(flow, now)

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """Take one datagram, or one message of a stream. What is not SIP gets no answer."""
        if not data.strip(b"\r\n"):
            if flow.reliable and data == KEEP_ALIVE:
                self._transactions.send(b"\r\n", flow)  # the pong of RFC 5626 3.5.1
            return
        try:
            message = parse(data)
            if isinstance(message, Response):
                self._receive_response(message, now)
                return
            self.tally.request("received", message.method)
            if message.method == "ACK":
                self._receive_ack(message, now)
            else:
                self._receive_request(message, flow, now)
        except BadSip:
            # Without a readable Via there is nobody to tell, and an ACK or a response is never
            # answered. Requests that can be answered were.
            return

    def _receive_response(self, response: Response, now: float) -> None:
        if len(response.headers.values("via")) != 1:
            return  # It was meant for a hop further back (RFC 3261 8.1.3.3).
        _ = (response.call_id, response.from_tag, response.to_tag, response.body)
        if response.cseq.method == "INVITE" and response.code < 300:
            _ = (response.contacts, response.record_routes)
        self.tally.response("received", response.cseq.method, response.code)
        leg = self._transactions.receive_response(response, now)
        if leg is not None:
            self._perform(leg, leg.on_response(response, now), now)

    def _receive_ack(self, ack: Request, now: float) -> None:
        invite = self._transactions.find(server_key(ack, "INVITE"))
        if invite is not None and invite.accepts(On.ACK):
            self._transactions.receive_repeated(invite, On.ACK, now)
            return
        _ = ack.body
        leg = self._dialogs.get((ack.call_id, ack.to_tag))
        if leg is not None:
            self._perform(leg, leg.on_ack(ack, now), now)

    def _receive_request(self, request: Request, flow: Flow, now: float) -> None:
        _ = request.via
        try:
            known = self._transactions.find(server_key(request, request.method))
        except BadSip as error:
            self._refuse(request, Answer(400, phrase=f"Bad Request: {error}"), flow)
            return
        if known is not None:
            self._transactions.receive_repeated(known, On.REQUEST, now)
            return
        if request.method in ("INVITE", "REGISTER") and self._ignores(request, flow, now):
            return
        refusal = screen(request)
        if refusal is None and not request.to_tag and request.method in ("INVITE", "REGISTER"):
            refusal = self._gate(request, flow)
        if refusal is None and not self._transactions.has_room(flow):
            refusal = Answer(503, [("Retry-After", str(self._limits.retry_after))])
        if refusal is not None:
            self._refuse(request, refusal, flow)
            return
        self._serve(self._transactions.open(request, flow, now), now)

    def _refuse(self, request: Request, answer: Answer, flow: Flow) -> None:
        # Without a transaction, so that what is refused costs no memory.
        response = self._composer.response(
            request,
            answer.code,
            flow,
            tag=self._composer.new_token(),
            headers=answer.headers,
            phrase=answer.phrase,
        )
        self.tally.response("sent", request.method, answer.code)
        self._transactions.send(bytes(response), flow)

    def _serve(self, transaction: Transaction, now: float) -> None:
        request = transaction.request
        if request.method == "CANCEL":
            self._serve_cancel(transaction, now)
        elif request.to_tag:
            self._serve_in_dialog(transaction, now)
        elif self._transactions.is_merged(transaction):
            self._transactions.respond(transaction, 482, now)
        elif request.method in ("INVITE", "REGISTER"):
            if request.method == "INVITE":
                self._transactions.respond(transaction, 100, now)
            self._events.append(Received(transaction.key, request, transaction.flow))
        else:
            answer = stock_answer(request)
            self._transactions.respond(transaction, answer.code, now, answer.headers)

    def _serve_in_dialog(self, transaction: Transaction, now: float) -> None:
        request = transaction.request
        leg = self._dialogs.get((request.call_id, request.to_tag))
        if leg is None:
            self._transactions.respond(transaction, 481, now)
            return
        effects = leg.on_request(transaction.key, request, transaction.flow, now)
        self._perform(leg, effects, now)

    def _serve_cancel(self, transaction: Transaction, now: float) -> None:
        cancel = transaction.request
        invite = self._transactions.find(server_key(cancel, "INVITE"))
        if invite is None or not _is_same_request(cancel, invite.request):
            self._transactions.respond(transaction, 481, now)
            return
        # The same tag as in the INVITE's answers (RFC 3261 9.2).
        transaction.tag = invite.tag
        self._transactions.respond(transaction, 200, now)
        leg = self._dialogs.get((cancel.call_id, invite.tag))
        if leg is not None:
            self._perform(leg, leg.on_cancel(cancel, now), now)
        else:
            # Nobody took the call yet; whoever does will hear that it was cancelled.
            self._transactions.respond(invite, 487, now)

    # Legs.

    def _enter(self, leg: Leg) -> None:
        if leg.id in self._legs or leg.key in self._dialogs:
            raise ValueError("the leg exists already")
        self._legs[leg.id] = leg
        self._dialogs[leg.key] = leg

    def _perform(self, leg: Leg, effects: Iterable[Effect], now: float) -> None:
        for effect in effects:
            match effect:
                case Start(request, flow, followed):
                    self._transactions.start(request, flow, leg if followed else None, now)
                case Transmit(request, flow):
                    self._transactions.send(bytes(request), flow)
                case Reply(key, code, headers, sdp):
                    if transaction := self._transactions.find(key):
                        self._transactions.respond(transaction, code, now, headers, sdp)
                case Repeat(key):
                    self._transactions.repeat(key, now)
                case Abandon(invite):
                    self._transactions.abandon(invite, now)
                case Tell(event):
                    self._events.append(event)
        if leg.state is LegState.OVER:
            self._forget(leg)
        else:
            self._deadlines.set(leg, leg.deadline)

    def _forget(self, leg: Leg) -> None:
        self._deadlines.set(leg, None)
        # An ended leg may be forgotten twice, and by then another one have its id.
        if self._legs.get(leg.id) is leg:
            del self._legs[leg.id]
        self._dialogs.pop(leg.key, None)


def _never(request: Request, flow: Flow, now: float) -> bool:
    return False


def _open(request: Request, flow: Flow) -> Answer | None:
    """Whoever comes is served."""
    return None


def _is_same_request(cancel: Request, invite: Request) -> bool:
    return (cancel.call_id, cancel.from_tag, cancel.cseq.number) == (
        invite.call_id,
        invite.from_tag,
        invite.cseq.number,
    )
