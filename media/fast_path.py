"""How packets come and go: compiled where that could be, else in Python."""

from typing import TYPE_CHECKING

from media.fields import COMPILED

if COMPILED and not TYPE_CHECKING:
    from media.compiled import Reader, SrtpFunction, Wire
else:
    from media.uncompiled import Reader, SrtpFunction, Wire

__all__ = ["Reader", "SrtpFunction", "Wire"]
