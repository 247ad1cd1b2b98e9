"""All transactions that are open: found by key, bounded in number, ended in time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from signaling.sip.compose import Composer, failure_ack
from signaling.sip.flow import Flow
from signaling.sip.message import Pair, Request, Response
from signaling.sip.tally import Tally
from signaling.sip.timers import Deadlines
from signaling.sip.transaction import (
    Do,
    Key,
    Kind,
    On,
    State,
    Timers,
    Transaction,
    client_key,
    server_key,
)

U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many server transactions are held; what comes beyond is answered 503."""

    transactions: int = 20_000
    transactions_per_host: int = 2_000
    retry_after: int = 10


class TransactionLayer(Generic[U]):
    """Runs client transactions for users of type U, and server transactions for anyone."""

    def __init__(self, composer: Composer, timers: Timers, limits: Limits, tally: Tally) -> None:
        self._composer = composer
        self._timers = timers
        self._limits = limits
        self._tally = tally
        self._clients: dict[Key, tuple[Transaction, U | None]] = {}
        self._servers: dict[Key, Transaction] = {}
        self._per_host: Counter[str] = Counter()
        # What two copies of a request share that came on different ways (RFC 3261 8.2.2.2).
        self._originals: dict[Key, Key] = {}
        self._deadlines: Deadlines[Transaction] = Deadlines()
        self._outgoing: list[tuple[bytes, Flow]] = []

    def __len__(self) -> int:
        return len(self._clients) + len(self._servers)

    def send(self, data: bytes, flow: Flow) -> None:
        """Send a datagram that no transaction repeats."""
        self._outgoing.append((data, flow))

    def outgoing(self) -> list[tuple[bytes, Flow]]:
        """What is to be sent, in order; taken away."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    # Client transactions.

    def start(self, request: Request, flow: Flow, user: U | None, now: float) -> None:
        """Send a request; `user` gets its responses."""
        kind = Kind.INVITE_CLIENT if request.method == "INVITE" else Kind.CLIENT
        key = client_key(request.via.branch, request.method)
        transaction = Transaction(kind, key, request, flow, self._timers, now)
        transaction.sent = bytes(request)
        self._clients[key] = (transaction, user)
        self._tally.request("sent", request.method)
        self.send(transaction.sent, flow)
        self._arm(transaction)

    def receive_response(self, response: Response, now: float) -> U | None:
        """The user that the response is for; None when it is stray, repeated or nobody's."""
        key = client_key(response.via.branch, response.cseq.method)
        if key not in self._clients:
            return None
        transaction, user = self._clients[key]
        actions = transaction.feed(On.code(response.code), now)
        if Do.ACK in actions:
            self.send(bytes(failure_ack(transaction.request, response)), transaction.flow)
        self._arm(transaction)
        return user if Do.PASS in actions else None

    def abandon(self, invite: Request, now: float) -> None:
        """Give our INVITE, which was cancelled, only so long to end."""
        key = client_key(invite.via.branch, "INVITE")
        if key in self._clients:
            transaction, _ = self._clients[key]
            transaction.feed(On.ABANDON, now)
            self._arm(transaction)

    def hasten(self, flow: Flow, now: float) -> None:
        """Repeat at once what waits there for its first answer: somebody listens again.

        The next repeat of an INVITE may be sixteen seconds away by then.
        """
        for transaction, _ in list(self._clients.values()):
            waits = transaction.state in (State.CALLING, State.TRYING)
            if waits and transaction.flow == flow and not flow.reliable:
                self._serve(transaction, On.REPEAT, now)

    # Server transactions.

    def find(self, key: Key) -> Transaction | None:
        """The server transaction of that key."""
        return self._servers.get(key)

    def has_room(self, flow: Flow) -> bool:
        """Whether a request from there may open a transaction."""
        return (
            len(self._servers) < self._limits.transactions
            and self._per_host[flow.host] < self._limits.transactions_per_host
        )

    def open(self, request: Request, flow: Flow, now: float) -> Transaction:
        """A server transaction for a request that has none."""
        kind = Kind.INVITE_SERVER if request.method == "INVITE" else Kind.SERVER
        key = server_key(request, request.method)
        transaction = Transaction(kind, key, request, flow, self._timers, now)
        transaction.tag = request.to_tag or self._composer.new_token()
        self._servers[key] = transaction
        self._per_host[flow.host] += 1
        self._originals.setdefault(_original(request), key)
        self._arm(transaction)
        return transaction

    def is_merged(self, transaction: Transaction) -> bool:
        """Whether the same request came before on another way and is still being served."""
        return self._originals.get(_original(transaction.request)) != transaction.key

    def receive_repeated(self, transaction: Transaction, event: On, now: float) -> None:
        """A request came again, or its ACK came."""
        self._serve(transaction, event, now)

    def respond(
        self,
        transaction: Transaction,
        code: int,
        now: float,
        headers: Sequence[Pair] = (),
        sdp: str | None = None,
    ) -> None:
        """Answer a request; nothing happens when it has its final answer already."""
        if not transaction.accepts(On.code(code)):
            return
        response = self._composer.response(
            transaction.request,
            code,
            transaction.flow,
            tag=transaction.tag,
            headers=headers,
            sdp=sdp,
        )
        transaction.sent = bytes(response)
        self._tally.response("sent", transaction.request.method, code)
        self._serve(transaction, On.code(code), now)

    def repeat(self, key: Key, now: float) -> None:
        """Send the last response again."""
        transaction = self._servers.get(key)
        if transaction is not None:
            self._serve(transaction, On.REPEAT, now)

    # Time.

    def next_timer(self) -> float | None:
        """When `handle_timer` has something to do."""
        return self._deadlines.next()

    def handle_timer(self, now: float) -> list[tuple[U, str]]:
        """Let the time be `now`; returns users whose request of that method got no answer."""
        lost = []
        while transaction := self._deadlines.due(now):
            actions = transaction.handle_timer(now)
            if Do.SEND in actions and transaction.sent:
                self.send(transaction.sent, transaction.flow)
            _, user = self._clients.get(transaction.key, (None, None))
            if Do.FAIL in actions and user is not None:
                lost.append((user, transaction.request.method))
            self._arm(transaction)
        return lost

    def lose(self, flow: Flow, now: float) -> list[tuple[U, str]]:
        """A connection is gone; returns users whose request of that method can get no answer."""
        lost = []
        for transaction, user in list(self._clients.values()):
            if transaction.flow != flow:
                continue
            if Do.FAIL in transaction.feed(On.BROKEN, now) and user is not None:
                lost.append((user, transaction.request.method))
            self._arm(transaction)
        return lost

    def _serve(self, transaction: Transaction, event: On, now: float) -> None:
        if Do.SEND in transaction.feed(event, now) and transaction.sent:
            self.send(transaction.sent, transaction.flow)
        self._arm(transaction)

    def _arm(self, transaction: Transaction) -> None:
        self._deadlines.set(transaction, transaction.deadline)
        if transaction.state is not State.TERMINATED:
            return
        if transaction.kind in (Kind.INVITE_CLIENT, Kind.CLIENT):
            self._clients.pop(transaction.key, None)
            return
        del self._servers[transaction.key]
        self._per_host[transaction.flow.host] -= 1
        if not self._per_host[transaction.flow.host]:
            del self._per_host[transaction.flow.host]
        if not self.is_merged(transaction):
            del self._originals[_original(transaction.request)]


def _original(request: Request) -> Key:
    return (
        request.call_id,
        request.from_tag,
        str(request.cseq.number),
        request.method,
    )
