"""A call in an instance of rtpengine, which is one leg of ours: between the peer and a link.

rtpengine has no verb that joins two sides anew. So each leg is a whole call there: one side is the
peer, the other a link of plain RTP that leads nowhere at first, and to the link of another leg
once they are joined.
"""

import asyncio
import secrets
from collections.abc import Mapping

from media import ng
from media.engine import Profile, Security
from media.ng_client import NgClient
from media.rtpengine_figures import LINK, PEER
from media.rtpengine_sdp import Far, Near

# What rtpengine knows beyond the suites of our own offers (media.sdes.OFFERED).
_OTHER_SUITES = (
    *("AES_256_CM_HMAC_SHA1_32", "AES_192_CM_HMAC_SHA1_80", "AES_192_CM_HMAC_SHA1_32"),
    *("AES_CM_128_HMAC_SHA1_32", "F8_128_HMAC_SHA1_80", "F8_128_HMAC_SHA1_32"),
    *("NULL_HMAC_SHA1_80", "NULL_HMAC_SHA1_32"),
)
_KEYS: ng.Value = [f"no-{suite}" for suite in _OTHER_SUITES] + ["pad"]
_WEBRTC: ng.Message = {
    "transport-protocol": "UDP/TLS/RTP/SAVPF",
    "ICE": "force",
    "rtcp-mux": ["require"],
    "SDES": ["off"],
}
_PHONE: dict[Security, ng.Message] = {
    Security.NONE: {"transport-protocol": "RTP/AVP", "DTLS": "off"},
    Security.OPTIONAL: {"transport-protocol": "RTP/AVP", "OSRTP": ["offer"], "SDES": _KEYS},
    Security.REQUIRED: {"transport-protocol": "RTP/SAVP", "SDES": _KEYS},
    Security.DTLS: {"transport-protocol": "UDP/TLS/RTP/SAVP", "SDES": ["off"]},
}
_LINK: ng.Message = {
    "transport-protocol": "RTP/AVP",
    "ICE": "remove",
    "rtcp-mux": ["demux"],
    "address-family": "IP4",
}
_ALWAYS = ["strict-source", "port-latching", "original-sendrecv"]


class InstanceCall:
    """One negotiation with the instance at a time."""

    def __init__(
        self, client: NgClient, profile: Profile, security: Security, *, family: str
    ) -> None:
        """`family` is that of the peer's addresses, IP4 or IP6."""
        self.client = client
        self.name = secrets.token_hex(12)
        # The instance's ends: towards the peer, and of the link.
        self.near: Near | None = None
        self.link: Near | None = None
        self._peer: Far | None = None
        self._far_link = Far(())
        self._towards: ng.Message = _WEBRTC if profile is Profile.WEBRTC else _PHONE[security]
        self._ice = "force" if profile is Profile.WEBRTC else "remove"
        self._family = family
        self._peer_offers = False
        self._injects = False
        self._ended = False
        self._session_id = secrets.randbits(62)
        self._version = 0
        self._busy = asyncio.Lock()

    @property
    def is_known(self) -> bool:
        """Whether the instance has answered the first description: before, there is no call."""
        return self.near is not None or self.link is not None

    async def offer(self, description: str) -> Near:
        """Have the instance make the peer an offer of all that a description has."""
        async with self._busy:
            return await self._offer_peer(description)

    async def meet(self, peer: Far, *, offers: bool) -> Near:
        """Take the peer's side: its answer to the last offer, or, where it `offers`, its offer."""
        async with self._busy:
            first = self._peer is None
            self._peer, self._peer_offers = peer, offers
            if first:
                self._far_link = Far(peer.formats)
            return await self._negotiate(offered=first and not offers)

    async def lead(self, link: Far) -> bool:
        """Lead the link elsewhere; whether that needed a negotiation, which ends what is played."""
        async with self._busy:
            if link == self._far_link or self._ended:
                return False
            self._far_link = link
            await self._negotiate()
            return True

    async def end(self) -> None:
        """Take the call out of the instance, once what goes on there is settled."""
        self._ended = True
        async with self._busy:
            await self.ask("delete", {"delete-delay": 0})

    async def inject(self) -> None:
        """Be ready to put digits into the sound for the peer, which makes it be transcoded."""
        async with self._busy:
            if not self._injects:
                self._injects = True
                await self._negotiate()

    async def ask(self, command: str, fields: Mapping[str, ng.Value]) -> ng.Message:
        """A request about this leg's call in the instance."""
        return await self.client.request(command, {"call-id": self.name, **fields})

    async def _negotiate(self, *, offered: bool = False) -> Near:
        """Tell the instance both sides, in the order in which they spoke."""
        assert self._peer is not None
        if self._peer_offers:
            await self._offer_link(self._text(self._peer))
            link = self._text(self._far_link)
            answer = await self._describe("answer", link, PEER, LINK, {"ICE": self._ice})
            self.near = Near.read(ng.text_of(answer, "sdp"))
            return self.near
        near = self.near if offered else None
        near = near or await self._offer_peer(self._text(self._far_link))
        peer = self._text(self._peer)
        answer = await self._describe("answer", peer, LINK, PEER, {"ICE": "remove"})
        self.link = Near.read(ng.text_of(answer, "sdp"))
        return near

    async def _offer_peer(self, description: str) -> Near:
        family: ng.Message = {"address-family": self._family}
        more = self._towards | family | self._conversion(self._far_link, self._peer)
        offer = await self._describe("offer", description, LINK, None, more)
        self.near = Near.read(ng.text_of(offer, "sdp"))
        return self.near

    async def _offer_link(self, description: str) -> None:
        more = _LINK | self._conversion(self._peer, self._far_link)
        offer = await self._describe("offer", description, PEER, None, more)
        self.link = Near.read(ng.text_of(offer, "sdp"))

    @staticmethod
    def _conversion(offerer: Far | None, answerer: Far | None) -> ng.Message:
        """Where the two sides speak different codecs, each is offered its own."""
        if offerer is None or answerer is None or offerer.formats == answerer.formats:
            return {}
        codecs = [formats.codec for formats in answerer.formats]
        return {"codec": {"mask": ["all"], "transcode": [*codecs, "telephone-event"]}}

    def _text(self, far: Far) -> str:
        self._version += 1
        return far.text(self._session_id, self._version)

    async def _describe(
        self, command: str, description: str, offerer: str, answerer: str | None, more: ng.Message
    ) -> ng.Message:
        is_peer = (answerer or offerer) == PEER
        fields: dict[str, ng.Value] = {
            "sdp": description,
            "from-tag": offerer,
            "flags": [*_ALWAYS, *(["inject-DTMF"] if self._injects else [])],
            # The link leads nowhere before the join; the instance's own end is always somewhere.
            "replace": ["zero-address"],
            "endpoint-learning": [self._peer.learning if is_peer and self._peer else "off"],
            **more,
        }
        if answerer is not None:
            fields["to-tag"] = answerer
        return await self.ask(command, fields)
