"""Chooses the media engine, in this process or in processes of its own, and runs it."""

from collections.abc import Callable, Mapping

from media.engine import OwnEngine
from media.fleet import Fleet
from media.settings import MediaSettings
from signaling.shared.config import Config, is_loopback


class MediaSide:
    """The engine that carries the sound of all calls, and what is counted of it."""

    def __init__(self, config: Config) -> None:
        settings, workers = _settings(config), config.media.workers
        self._fleet = Fleet(settings, workers) if workers else None
        self.engine: OwnEngine = self._fleet or _in_process(settings)

    async def start(self) -> None:
        """Have it ready for calls; raises OperatorError."""
        if self._fleet is not None:
            await self._fleet.start()

    def gauges(self) -> Mapping[str, Callable[[], float]]:
        """What Prometheus is told."""
        fleet = self._fleet
        return {
            "wsphone_media_legs": lambda: self.engine.counts().legs,
            "wsphone_media_workers": lambda: fleet.alive() if fleet else 0,
            "wsphone_media_worker_restarts": lambda: fleet.restarts if fleet else 0,
        }

    def counts(self) -> dict[str, int]:
        """What must go back to where it was when a call is over."""
        media = self.engine.counts()
        return {
            "media_legs": media.legs,
            "media_sockets": media.sockets,
            "media_tasks": media.tasks,
            "ports": media.ports,
        }


def _in_process(settings: MediaSettings) -> OwnEngine:
    # Where other processes carry the sound, this one does without its 35 MB.
    from media.aiortc_engine import AiortcEngine
    from media.codec import prepare

    prepare()
    return AiortcEngine(settings)


def _settings(config: Config) -> MediaSettings:
    return MediaSettings(
        host=config.media.host,
        advertised_address=config.media.advertised_address,
        port_min=config.media.port_min,
        port_max=config.media.port_max,
        loopback=is_loopback(config.http.host),
        trusted_networks=tuple(map(str, config.media.trusted_networks)),
        max_transcoded=config.media.max_transcoded,
        browser_codec=config.media.browser_codec,
    )
