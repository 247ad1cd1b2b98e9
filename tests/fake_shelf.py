"""A shelf for recordings made of lists, for whoever tests what is put there."""

from media.engine import Recorded
from signaling.record_link import NewRecording


class FakeShelf:
    """Implements signaling.record_link.Shelf. `trouble` is what `begin` raises."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, str, str | None]] = []
        self.finished: list[tuple[str, Recorded]] = []
        self.discarded: list[str] = []
        self.left: list[str] = []
        self.trouble: Exception | None = None

    async def begin(self, call: str, caller: str, callee: str | None) -> NewRecording:
        if self.trouble is not None:
            raise self.trouble
        self.begun.append((call, caller, callee))
        name = f"recording {len(self.begun)}"
        return NewRecording(name, f"/nowhere/{name}", bytes(32))

    async def finish(self, recording: str, recorded: Recorded) -> None:
        self.finished.append((recording, recorded))

    async def discard(self, recording: str) -> None:
        self.discarded.append(recording)

    def abandon(self, recording: str) -> None:
        self.left.append(recording)
