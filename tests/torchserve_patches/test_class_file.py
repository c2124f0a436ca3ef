"""Classes are changed as bytes and stay classes: Java itself runs them in every test of the server."""

from __future__ import annotations

import struct

import pytest

from torchserve_patches.class_file import add_method_reference, replace_constant

REST = b"\x00\x21 and so on"


def a_class(count: int, added: bytes = b"") -> bytes:
    """Make a class whose constants are a long, which takes two indexes, a string and a class."""
    constants = b"\x05" + bytes(8) + b"\x01\x00\x04poll" + b"\x07\x00\x03"
    return struct.pack(">IHHH", 0xCAFEBABE, 0, 55, count) + constants + added + REST


def test_a_method_reference_is_added_behind_all_constants() -> None:
    changed, number = add_method_reference(a_class(5), "A", "get", "()V")
    added = b"\x01\x00\x01A" + b"\x07\x00\x05" + b"\x01\x00\x03get" + b"\x01\x00\x03()V" + b"\x0c\x00\x07\x00\x08"
    assert changed == a_class(11, added + b"\x0a\x00\x06\x00\x09")
    assert number == b"\x00\x0a"


def test_a_constant_is_replaced_with_its_length() -> None:
    assert replace_constant(a_class(5), "poll", "first") == a_class(5).replace(b"\x04poll", b"\x05first")


def test_a_constant_that_is_not_there_is_not_replaced() -> None:
    with pytest.raises(ValueError, match=r"push' is not in this class exactly once$"):
        replace_constant(a_class(5), "push", "pop")
