"""The bus within one process."""

from collections.abc import Callable
from typing import Any

from pyee import EventEmitter


class MemoryBus:
    """Topics on pyee's emitter; listeners are called at once, in the publisher's turn."""

    def __init__(self) -> None:
        self._topics = EventEmitter()

    def publish(self, topic: str, message: Any) -> None:
        self._topics.emit(topic, message)

    def subscribe(self, topic: str, listener: Callable[[Any], None]) -> Callable[[], None]:
        self._topics.add_listener(topic, listener)

        def end() -> None:
            if listener in self._topics.listeners(topic):
                self._topics.remove_listener(topic, listener)

        return end
