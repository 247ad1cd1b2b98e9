"""Who is not answered any more: sources that kept failing to prove that they are an account."""

from collections import OrderedDict
from collections.abc import Callable

from signaling.sip.digest import claimed_username
from signaling.sip.message import Request
from signaling.sip.syntax import BadSip
from signaling.throttle import Throttle

FAILURES = 10
FAILURE_SECONDS = 15.0
MAX_EXEMPT = 10_000
MAX_NAME = 64


def _nobody() -> None:
    """Nobody wants to hear of failures."""


class Bans:
    """Counts failures of (source, account), so that a household with one bad phone is not lost.

    A source is what `source_of` made of an address. One that holds a live registration is never
    banned: whoever shares its address would ban its phones.
    """

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        failure_seconds: float = FAILURE_SECONDS,
        failed: Callable[[], None] = _nobody,
    ) -> None:
        """`failed` is called for each failure."""
        self._failed = failed
        self._failures = Throttle(burst=failures, refill_seconds=failure_seconds)
        self._exempt_until: OrderedDict[str, float] = OrderedDict()

    def fail(self, source: str, account: str, now: float) -> None:
        """Count a failure; it has to have echoed a nonce that this very source was given."""
        self._failures.fail(_key(source, account), now)
        self._failed()

    def is_banned(self, source: str, account: str, now: float) -> bool:
        """Whether requests of this account from there get no answer for now."""
        if self._exempt_until.get(source, now) > now:
            return False
        return self._failures.wait(_key(source, account), now) > 0

    def count(self, now: float) -> int:
        """Pairs that are banned, those included whose source is exempt."""
        return self._failures.count(now)

    def exempt(self, source: str, until: float) -> None:
        """A phone at the source is registered until then."""
        self._exempt_until[source] = max(until, self._exempt_until.get(source, until))
        self._exempt_until.move_to_end(source)
        if len(self._exempt_until) > MAX_EXEMPT:
            self._exempt_until.popitem(last=False)

    def ignores(self, request: Request, source: str, now: float) -> bool:
        """Whether a request is to get no answer: by its credentials, or who it says it is from."""
        try:
            account = claimed_username(request) or request.from_.uri.username
        except BadSip:
            return False
        return self.is_banned(source, account, now)


def _key(source: str, account: str) -> str:
    return f"{source} {account[:MAX_NAME].lower()}"
