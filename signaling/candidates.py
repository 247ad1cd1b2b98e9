"""What goes on of the candidates that one browser names to another, whose checks go there."""

import re
from collections.abc import Callable, Iterable

from signaling.shared.messages import MAX_CANDIDATES, Candidate

MayBeTold = Callable[[str], bool]
"""Whether a line `candidate:...` may go on; see media.candidates."""

# A parser may take more for the end of a line, and for the attribute, than the RFC allows.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_ATTRIBUTE = re.compile(r"\s*a\s*=\s*(candidate\b.*?)[\r\n]*", re.IGNORECASE)


def screened(description: str, may_be_told: MayBeTold) -> str:
    """The description as it is written, without candidates that may not go on, or are too many."""
    kept, room = [], MAX_CANDIDATES
    for line in _LINE.findall(description):
        attribute = _ATTRIBUTE.fullmatch(line)
        if attribute is not None:
            if not room or not may_be_told(attribute[1]):
                continue
            room -= 1
        kept.append(line)
    return "".join(kept)


def told(candidates: Iterable[Candidate], may_be_told: MayBeTold) -> tuple[Candidate, ...]:
    """Those that may go on; an empty one is how a browser says that there are no more."""
    return tuple(each for each in candidates if not each.candidate or may_be_told(each.candidate))
