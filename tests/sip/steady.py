"""How generated tests run: the same examples every time, on however slow a machine."""

from hypothesis import settings

STEADY = settings(deadline=None, derandomize=True)
