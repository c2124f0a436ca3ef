"""What libFuzzer calls with one body after another, in a process of its own: `python -m fuzz` starts it.

A body is a file as a client posts it, so whatever is found here can be sent with curl. Handlers must answer it with
pixels or with a ClientError; any other exception, and whatever takes too long or too much memory, is a finding.
"""

from __future__ import annotations

import shlex
import sys
import warnings

import atheris
import numpy as np

INSTRUMENTED_MODULES = ("handlers",)

with atheris.instrument_imports(include=[*INSTRUMENTED_MODULES, "PIL"], enable_loader_override=False):
    from handlers.errors import ClientError
    from handlers.mnist import request_parsing

from fuzz.mutation import mutated  # noqa: E402 - after what is instrumented

MAX_SENTENCE = 500


def check(body: bytes) -> None:
    """Raise where the answer to this body would be anything but pixels of MNIST or one short sentence."""
    try:
        request = request_parsing.parse({"body": body}, {})
    except ClientError as error:
        sentence = str(error)
        assert 0 < len(sentence.encode()) <= MAX_SENTENCE, f"a refusal of {len(sentence)} characters"
        return
    pixels = request.pixels
    assert pixels.ndim == 2
    assert len(pixels) > 0
    assert pixels.shape[1] == 784
    high = {np.dtype(np.uint8): 255, np.dtype(np.float32): 1}[pixels.dtype]
    assert 0 <= pixels.min() <= pixels.max() <= high, "pixels out of range"


def main() -> None:
    warnings.simplefilter("ignore")  # Pillow's, about damaged files
    itself = f"{shlex.quote(sys.executable)} -m fuzz.target"  # which libFuzzer starts again to minimise a corpus
    atheris.Setup([itself, *sys.argv[1:]], check, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
