"""Who sends a SIP request: challenges, and credentials held against the account's phones."""

import time
from collections.abc import Collection
from dataclasses import dataclass

from signaling.accounts import Accounts
from signaling.guard import source_of
from signaling.phones import Phones
from signaling.shared.model import Account
from signaling.sip.agent import SipAgent
from signaling.sip.bans import Bans
from signaling.sip.digest import Authenticator, Credentials, Secret, Verdict
from signaling.sip.events import Received
from signaling.sip.gate import Gate
from signaling.sip.message import Request
from signaling.sip.syntax import BadSip


@dataclass(frozen=True, slots=True)
class Admitted:
    """The account that sent a request, and the phone whose secret signed it."""

    account: Account
    phone: str


class Admission:
    """Lets requests in that a phone of an account signed; answers all others itself.

    The digest's username is the account's name; each of its phones has a secret of its own.
    """

    def __init__(
        self,
        agent: SipAgent,
        authenticator: Authenticator,
        gate: Gate,
        accounts: Accounts,
        phones: Phones,
        bans: Bans,
        *,
        own_domains: Collection[str],
    ) -> None:
        self._agent = agent
        self._authenticator = authenticator
        self._gate = gate
        self._accounts = accounts
        self._phones = phones
        self._own_domains = own_domains
        self._bans = bans

    async def admit(self, received: Received) -> Admitted | None:
        """Who sent the request, in its own name; None when it was answered."""
        request, host = received.request, received.flow.host
        try:
            credentials = self._authenticator.credentials(request)
            is_own = self._speaks_for_itself(request, credentials)
        except BadSip as error:
            self._agent.respond(received, 400, ("Warning", f'399 wsphone "{error}"'))
            return None
        if credentials is None:
            self._challenge(received, stale=False)
            return None
        # The stack passes over whom it can; this one showed another name first.
        if self._bans.is_banned(source_of(host), credentials.username, self._agent.now()):
            self._agent.respond(received, 403)
            return None
        admitted, verdict = await self._verify(credentials, request, host)
        if verdict is Verdict.REFUSED:
            self._bans.fail(source_of(host), credentials.username, self._agent.now())
        if verdict is Verdict.STALE:
            self._challenge(received, stale=True)
        elif admitted is None or not is_own:
            self._agent.respond(received, 403)
        else:
            self._agent.trust(received.flow)
            return admitted
        return None

    async def _verify(
        self, credentials: Credentials, request: Request, host: str
    ) -> tuple[Admitted | None, Verdict]:
        phones = await self._phones.credentials(credentials.username)
        secrets = [Secret(known.ha1_md5, known.ha1_sha256) for known in phones]
        verified = self._authenticator.verify(credentials, request, host, time.time(), secrets)
        if verified.matched is None:
            return None, verified.verdict
        account = await self._accounts.find(credentials.username)
        phone = phones[verified.matched].phone
        return Admitted(account, phone) if account else None, verified.verdict

    def _speaks_for_itself(self, request: Request, credentials: Credentials | None) -> bool:
        """Whether From, and To of a REGISTER, name the account whose credentials these are."""
        named = [request.from_.uri]
        if request.method == "REGISTER":
            named.append(request.to.uri)
        return credentials is not None and all(
            uri.username.lower() == credentials.username.lower()
            and uri.host.strip("[]") in self._own_domains
            for uri in named
        )

    def _challenge(self, received: Received, *, stale: bool) -> None:
        answer = self._gate.challenge(received.request, received.flow, stale=stale)
        self._agent.respond(received, answer.code, *answer.headers)
