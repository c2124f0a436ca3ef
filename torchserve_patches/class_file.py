"""Change a compiled Java class as bytes (Java Virtual Machine Specification, chapter 4)."""

from __future__ import annotations

import struct

UTF8, CLASS, METHOD, NAME_AND_TYPE = 1, 7, 10, 12
CONSTANTS_OFFSET = 10  # after the magic number, the versions and the number of constants
# Bytes of each kind of constant by its tag (4.4); UTF8 has its own length.
SIZES = {3: 5, 4: 5, 5: 9, 6: 9, 7: 3, 8: 3, 9: 5, 10: 5, 11: 5, 12: 5, 15: 4, 16: 3, 17: 5, 18: 5, 19: 3, 20: 3}
TAKES_TWO_INDEXES = (5, 6)  # long and double (4.4.5)


def replace_constant(class_file: bytes, old: str, new: str) -> bytes:
    """Replace constant-pool string `old` with `new`. Raises ValueError unless `old` occurs exactly once."""
    return replace_once(class_file, _utf8(old), _utf8(new))


def replace_once(class_file: bytes, old: bytes, new: bytes) -> bytes:
    """Replace bytes `old` with `new`. Raises ValueError unless `old` occurs exactly once."""
    if class_file.count(old) != 1:
        raise ValueError(f"{old!r} is not in this class exactly once")
    return class_file.replace(old, new)


def add_method_reference(class_file: bytes, owner: str, name: str, descriptor: str) -> tuple[bytes, bytes]:
    """Append a reference to a method of class `owner` to the constant pool.

    Returns the changed class and the reference's index, two bytes as an instruction takes it.
    """
    (count,) = struct.unpack_from(">H", class_file, CONSTANTS_OFFSET - 2)
    end = _end_of_constants(class_file, count)
    added = [
        _utf8(owner),
        struct.pack(">BH", CLASS, count),
        _utf8(name),
        _utf8(descriptor),
        struct.pack(">BHH", NAME_AND_TYPE, count + 2, count + 3),
        struct.pack(">BHH", METHOD, count + 1, count + 4),
    ]
    head = class_file[: CONSTANTS_OFFSET - 2] + struct.pack(">H", count + len(added))
    changed = head + class_file[CONSTANTS_OFFSET:end] + b"".join(added) + class_file[end:]
    return changed, struct.pack(">H", count + 5)


def _utf8(text: str) -> bytes:
    """Encode a string constant, ASCII only (4.4.7)."""
    return struct.pack(">BH", UTF8, len(text)) + text.encode("ascii")


def _end_of_constants(class_file: bytes, count: int) -> int:
    """Return the offset of the first byte behind the constant pool."""
    offset, index = CONSTANTS_OFFSET, 1
    while index < count:
        tag = class_file[offset]
        index += 2 if tag in TAKES_TWO_INDEXES else 1
        offset += 3 + struct.unpack_from(">H", class_file, offset + 1)[0] if tag == UTF8 else SIZES[tag]
    return offset
