"""What rtpengine tells of a leg, in our words."""

from collections.abc import Mapping
from dataclasses import dataclass

from media import ng
from media.engine import Direction, Figures

PEER, LINK = "peer", "link"
"""The names of a leg's two sides in the instance."""
_VERIFIED = "DTLS fingerprint verified"


@dataclass(frozen=True, slots=True)
class Look:
    """A leg as the instance sees it; `heard` rises with every packet of the peer's."""

    figures: Figures
    heard: int
    connected: bool

    @classmethod
    def read(cls, answer: Mapping[str, ng.Value], *, codec: str, by_dtls: bool) -> "Look":
        """Of the answer to `query`; what it lacks counts as nothing yet."""
        tags = ng.dictionary_of(answer, "tags")
        peer, link = (_streams(ng.dictionary_of(tags, name)) for name in (PEER, LINK))
        told = ng.dictionary_of(answer, "SSRC")
        sent, trip = _sent(link, told)
        sound = _count(peer[:1], "packets")
        # A browser without a microphone may never send; its certificate has to be the one.
        verified = any(_VERIFIED in _words(stream, "flags") for stream in peer)
        return cls(
            figures=Figures(
                codec=codec,
                received=Direction(packets=sound, lost=None, jitter_ms=None, mos=None),
                sent=sent,
                round_trip_ms=trip,
                dropped=sum(
                    ng.number_of(ng.dictionary_of(each, "stats"), "errors") for each in peer
                ),
            ),
            heard=_count(peer, "packets"),
            connected=verified if by_dtls else sound > 0,
        )


def link_host(answer: Mapping[str, ng.Value]) -> str:
    """The instance's own address of the link, of the answer to `query`; empty if it has none."""
    streams = _streams(ng.dictionary_of(ng.dictionary_of(answer, "tags"), LINK))
    return ng.text_of(streams[0], "local address") if streams else ""


def _streams(monologue: Mapping[str, ng.Value]) -> list[Mapping[str, ng.Value]]:
    """RTP's stream, then RTCP's where it has one of its own."""
    return [
        stream
        for media in ng.dictionaries_of(monologue, "medias")
        for stream in ng.dictionaries_of(media, "streams")
    ]


def _count(streams: list[Mapping[str, ng.Value]], name: str) -> int:
    return sum(ng.number_of(ng.dictionary_of(each, "stats"), name) for each in streams)


def _words(stream: Mapping[str, ng.Value], key: str) -> list[str]:
    value = stream.get(key)
    return [str(word) for word in value] if isinstance(value, list) else []


def _sent(
    link: list[Mapping[str, ng.Value]], told: Mapping[str, ng.Value]
) -> tuple[Direction, float | None]:
    """What the peer reports of the stream that comes by the link, and the round trip."""
    packets = _count(link[:1], "packets")
    source = str(ng.number_of(link[0], "SSRC")) if link else ""
    reported = ng.dictionary_of(told, source)
    if not reported:
        return Direction(packets=packets, lost=None, jitter_ms=None, mos=None), None
    average = ng.dictionary_of(reported, "average MOS")
    trip = ng.number_of(average, "round-trip time leg")
    opinion = ng.number_of(average, "MOS")
    direction = Direction(
        packets=packets,
        lost=max(0, ng.number_of(reported, "cumulative loss")),
        jitter_ms=float(ng.number_of(average, "jitter")),
        mos=opinion / 10 if opinion else None,
    )
    return direction, trip / 1000 if trip else None
