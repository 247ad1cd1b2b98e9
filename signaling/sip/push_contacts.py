"""What phones say about pushes when they register, kept beyond their registration (RFC 8599)."""

import logging
from collections.abc import Sequence

from signaling.push_rows import Origin
from signaling.push_targets import PushTargets
from signaling.shared.errors import BadMessage, NotAuthenticated
from signaling.shared.push import Provider
from signaling.sip.message import Pair, Request
from signaling.sip.pn import Offer, Told, UnsupportedPush, feature_caps, told_by
from signaling.sip.syntax import quote

log = logging.getLogger(__name__)


class PushContacts:
    """Keeps a phone's wake target until it takes its contact back or its credential is removed."""

    def __init__(self, targets: PushTargets, offer: Offer, *, domain: str) -> None:
        self._targets = targets
        self._offer = offer
        self._domain = domain

    def read(self, request: Request) -> Sequence[Told] | None:
        """What a REGISTER says, None where it takes back everything; raises BadMessage."""
        if "*" in request.headers.values("contact"):
            return None
        # Who offers no pushes passes over the parameters, as one that never heard of them.
        return told_by(request, self._offer) if self._offer.providers else ()

    def refusal(self, error: BadMessage) -> tuple[int, list[Pair]]:
        """The code and the headers that answer a REGISTER which `read` raised for."""
        warning = ("Warning", f"399 {self._domain} {quote(str(error))}")
        if isinstance(error, UnsupportedPush):
            return 555, [warning, *feature_caps(self._offer.providers)]
        return 400, [warning]

    async def keep(self, account: str, phone: str, told: Sequence[Told] | None) -> list[Pair]:
        """Keep what a REGISTER said that was carried out; the headers that tell what wakes."""
        if told is None:
            await self._targets.forget_phone(account, phone)
            return []
        providers: list[Provider] = []
        for each in told:
            if each.wish.query:
                providers += self._offer.providers
            elif each.device is not None:
                providers += await self._replace(Origin(account, each.device, phone=phone), each)
        return feature_caps(dict.fromkeys(providers))

    async def _replace(self, origin: Origin, told: Told) -> list[Provider]:
        target = told.wish.target
        try:
            kept = await self._targets.replace(origin, [] if target is None else [target])
        except NotAuthenticated:
            # The credential was removed in this very moment: there is nobody to wake.
            return []
        if kept.claimed or kept.refused:
            log.warning(
                "device %s of account %s is not woken: its push token stands under another account",
                origin.device,
                origin.account,
            )
        return [target.provider] if target is not None and kept.count else []
