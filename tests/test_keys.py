import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from signaling.shared.config import Config, Push, Webpush
from signaling.shared.errors import OperatorError
from signaling.shared.keys import webpush_key_of


def with_key_file(path: Path) -> Config:
    return Config(push=Push(webpush=Webpush(key_file=path)))


def write_key(path: Path, curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )


class TestWebpushKey:
    def test_the_first_start_makes_one_that_later_starts_find(self, tmp_path: Path) -> None:
        config = Config(data_dir=tmp_path)
        key = webpush_key_of(config)
        assert webpush_key_of(config).public == key.public
        (file,) = tmp_path.iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_browsers_get_the_uncompressed_point(self, tmp_path: Path) -> None:
        public = webpush_key_of(Config(data_dir=tmp_path)).public
        point = base64.urlsafe_b64decode(public + "=")
        assert (len(point), point[0]) == (65, 4)

    def test_a_given_one_is_taken_and_none_is_made(self, tmp_path: Path) -> None:
        path = tmp_path / "vapid.pem"
        write_key(path, ec.SECP256R1())
        webpush_key_of(with_key_file(path))
        assert [file.name for file in tmp_path.iterdir()] == ["vapid.pem"]

    def test_one_that_is_not_there_is_named_with_its_key(self, tmp_path: Path) -> None:
        with pytest.raises(OperatorError, match=r"push.webpush.key_file: .*No such file"):
            webpush_key_of(with_key_file(tmp_path / "vapid.pem"))

    def test_another_curve_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "vapid.pem"
        write_key(path, ec.SECP384R1())
        with pytest.raises(OperatorError, match=r"vapid.pem: is not a key of the curve P-256"):
            webpush_key_of(with_key_file(path))

    @pytest.mark.parametrize("content", [b"", b"a password", b"\xff"])
    def test_what_is_no_key_is_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "vapid.pem"
        path.write_bytes(content)
        with pytest.raises(OperatorError, match=r"vapid.pem:? is not a private key in PEM"):
            webpush_key_of(with_key_file(path))
