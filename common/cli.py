"""What the command lines of this package do alike: check numbers, fail in one sentence, take Ctrl-C politely."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """One sentence for the person at the terminal: what went wrong and what mends it."""


@contextmanager
def exit_on_error(if_interrupted: str) -> Iterator[None]:
    """Leave with one sentence on stderr instead of a traceback: exit code 1 on failure, 130 on Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job starts with SIGINT ignored
    try:
        yield
    except UserError as error:
        _leave(f"error: {error}", code=1)
    except OSError as error:
        if error.filename is None:
            raise
        _leave(f"error: {error.filename}: {error.strerror}; name a place that you may read and write", code=1)
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") != "0":  # torchrun interrupts all its processes; the first one speaks
            sys.exit(130)
        _leave(f"\ninterrupted: {if_interrupted}", code=130)


def positive_int(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def positive_float(text: str) -> float:
    number = _float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def fraction(text: str) -> float:
    number = _float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return number


def strength(text: str) -> float:
    number = _float(text)
    if not 0 <= number <= 10:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 10")
    return number


def seed_int(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2**63 - 1")
    return int(text)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan  # which is in no range


def _leave(sentence: str, code: int) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(code)
