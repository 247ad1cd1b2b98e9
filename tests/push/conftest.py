"""Certificates and fakes that the tests of push share."""

import pytest

from tests.push.fake_https import Certificates
from tests.push.fake_webpush import HOST


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("authority"), HOST, "other.push.local")
