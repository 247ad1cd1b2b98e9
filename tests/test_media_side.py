"""Which engine carries the sound, and what is told of it."""

from dataclasses import replace

import pytest

from media import fields
from media.aiortc_engine import AiortcEngine
from media.engine import Profile
from media.fleet import Fleet
from signaling.media_side import MediaSide
from signaling.metrics import GAUGES
from signaling.shared.config import Config, Media


@pytest.mark.parametrize(("workers", "kind"), [(0, AiortcEngine), (2, Fleet)])
async def test_it_carries_legs_here_or_in_processes_and_counts_them(
    workers: int, kind: type
) -> None:
    side = MediaSide(replace(Config(), media=Media(host="127.0.0.1", workers=workers)))
    assert isinstance(side.engine, kind)
    await side.start()
    try:
        gauges = side.gauges()
        assert set(gauges) <= set(GAUGES)
        await side.engine.open("call", "leg", Profile.RTP, peer="127.0.0.1")
        told = {name: look() for name, look in gauges.items()}
        assert told == {
            "wsphone_media_legs": 1,
            "wsphone_media_workers": workers,
            "wsphone_media_worker_restarts": 0,
        }
        await side.engine.close("leg")
        assert side.counts()["media_legs"] == 0
    finally:
        await side.engine.aclose()


@pytest.mark.parametrize("compiled", [True, False])
async def test_the_operator_is_told_that_nothing_was_compiled(
    compiled: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fields, "COMPILED", compiled)
    side = MediaSide(replace(Config(), media=Media(host="127.0.0.1")))
    await side.start()
    await side.engine.aclose()
    assert ("no C compiler" in caplog.text) is not compiled
