"""Chooses the media engine, in this process, in others or rtpengine's, and runs it."""

import logging
from collections.abc import Callable, Mapping

from media import fields
from media.engine import OwnEngine
from media.fleet import Fleet
from media.rtpengine_engine import RtpengineEngine, RtpengineSettings
from media.settings import MediaSettings
from signaling.shared.config import Config, is_loopback

log = logging.getLogger(__name__)


class MediaSide:
    """The engine that carries the sound of all calls, and what is counted of it."""

    def __init__(self, config: Config) -> None:
        settings, workers = media_settings(config), config.media.workers
        by_rtpengine = config.media.engine == "rtpengine"
        self._rtpengine = RtpengineEngine(rtpengine_settings(config)) if by_rtpengine else None
        self._fleet = Fleet(settings, workers) if workers and not by_rtpengine else None
        self.engine: OwnEngine = self._rtpengine or self._fleet or _in_process(settings)

    async def start(self) -> None:
        """Have it ready for calls; raises OperatorError."""
        if self._rtpengine is None and not fields.COMPILED:
            log.warning(
                "no C compiler was there when WSPhone was installed: a core carries half as many"
                " calls (README.md, Two commands)"
            )
        if self._fleet is not None:
            await self._fleet.start()
        if self._rtpengine is not None:
            await self._rtpengine.start()

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


def serves_this_machine(config: Config) -> bool:
    """Whether browsers may be on this machine; those behind a proxy on it are elsewhere."""
    return is_loopback(config.http.host) and not config.http.trusted_proxies


def media_settings(config: Config) -> MediaSettings:
    """What an engine of ours has to know."""
    return MediaSettings(
        host=config.media.host,
        advertised_address=config.media.advertised_address,
        port_min=config.media.port_min,
        port_max=config.media.port_max,
        loopback=serves_this_machine(config),
        trusted_networks=tuple(map(str, config.media.trusted_networks)),
        max_transcoded=config.media.max_transcoded,
        browser_codec=config.media.browser_codec,
    )


def rtpengine_settings(config: Config) -> RtpengineSettings:
    """What the engine of rtpengine has to know."""
    return RtpengineSettings(
        config.media.rtpengine_urls,
        digits=config.media.rtpengine_digits,
        browser_codec=config.media.browser_codec,
        loopback=serves_this_machine(config),
        trusted_networks=tuple(map(str, config.media.trusted_networks)),
    )
