"""Whoever wants to hear what an engine reports."""

import logging
from collections.abc import Callable

from media.engine import MediaEvent

log = logging.getLogger(__name__)


class Listeners:
    """Every event goes to each of them; the engine goes on, whatever they do."""

    def __init__(self) -> None:
        self._sinks: list[Callable[[MediaEvent], None]] = []

    def add(self, sink: Callable[[MediaEvent], None]) -> None:
        self._sinks.append(sink)

    def tell(self, event: MediaEvent) -> None:
        for sink in self._sinks:
            try:
                sink(event)
            except Exception:
                # The packet path and the timers go on, whatever a listener does.
                log.exception("a listener failed on %s", type(event).__name__)
