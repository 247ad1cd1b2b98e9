"""What one INVITE with SDP costs to parse and read: our parser against sipmessage's."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from operator import attrgetter

import sipmessage

from signaling.sip.message import parse
from tests.sip.data import INVITE, edited

ROUNDS = 9

# Our accessor, sipmessage's, and how often our stack asks for it until a call is answered and
# confirmed, counted on tests/sip/desk.py. Ours remember what they read; sipmessage's read anew.
# Both take an address apart down to user, host and port of its URI, and hand the body over as
# bytes. sipmessage also decodes all parameters; ours are found when they are asked for, so ours are
# asked for those that a stack cannot do without: the branch and the tags.
ACCESSORS = (
    ("uri", "uri", 1),
    ("via.branch", "via", 3),
    ("from_tag", "from_address", 5),
    ("to_tag", "to_address", 7),
    ("call_id", "call_id", 6),
    ("cseq", "cseq", 5),
    ("contacts", "contact", 3),
    ("record_routes", "record_route", 2),
    ("max_forwards", "max_forwards", 1),
    ("body", "body", 11),
)


def invites(count: int) -> list[bytes]:
    """As many callers, each with names and tags of its own: nothing repeats that would not."""
    return [
        edited(
            INVITE,
            ("alice", f"alice{number}"),
            ("bob", f"bob{number}"),
            ("ikgpD1fRt", f"{number * 7919:x}"),
            ("xvSNhXEfm", f"t{number * 104729:x}"),
            ("UkLmbRk2mP", f"c{number * 1299709:x}"),
        )
        for number in range(count)
    ]


def reader(
    parser: Callable[[bytes], object], names: list[tuple[str, int]]
) -> Callable[[bytes], None]:
    """Parses a message and asks for each name so many times."""
    questions = [attrgetter(name) for name, times in names for _ in range(times)]

    def read(data: bytes) -> None:
        message = parser(data)
        for ask in questions:
            ask(message)

    return read


def cpu_seconds(read: Callable[[bytes], None], messages: list[bytes]) -> float:
    """The CPU time of one message."""
    start = time.process_time()
    for message in messages:
        read(message)
    return (time.process_time() - start) / len(messages)


def measure(title: str, messages: list[bytes], *, once: bool) -> None:
    """Interleave the two, so that both have the machine's good and bad moments."""
    ours = reader(parse, [(mine, 1 if once else times) for mine, _, times in ACCESSORS])
    theirs = reader(
        sipmessage.Message.parse, [(other, 1 if once else times) for _, other, times in ACCESSORS]
    )
    pairs = [(cpu_seconds(ours, messages), cpu_seconds(theirs, messages)) for _ in range(ROUNDS)]
    mine, other = (statistics.median(column) * 1e6 for column in zip(*pairs, strict=True))
    ratio = statistics.median(one / two for one, two in pairs)
    sys.stdout.write(f"{title:24}{other:12.1f} us{mine:12.1f} us{ratio:8.2f}\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sip", description=__doc__)
    parser.add_argument("--count", type=int, default=2_000)
    options = parser.parse_args()
    messages = invites(options.count)
    sys.stdout.write(
        f"CPU of an INVITE of {len(INVITE)} bytes, median of {ROUNDS} rounds\n"
        f"{'':24}{'sipmessage':>15}{'WSPhone':>15}{'ratio':>8}\n"
    )
    measure("each value once", messages, once=True)
    measure("as often as a call asks", messages, once=False)


if __name__ == "__main__":
    main()
