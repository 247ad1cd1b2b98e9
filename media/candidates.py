"""Which of a browser's addresses ICE may try."""

import ipaddress
import re
from collections.abc import Iterable

from media.sdp import Candidate, reachable_address

# RFC 8839, section 5.1, as browsers print it; what may follow does not say where checks go.
_LINE = re.compile(
    r"candidate:\S{1,32} \d{1,3} \w{1,8} \d{1,10} (\S{1,64}) \d{1,5} typ \w{1,8}( .*)?"
)
# A random name that stands for an address of the same network
# (draft-ietf-mmusic-mdns-ice-candidates).
_HIDDEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.local", re.IGNORECASE)


def worth_trying(candidates: Iterable[Candidate], *, loopback: bool) -> list[Candidate]:
    """Those that can be another host's, and with `loopback` this machine's own.

    Whoever has an account names the addresses that our checks go to: none of them shall reach
    what listens on this machine alone, or on its link. A link's address lacks its zone anyway.
    """
    return [each for each in candidates if _may_be_tried(each.address, loopback=loopback)]


def may_be_told(candidate: str, *, loopback: bool) -> bool:
    """Whether a browser may be told that it can reach another one by this, a line `candidate:...`.

    By the rule of our own checks, over TCP too. Of names only those go on that hide an address: any
    other could be resolved to whatever is not to be tried.
    """
    found = _LINE.fullmatch(candidate)
    if found is None:
        return False
    if _HIDDEN.fullmatch(found[1]):
        return True
    host = reachable_address(found[1])
    return host is not None and _may_be_tried(host, loopback=loopback)


def _may_be_tried(host: str, *, loopback: bool) -> bool:
    address = ipaddress.ip_address(host)
    if address.is_loopback:
        return loopback
    return not (address.is_link_local or address.is_multicast or address.is_unspecified)
