"""What the configuration means for the engine."""

from pathlib import Path

import pytest

from signaling.media_side import media_settings, rtpengine_settings, serves_this_machine
from signaling.shared.config import load
from tests.test_config import written


@pytest.mark.parametrize(
    ("http", "this_machines"),
    [
        ("", True),
        ('host = "::1"', True),
        ('host = "0.0.0.0"', False),
        ('host = "192.0.2.1"', False),
        ('trusted_proxies = ["127.0.0.1"]', False),
    ],
)
def test_loopback_is_for_browsers_of_this_machine(
    tmp_path: Path, http: str, *, this_machines: bool
) -> None:
    config = load(written(tmp_path, f"[http]\n{http}\n"), environment={})
    assert media_settings(config).loopback is this_machines
    assert rtpengine_settings(config).loopback is this_machines
    assert serves_this_machine(config) is this_machines
