"""How many SIP messages came and went, by what they are."""

from collections import Counter

from signaling.sip.compose import METHODS

OTHER = "other"


class Tally:
    """Counts messages as they are made and understood, so without repeats of ours."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        """By direction, `received` or `sent`, and method."""
        self.responses: Counter[tuple[str, str, str]] = Counter()
        """By direction, method and class of the code, such as `4xx`."""

    def request(self, direction: str, method: str) -> None:
        self.requests[direction, _known(method)] += 1

    def response(self, direction: str, method: str, code: int) -> None:
        class_ = f"{code // 100}xx" if 100 <= code < 700 else OTHER
        self.responses[direction, _known(method), class_] += 1


def _known(method: str) -> str:
    """What a stranger writes there must not become a counter of its own."""
    return method if method in METHODS else OTHER
