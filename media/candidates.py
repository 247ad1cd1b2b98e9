"""Which of a browser's addresses ICE may try."""

import ipaddress
from collections.abc import Iterable

from media.sdp import Candidate


def worth_trying(candidates: Iterable[Candidate], *, loopback: bool) -> list[Candidate]:
    """Those that can be another host's, and with `loopback` this machine's own.

    Whoever has an account names the addresses that our checks go to: none of them shall reach
    what listens on this machine alone, or on its link. A link's address lacks its zone anyway.
    """
    return [each for each in candidates if _may_be_tried(each.address, loopback=loopback)]


def _may_be_tried(host: str, *, loopback: bool) -> bool:
    address = ipaddress.ip_address(host)
    if address.is_loopback:
        return loopback
    return not (address.is_link_local or address.is_multicast or address.is_unspecified)
