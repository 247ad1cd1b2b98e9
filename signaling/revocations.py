"""What was revoked, told at once to whoever holds sessions or bindings that rest on it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccountRemoved:
    account: str
    # `name@domain`, which nobody can look up any more.
    address: str


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """Every login of the account is over."""

    account: str


@dataclass(frozen=True, slots=True)
class LoginRevoked:
    """One login is over: a logout, or its refresh token was stolen."""

    account: str
    login: str
    device: str | None


@dataclass(frozen=True, slots=True)
class PhoneRemoved:
    """A SIP phone's secret is worth nothing any more."""

    account: str
    address: str
    phone: str


Revocation = AccountRemoved | PasswordChanged | LoginRevoked | PhoneRemoved


class Revocations:
    """Calls every listener, after the database has it, on the event loop."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Revocation], None]] = []

    def listen(self, listener: Callable[[Revocation], None]) -> None:
        self._listeners.append(listener)

    def tell(self, revocation: Revocation) -> None:
        for listener in self._listeners:
            listener(revocation)
