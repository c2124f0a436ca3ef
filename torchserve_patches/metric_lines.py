"""Drop the PredictionTime metric that TorchServe's worker prints for each batch, with the ids of all its requests.

The line travels through the worker's stdout and is parsed in Java. The fast path never prints it; this patch drops it
where TorchServe calls the handler itself.

Guard: TorchServe's version, and that the metrics cache has the method. Switch: SERVING_FAST_PATH=false.
"""

from __future__ import annotations

import os
from typing import Any

import ts

from torchserve_patches import TORCHSERVE_VERSION


def drop_prediction_time(cache: Any) -> bool:
    """Replace `add_time` of the worker's metrics cache by a no-op; return whether it was replaced."""
    is_patched_version = ts.__version__.strip() == TORCHSERVE_VERSION and callable(getattr(cache, "add_time", None))
    if not is_patched_version or os.environ.get("SERVING_FAST_PATH", "true") == "false":
        return False
    cache.add_time = _noop
    return True


def _noop(*_: Any, **__: Any) -> None:
    pass
