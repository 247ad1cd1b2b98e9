"""The sessions of this process: by id and by account, with and without a socket."""

import uuid
from dataclasses import dataclass, field

from signaling.call_model import Endpoint, EndpointKind, Reach
from signaling.connection import Outbox
from signaling.session import EventLog, fleeting
from signaling.shared.errors import TryAgain
from signaling.shared.messages import Event, Fleeting, Resume
from signaling.shared.model import Account, Device

MAX_PER_ACCOUNT = 16


@dataclass(slots=True, eq=False)
class Session:
    """One tab or app process of a device. `outbox` is None while it has no socket."""

    account: Account
    device: Device
    login: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    events: EventLog = field(default_factory=lambda: EventLog(uuid.uuid4().hex))
    foreground: bool = True
    outbox: Outbox | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(
            self.id, EndpointKind.SESSION, self.account.id, self.device.id, reach=self._reach()
        )

    def _reach(self) -> Reach:
        if self.outbox is None:
            return Reach.AWAY
        return Reach.AWAKE if self.foreground else Reach.BACKGROUND

    def send(self, event: Event) -> None:
        """Number an event, keep it, and send it where there is a socket."""
        frame = self.events.append(event)
        if self.outbox is not None:
            self.outbox.add(frame)

    def tell(self, event: Fleeting) -> None:
        """Send an event that is neither numbered nor kept, where there is a socket."""
        if self.outbox is not None:
            self.outbox.add(fleeting(event))


class Sessions:
    """Finds sessions; gives those up that stay without a socket for `resume_seconds`."""

    def __init__(self, resume_seconds: float) -> None:
        self._resume_seconds = resume_seconds
        self._all: dict[str, Session] = {}
        self._of_account: dict[str, dict[str, Session]] = {}
        # In the order in which they lost their socket, which is that of their end.
        self._detached: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._all)

    def logins(self) -> dict[str, str]:
        """The logins that sessions rest on, with their accounts."""
        return {session.login: session.account.id for session in self._all.values()}

    def of_account(self, account: str) -> list[Session]:
        return list(self._of_account.get(account, {}).values())

    def send(self, session: str, event: Event) -> None:
        """Tell a session; one that is gone hears nothing."""
        found = self._all.get(session)
        if found is not None:
            found.send(event)

    def tell(self, session: str, event: Fleeting) -> None:
        """Tell a session what is true only now; one without a socket hears nothing."""
        found = self._all.get(session)
        if found is not None:
            found.tell(event)

    def resume(
        self, account: Account, device: Device, asked: Resume
    ) -> tuple[Session, list[str]] | None:
        """The session and the events it missed; None when it is gone, or not this device's."""
        session = self._all.get(str(asked.session))
        if session is None or (session.account.id, session.device.id) != (account.id, device.id):
            return None
        missed = session.events.resume(asked.epoch, asked.seq)
        return None if missed is None else (session, missed)

    def add(self, session: Session) -> Session | None:
        """Take a new session in; returns one without a socket that had to make room.

        Raises TryAgain when the account has too many that are in use.
        """
        siblings = self._of_account.setdefault(session.account.id, {})
        evicted = None
        if len(siblings) >= MAX_PER_ACCOUNT:
            evicted = next((old for old in siblings.values() if old.outbox is None), None)
            if evicted is None:
                raise TryAgain("this account has too many open sessions", retry_after=60)
            self.remove(evicted)
            siblings = self._of_account.setdefault(session.account.id, {})
        siblings[session.id] = session
        self._all[session.id] = session
        return evicted

    def remove(self, session: Session) -> None:
        """Forget a session; its socket carries it no longer."""
        session.outbox = None
        self._all.pop(session.id, None)
        self._detached.pop(session.id, None)
        siblings = self._of_account.get(session.account.id, {})
        siblings.pop(session.id, None)
        if not siblings:
            self._of_account.pop(session.account.id, None)

    def attach(self, session: Session, outbox: Outbox) -> Outbox | None:
        """Give a session its socket; returns the one that it had."""
        before, session.outbox = session.outbox, outbox
        self._detached.pop(session.id, None)
        return before

    def detach(self, session: Session, outbox: Outbox, now: float) -> bool:
        """The socket broke; False when the session has another one by now, or is gone."""
        if session.outbox is not outbox or session.id not in self._all:
            return False
        session.outbox = None
        self._detached[session.id] = now + self._resume_seconds
        return True

    def expired(self, now: float) -> list[Session]:
        """Those whose time without a socket is up; they are removed."""
        due = []
        for session, at in self._detached.items():
            if at > now:
                break
            due.append(self._all[session])
        for each in due:
            self.remove(each)
        return due
