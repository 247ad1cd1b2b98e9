"""The compiled fast path if it is there, else the same in Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media._plain import (
        IncomingFields,
        OutgoingFields,
        Reader,
        SideFields,
        SourceFields,
        SrtpFunction,
        Wire,
    )

    COMPILED: bool
else:
    try:
        from media._fast import (
            IncomingFields,
            OutgoingFields,
            Reader,
            SideFields,
            SourceFields,
            SrtpFunction,
            Wire,
        )

        COMPILED = True
    except ImportError:
        from media._plain import (
            IncomingFields,
            OutgoingFields,
            Reader,
            SideFields,
            SourceFields,
            SrtpFunction,
            Wire,
        )

        COMPILED = False

__all__ = [
    "COMPILED",
    "IncomingFields",
    "OutgoingFields",
    "Reader",
    "SideFields",
    "SourceFields",
    "SrtpFunction",
    "Wire",
]
