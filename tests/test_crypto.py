import threading
from pathlib import Path

import pytest

from signaling.shared.crypto import Keyring, read_or_make_secret
from signaling.shared.errors import OperatorError

OLD = "the old key of at least thirty-two characters"
NEW = "the new key of at least thirty-two characters"
PLACE = {"table": "phones", "row": "1", "column": "ha1_md5"}


class TestEnvelopes:
    def test_what_was_encrypted_is_decrypted(self) -> None:
        keyring = Keyring([OLD])
        assert keyring.decrypt(keyring.encrypt(b"plain", **PLACE), **PLACE) == b"plain"

    def test_the_same_plain_text_never_looks_the_same(self) -> None:
        keyring = Keyring([OLD])
        assert keyring.encrypt(b"plain", **PLACE) != keyring.encrypt(b"plain", **PLACE)

    def test_a_first_key_encrypts_and_an_older_one_still_decrypts(self) -> None:
        old = Keyring([OLD]).encrypt(b"old", **PLACE)
        rotated = Keyring([NEW, OLD])
        assert rotated.decrypt(old, **PLACE) == b"old"
        fresh = rotated.encrypt(b"new", **PLACE)
        assert Keyring([NEW]).decrypt(fresh, **PLACE) == b"new"

    def test_a_wrong_key_is_told_in_words(self) -> None:
        envelope = Keyring([OLD]).encrypt(b"plain", **PLACE)
        with pytest.raises(OperatorError, match="under another secret_key"):
            Keyring([NEW]).decrypt(envelope, **PLACE)

    @pytest.mark.parametrize(
        "elsewhere",
        [
            {"table": "devices"},
            {"row": "2"},
            {"column": "ha1_sha256"},
            {"table": "phones1", "row": ""},
        ],
    )
    def test_an_envelope_moved_elsewhere_does_not_open(self, elsewhere: dict[str, str]) -> None:
        keyring = Keyring([OLD])
        envelope = keyring.encrypt(b"plain", **PLACE)
        with pytest.raises(OperatorError, match="damaged or was copied"):
            keyring.decrypt(envelope, **(PLACE | elsewhere))

    def test_no_changed_byte_and_no_shorter_envelope_opens(self) -> None:
        keyring = Keyring([OLD])
        envelope = keyring.encrypt(b"plain", **PLACE)
        spoiled = [
            envelope[:place] + bytes([byte ^ 1]) + envelope[place + 1 :]
            for place, byte in enumerate(envelope)
        ]
        shortened = [envelope[:length] for length in range(len(envelope))]
        for wrong in spoiled + shortened:
            with pytest.raises(OperatorError):
                keyring.decrypt(wrong, **PLACE)


class TestMacs:
    def test_a_mac_verifies_for_its_data_and_purpose_only(self) -> None:
        keyring = Keyring([OLD])
        mac = keyring.mac("access token", b"data")
        assert keyring.verify("access token", b"data", mac)
        assert not keyring.verify("access token", b"other", mac)
        assert not keyring.verify("refresh token", b"data", mac)

    def test_a_mac_of_an_older_key_verifies_until_the_key_is_dropped(self) -> None:
        mac = Keyring([OLD]).mac("access token", b"data")
        assert Keyring([NEW, OLD]).verify("access token", b"data", mac)
        assert not Keyring([NEW]).verify("access token", b"data", mac)

    def test_subkeys_differ_by_purpose_and_stay_the_same(self) -> None:
        assert Keyring([OLD]).subkey("nonce") == Keyring([OLD, NEW]).subkey("nonce")
        assert Keyring([OLD]).subkey("nonce") != Keyring([OLD]).subkey("other")


class TestKeyFile:
    def test_the_first_start_makes_it_for_its_owner_alone(self, tmp_path: Path) -> None:
        secret = read_or_make_secret(tmp_path)
        assert len(secret) >= 32
        assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
        assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]

    def test_the_second_start_reads_the_same(self, tmp_path: Path) -> None:
        assert read_or_make_secret(tmp_path) == read_or_make_secret(tmp_path)

    def test_starts_at_the_same_moment_agree_on_one(self, tmp_path: Path) -> None:
        found: list[str] = []
        barrier = threading.Barrier(8)

        def start() -> None:
            barrier.wait()
            found.append(read_or_make_secret(tmp_path))

        threads = [threading.Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        assert len(set(found)) == 1
        assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]

    def test_a_directory_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(OperatorError, match="cannot be read or made: No such file"):
            read_or_make_secret(tmp_path / "none")

    @pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 40])
    def test_a_damaged_file_is_told_and_not_replaced(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "secret_key"
        path.write_bytes(content)
        with pytest.raises(OperatorError, match="restore the file"):
            read_or_make_secret(tmp_path)
        assert path.read_bytes() == content
