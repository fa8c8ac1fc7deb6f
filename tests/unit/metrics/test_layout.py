import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ops.metrics import layout
from tests.unit.metrics.observed import exposed

keys = st.lists(st.text(), min_size=1, max_size=5).map(tuple)
numbers = st.lists(st.floats(allow_nan=False), max_size=40)


def image(*entries: tuple[tuple[str, ...], list[float]]) -> bytes:
    """Return the bytes of a store with these entries."""
    body = b"".join(layout.entry_head(key, len(vector)) + struct.pack(f"={len(vector)}d", *vector)
                    for key, vector in entries)  # fmt: skip
    return layout.header(layout.HEADER_BYTES + len(body)) + body


WHOLE = image((("a",), [1.0, 2.0]), (("b", 'x"\n\ud800ü'), [3.0]))


@given(st.lists(st.tuples(keys, numbers)))
def test_vectors__come_back_as_they_went_in(entries):
    assert list(layout.vectors(image(*entries))) == entries


@given(st.integers(min_value=0, max_value=len(WHOLE)))
def test_vectors__of_a_truncated_store_are_the_first_of_the_whole(length):
    read = list(layout.vectors(WHOLE[:length]))
    assert read == list(layout.vectors(WHOLE))[: len(read)]


@given(st.binary(max_size=500))
def test_vectors__of_any_bytes_are_read_without_an_error(data):
    list(layout.vectors(data))


@given(st.binary(max_size=500))
def test_vectors__of_any_bytes_behind_the_magic_are_read_without_an_error(data):
    list(layout.vectors(layout.MAGIC + data))


@given(st.integers(min_value=0, max_value=len(WHOLE) - 1), st.integers(min_value=0, max_value=255))
def test_vectors__with_one_wrong_byte_are_read_without_an_error(position, byte):
    list(layout.vectors(WHOLE[:position] + bytes([byte]) + WHOLE[position + 1 :]))


@pytest.mark.parametrize("name", [b"[" * 100_000, b"{}", b"[1]", b"[]", b"nothing", b"\xff\xfe", b'["a", null]'])
def test_vectors__stop_at_a_key_that_is_none(name):
    entry = struct.pack("=II", len(name), 0) + name + b" " * (-len(name) % 8)
    assert list(layout.vectors(layout.header(16 + len(entry)) + entry)) == []


def test_vectors__stop_at_an_entry_longer_than_the_store():
    entry = struct.pack("=II", 3, 2**32 - 1) + b"[1]     "
    assert list(layout.vectors(layout.header(16 + len(entry)) + entry)) == []


def test_vectors__of_another_magic_are_none():
    assert list(layout.vectors(b"djopsm9\n" + WHOLE[8:])) == []


def test_read_entries__parses_each_key_once(monkeypatch):
    list(layout.read_entries(WHOLE))
    monkeypatch.setattr(layout.json, "loads", pytest.fail)
    assert [key for key, _, _ in layout.read_entries(WHOLE)] == [("a",), ("b", 'x"\n\ud800ü')]


def test_read_entries__remembers_a_bounded_number_of_keys(monkeypatch):
    monkeypatch.setattr(layout, "_MOST_PARSED", 3)
    list(layout.read_entries(image(*((("key", str(number)), []) for number in range(10)))))
    assert len(layout._parsed) <= 3


def test_allocate__leaves_no_holes(tmp_path):
    with (tmp_path / "file").open("w+b") as file:
        layout.allocate(file.fileno(), 1 << 16)
        assert os.fstat(file.fileno()).st_blocks * 512 >= 1 << 16


def test_allocate__fills_the_holes_of_a_file(tmp_path):
    with (tmp_path / "file").open("w+b") as file:
        os.ftruncate(file.fileno(), 1 << 16)
        layout.allocate(file.fileno(), 1 << 16)
        assert os.fstat(file.fileno()).st_blocks * 512 >= 1 << 16


def test_allocate__keeps_what_is_there(tmp_path):
    with (tmp_path / "file").open("w+b") as file:
        file.write(b"mine")
        file.flush()
        layout.allocate(file.fileno(), 4096)
        assert os.pread(file.fileno(), 8, 0) == b"mine\0\0\0\0"


def refuse(errno: int):
    def posix_fallocate(*arguments):
        raise OSError(errno, os.strerror(errno))

    return posix_fallocate


@pytest.mark.parametrize("errno", layout._CANNOT_ALLOCATE)
def test_allocate__writes_zeros_where_the_file_system_cannot_do_it(tmp_path, monkeypatch, errno):
    monkeypatch.setattr(os, "posix_fallocate", refuse(errno))
    with (tmp_path / "file").open("w+b") as file:
        os.write(file.fileno(), b"mine")
        layout.allocate(file.fileno(), 3 << 20)
        assert os.pread(file.fileno(), 4 << 20, 0) == b"mine" + bytes((3 << 20) - 4)


def test_allocate__raises_when_there_is_no_room(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", refuse(28))
    with (tmp_path / "file").open("w+b") as file, pytest.raises(OSError, match="No space left"):
        layout.allocate(file.fileno(), 4096)


def test_exposition__is_whole_beside_any_file(slot_directory):
    text = exposed()
    for number, data in enumerate((b"", b"x", b"djopsm1\n", bytes(range(256)) * 4, WHOLE[:-3], bytes(1 << 16))):
        (slot_directory / f"metrics-{number + 10}.cells").write_bytes(data)
    assert exposed() == text


@given(st.lists(keys))
def test_parts__are_those_that_were_put_together(together):
    assert layout.parts(layout.together(together)) == together


def test_parts__that_cannot_be_read_are_passed_over():
    assert layout.parts((layout.TOGETHER, "[", "7", '["a", 1]', "[]", '["a", "b"]')) == [("a", "b")]


def test_parts__of_any_other_key_is_itself():
    assert layout.parts(("a", "b")) == [("a", "b")]
