"""What is handed to a provider, and what it says: the seam that all three senders fill."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, Protocol, TypeVar

from signaling.shared.push import Subscription


@dataclass(frozen=True, slots=True)
class ApnsPush:
    """One request to APNs; `expiration` is in Unix seconds, 0: now or never."""

    id: str
    token: str
    topic: str
    push_type: Literal["voip", "alert", "background"]
    priority: Literal[5, 10]
    expiration: int
    payload: bytes
    collapse_id: str | None = None
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class FcmPush:
    """One data message to Firebase; `ttl_seconds` bounds how late it may arrive."""

    project: str
    token: str
    data: Mapping[str, str]
    high_priority: bool
    ttl_seconds: int
    notification: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class WebPush:
    """One message to a push service, not yet encrypted; `topic` replaces an older one."""

    subscription: Subscription
    payload: bytes
    ttl_seconds: int
    urgency: Literal["high", "normal", "low"]
    topic: str | None = None


class Verdict(Enum):
    """What one attempt came to.

    UNSENT was surely not processed and may be sent again at once; RETRY may have been. DEAD is a
    token that leads nowhere any more; WRONG_ENVIRONMENT one that the other of Apple's two may
    know; FAULT needs the operator; REFUSED is about this one push.
    """

    ACCEPTED = "accepted"
    UNSENT = "unsent"
    RETRY = "retry"
    DEAD = "dead"
    WRONG_ENVIRONMENT = "wrong_environment"
    FAULT = "fault"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reason` is the provider's own word where there is one; `retry_after` is in seconds.

    `dead_since`, in Unix seconds, is when the provider learned that a token is dead.
    """

    verdict: Verdict
    reason: str
    retry_after: float | None = None
    dead_since: float | None = None


Push = TypeVar("Push", contravariant=True)


class Sender(Protocol[Push]):
    """One provider. `send` never raises but CancelledError, and a cancelled one hurts no other."""

    async def warm(self) -> None:
        """Have connection and credentials ready; failures are logged and met again by `send`."""

    async def send(self, push: Push, *, seconds: float) -> Outcome:
        """Make one attempt, on the wire once; after `seconds` it ends as RETRY."""

    async def aclose(self) -> None:
        """Let go of connections; what is in flight ends first, for a second at most."""
