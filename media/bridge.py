"""The join of two legs: which way each side's packets take to the other."""

from media.side import Side
from signaling.shared.errors import IncompatibleMedia, WrongState


def join(one: Side, two: Side) -> None:
    """Bridge two sides of one codec; each leaves the side it was joined to."""
    if one is two:
        raise WrongState("a leg cannot be joined to itself")
    if one.agreement is None or two.agreement is None:
        raise WrongState("a leg that has not agreed on its media cannot be joined")
    if one.agreement.codec != two.agreement.codec:
        raise IncompatibleMedia(
            f"the legs speak {one.agreement.codec} and {two.agreement.codec}; they share no codec"
        )
    if one.other is two:
        return
    for side in (one, two):
        side.part()
        side.stream.forget_source()
    one.other, two.other = two, one
    one.sink, two.sink = two, one
