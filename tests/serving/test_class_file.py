"""Classes are changed as bytes and stay classes: Java itself runs them in every test of the server."""

from __future__ import annotations

import struct

import pytest

from serving.class_file import add_overload, exchange_name, utf8

POLL, DEQUE = "poll", "java/util/Deque"
REST = b"\x00\x21 and so on"


def class_of(*constants: bytes, count: int) -> bytes:
    return struct.pack(">IHHH", 0xCAFEBABE, 0, 55, count) + b"".join(constants) + REST


def a_class() -> bytes:
    """One that calls Deque.poll(long): its constant 7 is that method, after a long, which counts twice."""
    return class_of(
        b"\x05" + bytes(8),  # 1 and 2
        utf8(DEQUE),  # 3
        b"\x07\x00\x03",  # 4, the class
        utf8(POLL),  # 5
        b"\x0c\x00\x05\x00\x08",  # 6, name and type
        b"\x0a\x00\x04\x00\x06",  # 7, the method
        utf8("(J)V"),  # 8
        count=9,
    )


def test_an_overload_is_added_behind_all_constants() -> None:
    changed, number = add_overload(a_class(), 7, "()V")
    added = utf8("()V") + b"\x0c\x00\x05\x00\x09" + b"\x0a\x00\x04\x00\x0a"
    assert number == 11
    assert changed == a_class().replace(b"\x00\x09", b"\x00\x0c", 1).replace(REST, added + REST)


def test_a_name_is_exchanged_with_its_length() -> None:
    assert exchange_name(a_class(), "poll", "pollFirst") == a_class().replace(utf8("poll"), utf8("pollFirst"))


def test_a_name_that_is_not_there_is_not_exchanged() -> None:
    with pytest.raises(ValueError, match=r"^push is not in this class exactly once$"):
        exchange_name(a_class(), "push", "pop")
