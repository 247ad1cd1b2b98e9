"""What becomes of pushes, as Prometheus reads it: counted where they are made."""

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from signaling.metric_labels import push_reason
from signaling.shared.bus import Bus
from signaling.shared.push import PushReport

_PUSH = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3)


class PushFigures(Collector):
    """The wsphone_push_* of one process; a page of figures takes them in as a collector."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._steps = Counter(
            "wsphone_push", "Steps of pushes", ["provider", "step", "reason"], registry=registry
        )
        self._seconds = Histogram(
            "wsphone_push_seconds",
            "How long an attempt took",
            ["provider"],
            buckets=_PUSH,
            registry=registry,
        )
        self._alarms = Counter(
            "wsphone_push_alarms",
            "Pushes that failed for a fault that the operator has to mend",
            ["provider"],
            registry=registry,
        )

    def heard(self, report: PushReport) -> None:
        """A push made a step."""
        provider = report.provider.value
        reason = push_reason(report.step, report.reason)
        self._steps.labels(provider, report.step.value, reason).inc()
        if report.seconds is not None:
            self._seconds.labels(provider).observe(report.seconds)
        if report.alarm:
            self._alarms.labels(provider).inc()

    def collect(self) -> Iterable[Metric]:
        return self._registry.collect()


class CountedBus:
    """A bus that carries what becomes of pushes: what this process tells is counted."""

    def __init__(self, bus: Bus, figures: PushFigures) -> None:
        self._bus = bus
        self._figures = figures

    def publish(self, topic: str, message: PushReport) -> None:
        self._figures.heard(message)
        self._bus.publish(topic, message)

    def subscribe(self, topic: str, listener: Callable[[Any], None]) -> Callable[[], None]:
        return self._bus.subscribe(topic, listener)
