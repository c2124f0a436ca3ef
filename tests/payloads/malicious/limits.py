"""The limits of TorchServe and the handler, which malicious bodies are built to reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping

MB = 2**20
BODY_LIMIT = 8 * MB  # max_request_size
SIDE = 4096  # the longest side of an image that is read
HUGE = 65_000
Bodies = Mapping[str, tuple[Callable[[], bytes], str]]
