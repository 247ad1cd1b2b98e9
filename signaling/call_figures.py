"""How calls sound: told to those who talk while they do, kept and logged when a call is over."""

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Iterable, Mapping

from media.engine import Direction, Figures
from signaling.call_model import EndpointKind
from signaling.mailbox import Mailbox
from signaling.shared.messages import CallFigures, StreamFigures

log = logging.getLogger(__name__)

TELL_SECONDS = 5.0


async def tell_figures(
    talking: Callable[[], Iterable[Mailbox]],
    tell: Callable[[str, CallFigures], None],
    *,
    seconds: float = TELL_SECONDS,
) -> None:
    """Tell the sessions of all talking calls their figures every so often, for ever."""
    while True:
        await asyncio.sleep(seconds)
        for mailbox in list(talking()):
            try:
                await tell_call(mailbox, tell)
            except Exception:  # one call that fails must not silence the others
                log.exception("call %s: its figures could not be told", mailbox.call.id)


async def tell_call(mailbox: Mailbox, tell: Callable[[str, CallFigures], None]) -> None:
    """Tell both sessions of one call, or the one that it has, how they are heard and hear."""
    call = mailbox.call
    for leg in call.parties():
        if leg.endpoint.kind is EndpointKind.SESSION and leg.media in leg.engine:
            figures = await mailbox.media.look(leg)
            if figures is not None and leg.live:
                tell(leg.id, event_of(call.id, figures))


def event_of(call: str, figures: Figures) -> CallFigures:
    """The protocol's event: what the server sends is what the client receives."""
    return CallFigures(
        call=call,
        sent=_stream(figures, figures.received),
        received=_stream(figures, figures.sent),
    )


def kept(figures: Figures) -> Mapping[str, object]:
    """What the history keeps of a leg's figures; its codec has a place of its own there."""
    plain = dataclasses.asdict(figures)
    del plain["codec"]
    return plain


def summary(mailbox: Mailbox) -> str:
    """The figures of both sides for the log; empty for a call that the engine did not carry."""
    known = mailbox.media.figures
    sides = [(leg.side.value, known.get(leg.id)) for leg in mailbox.call.parties()]
    return "".join(f"; {side}: {figures}" for side, figures in sides if figures is not None)


def _stream(figures: Figures, direction: Direction) -> StreamFigures:
    return StreamFigures(
        packets=direction.packets,
        lost=direction.lost,
        jitter_ms=direction.jitter_ms,
        round_trip_ms=figures.round_trip_ms,
        mos=direction.mos,
        codec=figures.codec,
        late=direction.late,
    )
