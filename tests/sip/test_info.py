"""Keys that phones report by INFO: told once, and only when they are keys."""

import pytest

from signaling.sip.events import Pressed
from tests.sip.desk import Desk


class TestInfo:
    """Keys, as phones report them by INFO."""

    @pytest.mark.parametrize(
        ("kind", "body", "digit", "duration_ms"),
        [
            ("application/dtmf-relay", "Signal=5\r\nDuration=250\r\n", "5", 250),
            ("application/dtmf-relay", "signal = * \nduration= 100", "*", 100),
            ("Application/DTMF-Relay; x=y", "Signal=11\r\n", "#", 160),
            ("application/dtmf-relay", "Signal=d\r\nDuration=99999", "D", 5000),
            ("application/dtmf", "7", "7", 160),
        ],
    )
    def test_a_key_is_told_once(
        self, desk: Desk, kind: str, body: str, digit: str, duration_ms: int
    ) -> None:
        dialog = desk.up()
        info = dialog.request("INFO", 21, body, kind=kind)
        assert [desk.code(info), desk.code(info)] == [200, 200]
        assert desk.events() == [Pressed("leg", digit, duration_ms)]

    @pytest.mark.parametrize(
        ("kind", "body", "code"),
        [
            ("application/dtmf-relay", "Signal=\r\n", 400),
            ("application/dtmf-relay", "Signal=55\r\n", 400),
            ("application/dtmf-relay", "Signal=5\r\nDuration=-1", 400),
            ("application/dtmf", "five", 400),
            ("application/dtmf", "\u0665", 400),
            ("application/media_control+xml", "<fast/>", 415),
        ],
    )
    def test_what_is_no_key_is_refused(self, desk: Desk, kind: str, body: str, code: int) -> None:
        dialog = desk.up()
        assert desk.code(dialog.request("INFO", 21, body, kind=kind)) == code
        assert desk.events() == []
