"""Which lines and branches of the handlers the bodies in some folders reach: `python -m fuzz.lines FOLDER…`."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

import coverage

HANDLERS = Path(__file__).resolve().parent.parent / "handlers"


def report(folders: Iterable[Path]) -> None:
    """Read every body once more, without the fuzzer, and print a table."""
    sys.path[:0] = [str(HANDLERS)]
    measured = coverage.Coverage(data_file=None, branch=True, include=[f"{HANDLERS}/*"], messages=False)
    with warnings.catch_warnings(), measured.collect():
        warnings.simplefilter("ignore")
        import digit_request
        from client_error import ClientError

        for folder in folders:
            for body in folder.iterdir():
                with contextlib.suppress(ClientError):
                    digit_request.parse({"body": body.read_bytes()}, {})
    measured.report(show_missing=True, file=sys.stdout)


if __name__ == "__main__":
    report(map(Path, sys.argv[1:]))
