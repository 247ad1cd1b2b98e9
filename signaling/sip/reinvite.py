"""The answer to a re-INVITE: yes to what is already so, an honest no to the rest."""


def judge(offer: str | None, *, known: str | None, offering: bool) -> int:
    """The code for a re-INVITE that asks for the session `offer` (RFC 3261 14.2).

    `known` is the peer's last description; `offering` says that an offer of ours is still open.
    """
    if offering:
        return 491
    return 200 if offer is None or _same_session(offer, known) else 488


def _same_session(offer: str, known: str | None) -> bool:
    return known is not None and _content(offer) == _content(known)


def _content(sdp: str) -> list[str]:
    # A peer may raise the version in o= without a change; what counts is everything else.
    lines = (line.strip() for line in sdp.split("\n"))
    return [line for line in lines if line and not line.startswith("o=")]
