"""Tables of what was measured: in build/, and on the terminal with pytest's -s."""

import sys
from collections.abc import Sequence

from tests.end_to_end.server import ROOT


def show(name: str, lines: Sequence[str]) -> None:
    text = "\n".join(lines) + "\n"
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_text(text)
    sys.stdout.write(f"\n{text}")
