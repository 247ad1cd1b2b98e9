"""What the fast path has to know of an engine's objects: their classes are made from these.

Where media/compiled.pyx is compiled, the fields are structures that it reaches without Python.
"""

from typing import TYPE_CHECKING

COMPILED = False


class IncomingFields:
    """See media.reception.Incoming."""

    __slots__ = (
        "received",
        "late",
        "_rate",
        "_source",
        "_highest",
        "_here",
        "_transit",
        "_jitter",
        "_timed",
    )


class OutgoingFields:
    """See media.packet.Outgoing."""

    __slots__ = (
        "source",
        "_rate",
        "_sequence",
        "_timestamp",
        "_at",
        "_from",
        "_sequence_shift",
        "_timestamp_shift",
        "_begun",
        "_renumber",
    )


class SideFields:
    """See media.side.Side."""

    __slots__ = (
        "heard",
        "heard_at",
        "sink",
        "tap",
        "stream",
        "wire",
        "_incoming",
        "_kinds",
        "_audio_type",
        "_timer",
        "_sent",
        "_octets",
        "_dropped",
    )


class SourceFields:
    """See media.aiortc_hooks."""

    __slots__ = ("last",)
    last: int


if not TYPE_CHECKING:
    try:
        from media import compiled
    except ImportError:
        pass
    else:
        COMPILED = True
        IncomingFields, OutgoingFields = compiled.IncomingFields, compiled.OutgoingFields
        SideFields, SourceFields = compiled.SideFields, compiled.SourceFields
