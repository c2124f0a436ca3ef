"""Malicious .npy files, each with a part of its error message, and unusual valid ones."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping

import numpy as np

from tests.payloads.malicious.image_files import zipped
from tests.payloads.malicious.limits import BODY_LIMIT, Bodies
from tests.support.assertions import npy

UNKNOWN = "not an image in a known format"
COUNT = "inputs; send 1 to 10000"
ACCEPTED = "accepted is uint8"
NO_NPY = "not an .npy file"


class Command:
    """Runs a command where somebody unpickles it."""

    def __reduce__(self) -> tuple[Callable[[int], object], tuple[int]]:
        return os._exit, (66,)


def claiming(header: str, data: bytes = bytes(784)) -> Callable[[], bytes]:
    return lambda: b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header.encode("latin-1") + data


def shaped(shape: str, data: bytes = bytes(784)) -> Callable[[], bytes]:
    return claiming(f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n", data)


REFUSED: Bodies = {
    "a shape of ten billion": (shaped("(10000000000, 784)"), f"10000000000 {COUNT}"),
    "a shape of 400 digits": (shaped(f"({'9' * 400}, 784)"), COUNT),
    "a shape of 4,000 digits": (shaped(f"({'9' * 4000}, 784)"), NO_NPY),
    "a hexadecimal shape of 400 digits": (shaped(f"(0x{'f' * 400}, 784)"), COUNT),
    "a hexadecimal shape of 9,000 digits": (shaped(f"(0x{'f' * 9000}, 784)"), NO_NPY),
    "a hexadecimal size of 9,000 digits": (shaped(f"(1, 0x{'f' * 9000})"), NO_NPY),
    "a negative shape": (shaped("(-1, -784)"), ACCEPTED),
    "a size that is a float": (shaped("(1.0, 784)"), NO_NPY),
    "a hundred dimensions": (shaped(f"({'1, ' * 100})"), ACCEPTED),
    "a thousand dimensions": (shaped(f"({'1, ' * 1000})"), NO_NPY),
    "no dimension": (shaped("()", bytes(1)), ACCEPTED),
    "more than there is": (shaped("(10000, 784)"), "784 values but its header says [10000, 784]"),
    "less than there is": (shaped("(1, 784)", bytes(BODY_LIMIT - 100)), "values but its header says [1, 784]"),
    "a header of 4 GB": (lambda: b"\x93NUMPY\x02\0\xff\xff\xff\xff" + b" " * 1000, NO_NPY),
    "a header of 60 kB": (claiming("{" + " " * 60_000 + "}"), NO_NPY),
    "a header that is code": (claiming("__import__('os')._exit(66)"), NO_NPY),
    "a header of brackets": (claiming("(" * 9000), NO_NPY),
    "a header that is cut off": (lambda: shaped("(1, 784)")()[:40], NO_NPY),
    "a pickle": (lambda: pickle.dumps(Command()), UNKNOWN),
    "a pickle in an array": (lambda: npy(np.array([Command()], object)), ACCEPTED),
    "a structure": (lambda: npy(np.zeros((1, 784), [("\ud800", "u1")])), ACCEPTED),
    "a structure of 300 fields": (lambda: npy(np.zeros(1, [(f"f{i}", "u1") for i in range(300)])), NO_NPY),
    "an npz of 10 MB of zeros": (lambda: zipped(b""), UNKNOWN),
}

ODD: Mapping[str, tuple[Callable[[], bytes], int]] = {
    "True for a size": (shaped("(True, 784)"), 1),
    "a size as Python 2 wrote it": (shaped("(1L, 784L)"), 1),
    "columns first": (lambda: npy(np.asfortranarray(np.zeros((10_000, 784), np.uint8))), 10_000),
}
