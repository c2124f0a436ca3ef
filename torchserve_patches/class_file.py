"""Small changes to a compiled Java class, as bytes (Java Virtual Machine Specification, chapter 4)."""

from __future__ import annotations

import struct

UTF8, CLASS, METHOD, NAME_AND_TYPE = 1, 7, 10, 12
CONSTANTS_BEGIN = 10  # after magic, versions and their count
SIZES = {3: 5, 4: 5, 5: 9, 6: 9, 7: 3, 8: 3, 9: 5, 10: 5, 11: 5, 12: 5, 15: 4, 16: 3, 17: 5, 18: 5, 19: 3, 20: 3}
COUNT_TWICE = (5, 6)  # long and double (4.4.5)


def exchange_name(class_file: bytes, old: str, new: str) -> bytes:
    """Write `new` for a name that the class uses. Raises ValueError unless `old` is there exactly once."""
    return exchange(class_file, _utf8(old), _utf8(new))


def exchange(class_file: bytes, old: bytes, new: bytes) -> bytes:
    """Write `new` for bytes of the class. Raises ValueError unless `old` is there exactly once."""
    if class_file.count(old) != 1:
        raise ValueError(f"{old!r} is not in this class exactly once")
    return class_file.replace(old, new)


def add_method(class_file: bytes, owner: str, name: str, descriptor: str) -> tuple[bytes, bytes]:
    """Make the class know a method of another class. Returns it, and the method's number as instructions have it."""
    (count,) = struct.unpack_from(">H", class_file, CONSTANTS_BEGIN - 2)
    end = _end_of_constants(class_file, count)
    added = [
        _utf8(owner),
        struct.pack(">BH", CLASS, count),
        _utf8(name),
        _utf8(descriptor),
        struct.pack(">BHH", NAME_AND_TYPE, count + 2, count + 3),
        struct.pack(">BHH", METHOD, count + 1, count + 4),
    ]
    head = class_file[: CONSTANTS_BEGIN - 2] + struct.pack(">H", count + len(added))
    changed = head + class_file[CONSTANTS_BEGIN:end] + b"".join(added) + class_file[end:]
    return changed, struct.pack(">H", count + 5)


def _utf8(text: str) -> bytes:
    """A constant that is a text, ASCII here (4.4.7)."""
    return struct.pack(">BH", UTF8, len(text)) + text.encode("ascii")


def _end_of_constants(class_file: bytes, count: int) -> int:
    offset, number = CONSTANTS_BEGIN, 1
    while number < count:
        tag = class_file[offset]
        number += 2 if tag in COUNT_TWICE else 1
        offset += 3 + struct.unpack_from(">H", class_file, offset + 1)[0] if tag == UTF8 else SIZES[tag]
    return offset
