"""Which phones call which, so that few calls try every pair of what the two ends can be."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

CODECS = ("opus", "G722", "PCMU", "PCMA")
ENCRYPTIONS = {
    "linphone": ("none", "srtp", "dtls"),
    "baresip": ("none", "srtp", "srtp-mand", "dtls_srtp"),
}
KINDS = tuple((program, name) for program, names in ENCRYPTIONS.items() for name in names)

# Found by trying: no plan has fewer calls, as each kind has to call each kind.
_SEED = 2


@dataclass(frozen=True, order=True)
class Phone:
    """One telephone of the test: a program, how it encrypts (by the program's word), a codec."""

    program: str
    encryption: str
    codec: str

    @property
    def kind(self) -> tuple[str, str]:
        return self.program, self.encryption

    @property
    def user(self) -> str:
        """Its account."""
        return "-".join((*self.kind, self.codec)).lower().replace("_", "-")

    @property
    def voice(self) -> int:
        """Which of two voices it speaks with: every kind and every codec has phones of both."""
        return (KINDS.index(self.kind) + CODECS.index(self.codec)) % 2


@dataclass(frozen=True)
class Call:
    """Who calls whom; the two have different voices, or a loop would sound like a call."""

    caller: Phone
    callee: Phone

    def __str__(self) -> str:
        ends = (f"{end.program:8} {end.encryption:9} {end.codec:4}" for end in self.ends)
        return " -> ".join(ends)

    @property
    def ends(self) -> tuple[Phone, Phone]:
        return self.caller, self.callee

    def covers(self) -> Iterator[tuple[object, ...]]:
        """The pairs of values that this call tries: of two ends, or of one."""
        caller, callee = self.ends
        yield "kinds", caller.kind, callee.kind
        yield "codecs", caller.codec, callee.codec
        yield "caller", caller.kind, caller.codec
        yield "callee", callee.kind, callee.codec
        yield "caller's kind", caller.kind, callee.codec
        yield "callee's kind", callee.kind, caller.codec


PHONES = tuple(Phone(*kind, codec) for kind in KINDS for codec in CODECS)


def every_pair() -> set[tuple[object, ...]]:
    return {pair for one in PHONES for two in PHONES for pair in Call(one, two).covers()}


def plan() -> list[list[Call]]:
    """Rounds of calls that go at the same time; together they try every pair.

    Each call is the one that tries most of what no other did, among the phones still free.
    """
    rng = random.Random(_SEED)
    left = every_pair()
    rounds = []
    while left:
        free = set(PHONES)
        calls = []
        while choice := _best(sorted(free), left, rng):
            calls.append(choice)
            left.difference_update(choice.covers())
            free.difference_update(choice.ends)
        rounds.append(calls)
    return rounds


def _best(free: list[Phone], left: set[tuple[object, ...]], rng: random.Random) -> Call | None:
    found: tuple[int, float, Call | None] = (0, 0.0, None)
    for caller in free:
        for callee in free:
            if caller.voice != callee.voice:
                call = Call(caller, callee)
                worth = (len(left.intersection(call.covers())), rng.random())
                if worth[0] and worth > found[:2]:
                    found = (*worth, call)
    return found[2]
