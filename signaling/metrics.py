"""The figures of one process, as Prometheus reads them."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from signaling.branches import set_up
from signaling.shared.model import CallRecord, LegRecord
from signaling.sip.tally import Tally
from signaling.timeline import Hop

GAUGES = {
    "wsphone_calls_active": "Calls that are not over",
    "wsphone_sessions": "Sessions of apps and browser tabs, those that may come back included",
    "wsphone_websockets": "Open WebSockets",
    "wsphone_registrations": "Bindings of SIP phones",
    "wsphone_bans": "Sources and accounts whose SIP requests get no answer now",
    "wsphone_media_legs": "Legs that the media engine holds",
    "wsphone_media_workers": "Media processes that take work; 0 where this process carries media",
    "wsphone_media_worker_restarts": "Media processes that were started in place of dead ones",
    "wsphone_push_queue_jobs": "Pushes that no worker has taken yet, here or in Redis",
}
"""What is looked up when Prometheus asks, and what it tells."""

_SET_UP = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 45, 60)
_WAKE = (0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 45)
_JITTER = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)


class Metrics:
    """Hears what ends; all else is looked up when it is asked for.

    Nothing here is called for a packet. `others` are shown on the same page.
    """

    def __init__(self, *others: Collector) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        for other in others:
            registry.register(other)
        self._gauges = {
            name: Gauge(name, tells, registry=registry) for name, tells in GAUGES.items()
        }
        self._ended = Counter(
            "wsphone_calls_ended", "Calls that ended", ["reason", "side"], registry=registry
        )
        self._set_up = Histogram(
            "wsphone_call_setup_seconds",
            "From the start of a call until its caller was told of a ringing phone, of the answer",
            ["stage"],
            buckets=_SET_UP,
            registry=registry,
        )
        self._failures = Counter(
            "wsphone_authentication_failures",
            "Wrong passwords at the page, and wrong SIP credentials that echoed our nonce",
            ["way"],
            registry=registry,
        )
        self._build_media(registry)
        self._build_push(registry)

    def _build_media(self, registry: CollectorRegistry) -> None:
        self._packets = Counter(
            "wsphone_media_packets",
            "Packets of the legs of ended calls, received from a peer or sent to it",
            ["direction"],
            registry=registry,
        )
        self._lost = Counter(
            "wsphone_media_packets_lost",
            "Packets that were lost on the way from a peer, or that it reports as lost",
            ["direction"],
            registry=registry,
        )
        self._jitter = Histogram(
            "wsphone_media_jitter_seconds",
            "The last known jitter of each stream of an ended call",
            ["direction"],
            buckets=_JITTER,
            registry=registry,
        )

    def _build_push(self, registry: CollectorRegistry) -> None:
        self._wake_seconds = Histogram(
            "wsphone_wake_seconds",
            "From a provider's acceptance of a push to the connect of its device, while it rang",
            buckets=_WAKE,
            registry=registry,
        )
        self._refused = Counter(
            "wsphone_push_refused",
            "Pushes that were not made, as their caller had the device woken too often",
            registry=registry,
        )

    def watch(self, gauges: Mapping[str, Callable[[], float]]) -> None:
        """Have some of GAUGES looked up by these functions."""
        for name, look in gauges.items():
            self._gauges[name].set_function(look)

    def show(self, name: str, value: float) -> None:
        """Set one of GAUGES that cannot be looked up at once."""
        self._gauges[name].set(value)

    def watch_sip(self, tally: Tally) -> None:
        self._registry.register(_SipFigures(tally))

    def ended(self, record: CallRecord, timeline: Sequence[Hop]) -> None:
        """A call is over."""
        self._ended.labels(record.reason.value, record.by.value).inc()
        took = set_up(timeline)
        for stage, seconds in (("ringing", took.ringing), ("answer", took.answer)):
            if seconds is not None:
                self._set_up.labels(stage).observe(seconds)
        for seconds in took.wakes:
            self._wake_seconds.observe(seconds)
        for leg in record.legs:
            self._heard_media(leg)

    def push_refused(self) -> None:
        """A caller had a device woken too often."""
        self._refused.inc()

    def authentication_failed(self, way: str) -> None:
        """`way` is `password` or `sip`."""
        self._failures.labels(way).inc()

    def page(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _heard_media(self, leg: LegRecord) -> None:
        for direction in ("received", "sent"):
            stream = leg.figures.get(direction)
            if not isinstance(stream, Mapping):
                continue
            self._packets.labels(direction).inc(stream["packets"])
            # RTCP's count may be negative, when packets were doubled (RFC 3550, 6.4.1).
            self._lost.labels(direction).inc(max(0, stream["lost"] or 0))
            if stream["jitter_ms"] is not None:
                self._jitter.labels(direction).observe(stream["jitter_ms"] / 1000)


class _SipFigures(Collector):
    """The tally of the SIP stack, which counts by itself as it knows no Prometheus."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[CounterMetricFamily]:
        requests = CounterMetricFamily(
            "wsphone_sip_requests", "SIP requests", labels=["direction", "method"]
        )
        for labels, count in self._tally.requests.items():
            requests.add_metric(labels, count)
        yield requests
        responses = CounterMetricFamily(
            "wsphone_sip_responses", "SIP responses", labels=["direction", "method", "class"]
        )
        for names, count in self._tally.responses.items():
            responses.add_metric(names, count)
        yield responses
