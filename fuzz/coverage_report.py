"""Report the lines and branches of the handlers that some bodies reach: `python -m fuzz.coverage_report FOLDER…`."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

import coverage

HANDLERS = Path(__file__).resolve().parent.parent / "handlers"


def report(folders: Iterable[Path]) -> None:
    """Parse every body in the folders once, without the fuzzer, and print a table."""
    measured = coverage.Coverage(data_file=None, branch=True, include=[f"{HANDLERS}/*"], messages=False)
    with warnings.catch_warnings(), measured.collect():
        warnings.simplefilter("ignore")
        from handlers.errors import ClientError
        from handlers.mnist.preprocessing.pipeline import preprocess_image
        from handlers.request_parsing import RequestParser
        from model import config

        parser = RequestParser(config.load("mnist"), preprocess_image)

        for folder in folders:
            for body in folder.iterdir():
                with contextlib.suppress(ClientError):
                    parser.parse({"body": body.read_bytes()}, {})
    measured.report(show_missing=True, file=sys.stdout)


if __name__ == "__main__":
    report(map(Path, sys.argv[1:]))
