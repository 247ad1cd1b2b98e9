"""The gate before all work: who has no fresh nonce of ours is challenged, and forgotten."""

from collections.abc import Callable

from signaling.sip.digest import Authenticator
from signaling.sip.flow import Flow
from signaling.sip.message import Pair, Request
from signaling.sip.screen import Answer
from signaling.sip.syntax import BadSip


class Gate:
    """Challenges without keeping anything, so that forged requests cost neither memory nor a
    look-up, and are answered once and briefly."""

    def __init__(self, authenticator: Authenticator, clock: Callable[[], float]) -> None:
        self._authenticator = authenticator
        self._clock = clock

    def answer(self, request: Request, flow: Flow) -> Answer | None:
        """The refusal of a request; None when its credentials are worth a look."""
        try:
            credentials = self._authenticator.credentials(request)
        except BadSip as error:
            return Answer(400, phrase=f"Bad Request: {error}")
        now = self._clock()
        if credentials is not None and self._authenticator.is_fresh(credentials, flow.host, now):
            return None
        return self.challenge(request, flow, stale=credentials is not None)

    def challenge(self, request: Request, flow: Flow, *, stale: bool) -> Answer:
        values = self._authenticator.challenge(
            flow.host,
            self._clock(),
            stale=stale,
            user_agent=request.headers.first("user-agent") or "",
        )
        headers: list[Pair] = [("WWW-Authenticate", value) for value in values]
        return Answer(401, headers)
