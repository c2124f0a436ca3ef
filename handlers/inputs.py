"""Read inputs of a model, as its model.yaml describes them: from encoded files, base64 text and numbers.

Inputs are arrays [n, *shape]. Encoded files go through the handler's `preprocess`; numbers are taken exactly as they
are. `collate` brings them to the type that the net takes: pixels are uint8 from 0 to 255 until then, or float32 from 0
to 1.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlers.errors import ClientError
from handlers.request_body import decode_text_body
from model.config import Input

# Worker time for the files of one request: a full batch of such requests stays below responseTimeout.
MAX_PREPROCESS_S = 3.0
MAX_FLOAT32 = float(np.finfo(np.float32).max)
MAX_EXACT_INTEGER = 2**53  # above, a float64, to which numbers are converted, does not hold every integer
DTYPES: dict[str, type] = {"pixels": np.uint8, "number": np.float32, "integer": np.int64}

Inputs = NDArray[Any]  # [n, *shape], uint8, float32 or int64


class InputReader:
    """Reads and checks inputs of one model. Every method raises ClientError for inputs that the model does not take."""

    def __init__(self, spec: Input, preprocess: Callable[[bytes], Inputs]) -> None:
        self.spec = spec
        self.size = math.prod(spec.shape)
        self.dtype = np.dtype(DTYPES[spec.type])
        self._preprocess = preprocess

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return self.spec.shapes

    def read_body(self, body: bytes) -> Inputs:
        """Preprocess a body: a file, or a file as a data: URL or in base64; return [1, *shape]."""
        decoded = decode_text_body(body) if self.spec.encoded else None
        return self.read_file(body if decoded is None else decoded)

    def read_file(self, data: bytes) -> Inputs:
        """Preprocess one encoded file; return [1, *shape]."""
        if not self.spec.encoded:
            raise ClientError('the model takes no files; send JSON: {"instances": [...]}')
        return self._preprocess(data).reshape(1, *self.spec.shape)

    def read_files(self, files: Mapping[str, bytes], *, are_bodies: bool = False) -> Inputs:
        """Preprocess several encoded files, or bodies as `read_body` takes them; an error names one by its key."""
        self.check_count(len(files))
        inputs: list[Inputs] = []
        deadline_s = time.thread_time() + MAX_PREPROCESS_S
        for name, data in files.items():
            if time.thread_time() > deadline_s:
                raise ClientError(
                    f"{len(inputs)} of {len(files)} files took {MAX_PREPROCESS_S:g} s to read; send fewer at once"
                )
            try:
                inputs.append(self.read_body(data) if are_bodies else self.read_file(data))
            except ClientError as error:
                error.args = (f"{name}: {error}",)  # its class, and so its outcome and status, stay
                raise
        return np.concatenate(inputs)

    def read_numbers(self, values: list[Any] | NDArray[Any], name: str, *, integers: bool = False) -> Inputs:
        """Convert flat numbers, of any number of inputs, to [n, *shape].

        Pixels with `integers` are from 0 to 255, others from 0 to 1.
        """
        if isinstance(values, list) and not set(map(type, values)) <= {int, float}:
            raise ClientError(f"{name} holds something that is not a number; send {self._accepted(integers)}")
        numbers = np.asarray(values, np.float64 if isinstance(values, list) else None).reshape(-1, *self.spec.shape)
        if numbers.dtype == np.uint8 and self.spec.type == "pixels":
            return numbers
        self.check_range(numbers, name, integers=integers)
        if self.spec.type != "pixels":
            return numbers.astype(self.dtype)
        return scale(numbers) if integers else numbers.astype(np.float32)

    def check_range(self, values: NDArray[Any], name: str, *, integers: bool = False) -> None:
        """Check the range of the values, and that they are integers where the model takes no others."""
        low, high, whole = self._range(integers)
        with np.errstate(invalid="ignore"):
            wrong = ~((values >= low) & (values <= high))  # NaN is neither
            if whole:
                wrong |= values != np.floor(values)
        if wrong.any():
            raise ClientError(
                f"{name}: {values[wrong][0]:g} is out of range; send {self._accepted(integers)} throughout"
            )

    def check_count(self, n: int) -> None:
        """Check the number of inputs in one request."""
        if not 1 <= n <= self.spec.max_count:
            raise ClientError(f"the request holds {n} inputs; send 1 to {self.spec.max_count}")

    def describe_shapes(self) -> str:
        """Return the accepted shapes of n inputs, such as "[n, 28, 28] or [n, 784]"."""
        return " or ".join(f"[{', '.join(['n', *map(str, shape)])}]" for shape in self.shapes)

    def collate(self, arrays: Sequence[Inputs]) -> Inputs:
        """Concatenate the inputs of several requests, in the type that the net takes."""
        if self.spec.type != "pixels":
            return np.concatenate(arrays)
        if all(pixels.dtype == np.uint8 for pixels in arrays):
            return scale(np.concatenate(arrays))
        return np.concatenate([scale(pixels) if pixels.dtype == np.uint8 else pixels for pixels in arrays])

    def _range(self, integers: bool) -> tuple[float, float, bool]:
        """Return the lowest and the highest value, and whether only integers are accepted."""
        if self.spec.type == "pixels":
            return 0, 255 if integers else 1, integers
        whole = self.spec.type == "integer"
        limit = MAX_EXACT_INTEGER if whole else MAX_FLOAT32
        low = -limit if self.spec.minimum is None else self.spec.minimum
        return low, limit if self.spec.maximum is None else self.spec.maximum, whole

    def _accepted(self, integers: bool) -> str:
        low, high, whole = self._range(integers)
        kind = "integers" if whole else "numbers"
        return f"finite {kind}" if high >= MAX_EXACT_INTEGER else f"{kind} from {low:g} to {high:g}"


def scale(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Scale 0 to 255 to 0 to 1, bit for bit as torchvision's ToTensor does. Any shape."""
    return np.divide(pixels, np.float32(255), dtype=np.float32)


def micro_batches(sizes: Sequence[int], limit: int) -> list[slice]:
    """Group requests of `sizes` inputs, in order, into slices of at most `limit` inputs: it bounds a pass's memory."""
    groups, start, total = [], 0, 0
    for i, size in enumerate(sizes):
        total += size
        if total > limit and i > start:
            groups.append(slice(start, i))
            start, total = i, size
    groups.append(slice(start, len(sizes)))
    return groups
