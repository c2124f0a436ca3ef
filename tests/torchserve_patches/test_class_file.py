"""Classes are changed as bytes and stay classes: Java itself runs them in every test of the server."""

from __future__ import annotations

import struct

import pytest

from torchserve_patches.class_file import add_method, exchange_name

REST = b"\x00\x21 and so on"


def a_class(count: int, added: bytes = b"") -> bytes:
    """One whose constants are a long, which counts twice, a text and a class."""
    constants = b"\x05" + bytes(8) + b"\x01\x00\x04poll" + b"\x07\x00\x03"
    return struct.pack(">IHHH", 0xCAFEBABE, 0, 55, count) + constants + added + REST


def test_a_method_is_added_behind_all_constants() -> None:
    changed, number = add_method(a_class(5), "A", "get", "()V")
    added = b"\x01\x00\x01A" + b"\x07\x00\x05" + b"\x01\x00\x03get" + b"\x01\x00\x03()V" + b"\x0c\x00\x07\x00\x08"
    assert changed == a_class(11, added + b"\x0a\x00\x06\x00\x09")
    assert number == b"\x00\x0a"


def test_a_name_is_exchanged_with_its_length() -> None:
    assert exchange_name(a_class(5), "poll", "first") == a_class(5).replace(b"\x04poll", b"\x05first")


def test_a_name_that_is_not_there_is_not_exchanged() -> None:
    with pytest.raises(ValueError, match=r"push' is not in this class exactly once$"):
        exchange_name(a_class(5), "push", "pop")
