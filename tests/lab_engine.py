"""A media engine for the call core: it answers as it is told, and complains of nonsense."""

from collections.abc import Callable

from signaling.call_actions import (
    AcceptMedia,
    CloseMedia,
    JoinMedia,
    MediaAction,
    OpenMedia,
    PlayMedia,
    RecordAction,
    RecordMedia,
    ReofferMedia,
    SendTones,
    UpdateMedia,
)
from signaling.call_events import (
    ChangeRefused,
    Event,
    MediaAccepted,
    MediaLost,
    MediaOpened,
    MediaRefused,
    MediaReoffered,
    MediaUpdated,
    RecordingBegan,
    RecordingRefused,
    TonesRefused,
    TonesSent,
    UpdateRefused,
)
from signaling.call_model import Heard
from signaling.shared.errors import WrongState
from signaling.shared.reasons import EndReason


class Engine:
    """Answers media actions; complains of what no engine could do."""

    def __init__(self) -> None:
        self.codec = "opus/48000/2"
        self.held: set[tuple[str, int]] = set()
        self.opened: list[tuple[str, int]] = []
        self.hears: dict[tuple[str, int], Heard] = {}
        self.fails: Callable[[MediaAction], bool] = lambda action: False
        self.refusal = EndReason.INCOMPATIBLE
        self.recorded: tuple[tuple[str, int], tuple[str, int]] | None = None
        self.records = True
        self.open_refusal = EndReason.INCOMPATIBLE

    def perform(self, action: MediaAction) -> Event | None:
        key = (action.leg, action.media)
        if not isinstance(action, OpenMedia):
            assert key in self.held, f"{key} is not open"
        match action:
            case OpenMedia():
                return self._open(action)
            case AcceptMedia():
                if self.fails(action):
                    return _refused(action, self.refusal)
                return MediaAccepted(*key, self.codec)
            case UpdateMedia():
                return self._update(action)
            case JoinMedia():
                return self._join(action)
            case PlayMedia() | ReofferMedia():
                return self._hold(action)
            case SendTones():
                return self._tones(action)
            case CloseMedia():
                self.held.remove(key)
        return None

    def record(self, action: RecordAction) -> Event | None:
        if not isinstance(action, RecordMedia):
            assert self.recorded is not None, "nothing is recorded that could be stopped"
            self.recorded = None
            return None
        begins = self.recorded is None
        self.recorded = ((action.leg, action.media), (action.other, action.other_media))
        assert self.held.issuperset(self.recorded), f"{self.recorded} are not open"
        if not self.records:
            self.recorded = None
            return RecordingRefused(WrongState("no room for another call", retry_after=10.0))
        return RecordingBegan() if begins else None

    def _open(self, action: OpenMedia) -> Event:
        key = (action.leg, action.media)
        assert key not in self.opened, f"{key} is opened twice"
        if self.fails(action):
            return _refused(action, self.open_refusal)
        self.held.add(key)
        self.opened.append(key)
        sdp = f"engine answers {action.offer}" if action.offer else f"engine offers {key}"
        return MediaOpened(*key, sdp)

    def _hold(self, action: PlayMedia | ReofferMedia) -> Event | None:
        key = (action.leg, action.media)
        if isinstance(action, PlayMedia):
            self.hears[key] = action.heard
            return None
        if self.fails(action):
            return ChangeRefused(action.leg, again=False)
        return MediaReoffered(*key, f"engine reoffers {action.heard}")

    def _join(self, action: JoinMedia) -> Event | None:
        key = (action.leg, action.media)
        assert (action.other, action.other_media) in self.held
        return MediaLost(*key, silent=True) if self.fails(action) else None

    def _tones(self, action: SendTones) -> Event | None:
        if action.asked is None:
            return None
        if self.fails(action):
            return TonesRefused(action.asked, WrongState("not connected yet", retry_after=1.0))
        return TonesSent(action.asked)

    def _update(self, action: UpdateMedia) -> Event:
        key = (action.leg, action.media)
        if self.fails(action):
            return UpdateRefused(*key)
        return MediaUpdated(*key, f"engine answers {action.offer}")


def _refused(action: MediaAction, reason: EndReason) -> MediaRefused:
    return MediaRefused(action.leg, action.media, reason, "they share no codec")
