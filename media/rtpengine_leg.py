"""One leg of the engine of rtpengine: what was agreed on, and whom it is joined to."""

import secrets
from dataclasses import dataclass, field

from media.engine import Profile, Security
from media.keying import Dtls, Keying, Secrecy
from media.negotiate import Agreement
from media.rtpengine_call import InstanceCall


@dataclass(slots=True, eq=False)
class Leg:
    """A leg as the engine keeps it; the sound of it is in `there`."""

    name: str
    call: str
    profile: Profile
    preferred: tuple[str, ...]
    # The host that signals for the peer, and what is done for its secrecy.
    peer: str | None
    security: Security
    secrecy: Secrecy
    there: InstanceCall
    agreement: Agreement | None = None
    keying: Keying | None = None
    other: "Leg | None" = None
    # What is played to the peer, in place of the other.
    source: str | None = None
    # Of our descriptions' o= line: the version rises with each (RFC 3264, section 8).
    session_id: int = field(default_factory=lambda: secrets.randbits(62))
    version: int = 1
    # Our last description, and what it says that we do; whether the peer holds us.
    text: str = ""
    talks: bool = True
    listens: bool = True
    held: bool = False
    connected: bool = False
    # Its call in the instance is gone; we have no more to do with it.
    lost: bool = False
    closed: bool = False

    @property
    def by_dtls(self) -> bool:
        """Its keys come from a handshake, in the open until that is over."""
        return self.profile is Profile.WEBRTC or isinstance(self.keying, Dtls)

    @property
    def may_be_silent(self) -> bool:
        """Nobody need send: the peer holds, or somebody hears something else."""
        peer_rests = self.agreement is None or not self.agreement.peer_talks
        other = self.other
        return peer_rests or other is None or (self.source or other.source) is not None
