"""The bus: how parts that may live in other processes hear of each other."""

from collections.abc import Callable
from typing import Any, Protocol


class Bus(Protocol):
    """Topics with any number of listeners; a message reaches those that listen when it is sent."""

    def publish(self, topic: str, message: Any) -> None:
        """Give `message` to everyone who listens to `topic`."""

    def subscribe(self, topic: str, listener: Callable[[Any], None]) -> Callable[[], None]:
        """Hear a topic from now on; returns the function that ends it."""


def account_topic(account: str) -> str:
    """Where an account's new endpoints are announced."""
    return f"account.{account}"
