"""The function that libFuzzer calls with each body. `python -m fuzz` starts it in a process of its own.

A body is a file as a client posts it, so a crash can be sent with curl. The parsers must return pixels or raise a
ClientError; any other exception, a timeout and excessive memory are crashes.

python -m fuzz.target FILE

runs one body and prints the traceback.
"""

from __future__ import annotations

import shlex
import sys
import warnings

import atheris
import numpy as np

INSTRUMENTED_MODULES = ("handlers", "PIL")

with atheris.instrument_imports(include=[*INSTRUMENTED_MODULES], enable_loader_override=False):
    from handlers.errors import ClientError
    from handlers.mnist.preprocessing.pipeline import preprocess_image
    from handlers.request_parsing import RequestParser
    from model import config

from fuzz.mutation import mutate  # noqa: E402 - after the instrumented modules

MAX_MESSAGE_BYTES = 500
parser = RequestParser(config.load("mnist"), preprocess_image)


def check(body: bytes) -> None:
    """Raise AssertionError unless parsing gives pixels in range or a ClientError with one short sentence."""
    try:
        request = parser.parse({"body": body}, {})
    except ClientError as error:
        message = str(error)
        assert 0 < len(message.encode()) <= MAX_MESSAGE_BYTES, f"an error message of {len(message)} characters"
        return
    pixels = request.inputs
    assert len(pixels) > 0
    assert pixels.shape[1:] == (28, 28)
    high = {np.dtype(np.uint8): 255, np.dtype(np.float32): 1}[pixels.dtype]
    assert 0 <= pixels.min() <= pixels.max() <= high, "pixels out of range"


def main() -> None:
    warnings.simplefilter("ignore")  # Pillow's, about damaged files
    itself = f"{shlex.quote(sys.executable)} -m fuzz.target"  # libFuzzer starts it again to minimize a corpus
    atheris.Setup([itself, *sys.argv[1:]], check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
