"""Shared by the command lines: a parser with examples, argument types, and errors as one sentence."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import UserError


def parser_with_examples(description: str, *examples: str) -> argparse.ArgumentParser:
    """Return a parser whose --help ends with `examples`, one command a line."""
    return argparse.ArgumentParser(
        description=description,
        epilog="\n  ".join(["examples:", *examples]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


@contextmanager
def exit_on_error(if_interrupted: str) -> Iterator[None]:
    """Print a UserError or OSError as one sentence on stderr and exit with 1; exit with 130 on Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job starts with SIGINT ignored
    try:
        yield
    except UserError as error:
        _exit(f"error: {error}", code=1)
    except OSError as error:
        if error.filename is None:
            raise
        _exit(f"error: {error.filename}: {error.strerror}; name a place that you may read and write", code=1)
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") != "0":  # torchrun interrupts every process; rank 0 prints the sentence
            sys.exit(130)
        _exit(f"\ninterrupted: {if_interrupted}", code=130)


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


def share_below_1(text: str) -> float:
    if fraction(text) == 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to less than 1")
    return float(text)


def augment_strength(text: str) -> float:
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
        return math.nan  # outside every range


def _exit(sentence: str, code: int) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(code)
