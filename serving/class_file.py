"""Small changes to a compiled Java class, as bytes (Java Virtual Machine Specification, chapter 4)."""

from __future__ import annotations

import struct

UTF8, METHODREF, NAME_AND_TYPE = 1, 10, 12
POOL_BEGINS = 10  # after magic, versions and the count of the constants
SIZES = {3: 5, 4: 5, 5: 9, 6: 9, 7: 3, 8: 3, 9: 5, 10: 5, 11: 5, 12: 5, 15: 4, 16: 3, 17: 5, 18: 5, 19: 3, 20: 3}
TAKE_TWO_PLACES = (5, 6)  # long and double (4.4.5)


def utf8(text: str) -> bytes:
    """Write a constant that is a text, ASCII only (4.4.7)."""
    return struct.pack(">BH", UTF8, len(text)) + text.encode("ascii")


def exchange_name(class_file: bytes, old: str, new: str) -> bytes:
    """Write `new` for a name that the class uses. Raises ValueError unless `old` is there exactly once."""
    if class_file.count(utf8(old)) != 1:
        raise ValueError(f"{old} is not in this class exactly once")
    return class_file.replace(utf8(old), utf8(new))


def add_overload(class_file: bytes, method: int, descriptor: str) -> tuple[bytes, int]:
    """Make the class know an overload, by its descriptor, of the method that is its constant `method`.

    Returns the class and the number of the new constant.
    """
    offsets, end = _constants(class_file)
    (count,) = struct.unpack_from(">H", class_file, POOL_BEGINS - 2)
    owner, name_and_type = struct.unpack_from(">HH", class_file, offsets[method] + 1)
    (name,) = struct.unpack_from(">H", class_file, offsets[name_and_type] + 1)
    added = utf8(descriptor)
    added += struct.pack(">BHH", NAME_AND_TYPE, name, count)
    added += struct.pack(">BHH", METHODREF, owner, count + 1)
    head = class_file[: POOL_BEGINS - 2] + struct.pack(">H", count + 3)
    return head + class_file[POOL_BEGINS:end] + added + class_file[end:], count + 2


def _constants(class_file: bytes) -> tuple[dict[int, int], int]:
    """Where each constant begins, by its number, and where the last one ends."""
    (count,) = struct.unpack_from(">H", class_file, POOL_BEGINS - 2)
    offsets, offset, number = {}, POOL_BEGINS, 1
    while number < count:
        offsets[number] = offset
        tag = class_file[offset]
        offset += 3 + struct.unpack_from(">H", class_file, offset + 1)[0] if tag == UTF8 else SIZES[tag]
        number += 2 if tag in TAKE_TWO_PLACES else 1
    return offsets, offset
