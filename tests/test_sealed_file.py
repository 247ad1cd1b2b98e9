"""Sealed files: nothing plain on disk, and whatever was done to one is noticed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signaling.shared.errors import OperatorError
from signaling.shared.sealed_file import CHUNK_BYTES, SealedReader, SealedWriter, mend

KEY = bytes(range(32))
MAGIC, SEALED = 16, CHUNK_BYTES + 16
PLAIN = os.urandom(3 * CHUNK_BYTES + 100)

Harm = Callable[[bytearray], object]


def written(path: Path, plain: bytes = PLAIN, *, ends: bool = True) -> Path:
    writer = SealedWriter(path, KEY)
    for start in range(0, len(plain), 1000):
        writer.write(plain[start : start + 1000])
    if ends:
        writer.finish()
    writer.close()
    return path


def read(path: Path, key: bytes = KEY) -> bytes:
    return b"".join(SealedReader(path, key).read())


def swapped(data: bytearray) -> None:
    one, two = slice(MAGIC, MAGIC + SEALED), slice(MAGIC + SEALED, MAGIC + 2 * SEALED)
    data[one], data[two] = data[two], data[one]


def flip(at: int) -> Harm:
    def harm(data: bytearray) -> None:
        data[at] ^= 1

    return harm


def cut(start: int, end: int | None = None) -> Harm:
    def harm(data: bytearray) -> None:
        del data[start:end]

    return harm


class TestReading:
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(size=st.integers(0, 3 * CHUNK_BYTES), data=st.data())
    def test_any_part_of_any_length_comes_back(
        self, tmp_path: Path, size: int, data: st.DataObject
    ) -> None:
        path = tmp_path / os.urandom(8).hex()
        reader = SealedReader(written(path, PLAIN[:size]), KEY)
        assert reader.size == size
        start = data.draw(st.integers(0, size))
        end = data.draw(st.integers(start, size))
        assert b"".join(reader.read(start, end)) == PLAIN[start:end]

    def test_nothing_plain_is_on_the_disk_and_nobody_else_reads_it(self, tmp_path: Path) -> None:
        path = written(tmp_path / "x", b"OggS and what was said" * 1000)
        assert b"OggS" not in path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600

    def test_a_file_that_is_there_is_not_overwritten(self, tmp_path: Path) -> None:
        path = written(tmp_path / "x")
        with pytest.raises(FileExistsError):
            SealedWriter(path, KEY)
        assert read(path) == PLAIN


class TestHarm:
    @pytest.mark.parametrize(
        "harm",
        [
            flip(MAGIC),
            flip(MAGIC + SEALED + 5),
            flip(-1),
            swapped,
            cut(-1),
            cut(-116),
            cut(MAGIC + 2 * SEALED),
            cut(MAGIC + 2 * SEALED, MAGIC + 3 * SEALED),
            cut(MAGIC, MAGIC + SEALED),
            cut(3),
            cut(0),
            lambda data: data.extend(data[-116:]),
        ],
    )
    def test_whatever_is_done_to_a_file_is_noticed(self, tmp_path: Path, harm: Harm) -> None:
        path = written(tmp_path / "x")
        data = bytearray(path.read_bytes())
        harm(data)
        path.write_bytes(data)
        with pytest.raises(OperatorError):
            read(path)

    @pytest.mark.parametrize("size", [CHUNK_BYTES, 2 * CHUNK_BYTES])
    def test_a_file_without_its_end_is_cut_though_its_chunks_are_whole(
        self, tmp_path: Path, size: int
    ) -> None:
        with pytest.raises(OperatorError, match="cut"):
            read(written(tmp_path / "x", PLAIN[:size], ends=False))

    def test_another_key_opens_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(OperatorError, match="damaged"):
            read(written(tmp_path / "x"), bytes(32))

    def test_a_file_that_is_gone_is_an_error_in_words(self, tmp_path: Path) -> None:
        with pytest.raises(OperatorError, match="cannot be read"):
            read(tmp_path / "x")


class TestAfterACrash:
    @pytest.mark.parametrize("torn", [0, 1, 15, 16, 100, SEALED - 1])
    def test_all_whole_chunks_are_kept(self, tmp_path: Path, torn: int) -> None:
        path = written(tmp_path / "x", ends=False)
        with path.open("ab") as file:
            file.write(os.urandom(torn))
        assert mend(path, KEY)
        assert read(path) == PLAIN[: 3 * CHUNK_BYTES]

    def test_what_died_before_its_first_byte_is_empty(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        path.touch()
        assert mend(path, KEY)
        assert read(path) == b""

    def test_a_file_with_its_end_stays_as_it_is(self, tmp_path: Path) -> None:
        path = written(tmp_path / "x")
        before = path.read_bytes()
        assert mend(path, KEY)
        assert path.read_bytes() == before

    def test_what_is_being_written_is_let_be(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        writer = SealedWriter(path, KEY)
        writer.write(PLAIN)
        assert not mend(path, KEY)
        writer.finish()
        writer.close()
        assert read(path) == PLAIN


def test_a_disk_that_gave_out_leaves_what_was_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    writer = SealedWriter(path, KEY)
    writer.write(PLAIN)
    # Half a chunk was written when the disk was full.
    with path.open("ab") as file:
        file.write(os.urandom(SEALED // 2))
    writer.drop_pending()
    writer.finish()
    writer.close()
    assert read(path) == PLAIN[: 3 * CHUNK_BYTES]
