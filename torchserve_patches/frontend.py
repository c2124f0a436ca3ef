"""Patch three classes of TorchServe 0.12.0's Java frontend.

A patched copy of each class is written to a folder that comes first on the class path. `PATCHES` lists them.

Guard: TorchServe's version, and that the bytes to replace occur exactly once.
Switch: SERVING_FRONTEND_PATCH=false in the environment.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from torchserve_patches import TORCHSERVE_VERSION
from torchserve_patches.class_file import add_method_reference, replace_constant, replace_once

# Instructions (Java Virtual Machine Specification, 6.5)
NOP, INVOKE_VIRTUAL = b"\x00", b"\xb6"
LOAD_MAX_DELAY, LOAD_MILLISECONDS, CALL_TIMED_POLL = b"\x16\x06", b"\xb2\x01\xf2", INVOKE_VIRTUAL + b"\x01\xf8"


class Patch(NamedTuple):
    """A change of one class: its name in the jar, the reason, and the function that returns the changed bytes."""

    class_name: str
    reason: str
    apply: Callable[[bytes], bytes]


def _nonblocking_poll(model: bytes) -> bytes:
    """Replace the call `poll(maxDelay, MILLISECONDS)` in pollBatch by `poll()`."""
    model, index = add_method_reference(
        model, "java/util/concurrent/LinkedBlockingDeque", "poll", "()Ljava/lang/Object;"
    )
    timed = LOAD_MAX_DELAY + LOAD_MILLISECONDS + CALL_TIMED_POLL
    return replace_once(model, timed, 5 * NOP + INVOKE_VIRTUAL + index)


PATCHES = (
    Patch(
        "org/pytorch/serve/http/api/rest/InferenceRequestHandler.class",
        "curl --data-binary without a type sends an image as a web form. TorchServe decodes it as a form, and answers "
        '500 to a "%" without two hex digits. With the patch no form is decoded (no content type is "0"): the bytes '
        "reach the handler.",
        partial(replace_constant, old="APPLICATION_X_WWW_FORM_URLENCODED", new="ZERO"),
    ),
    Patch(
        "org/pytorch/serve/http/HttpRequestHandler.class",
        "A multipart form that cannot be decoded (a part without a name) ends in 500. With the patch it is 400: its "
        "exception takes the place of one that prediction requests never raise.",
        partial(
            replace_constant,
            old="org/pytorch/serve/archive/DownloadArchiveException",
            new="io/netty/handler/codec/http/multipart/HttpPostRequestDecoder$ErrorDataDecoderException",
        ),
    ),
    Patch(
        "org/pytorch/serve/wlm/Model.class",
        "A worker waits up to maxBatchDelay, at least 1 ms, to fill its batch. It holds the lock under which the other "
        "workers take their batches, and a worker that dies during the wait takes its batch along without a response. "
        "With the patch a batch is the requests that are queued, and maxBatchDelay has no effect.",
        _nonblocking_poll,
    ),
)


def write_patched_classes(home: Path, target: Path, environment: Mapping[str, str] = os.environ) -> bool:
    """Write the patched classes of the TorchServe in `home` below `target`, which must come first on the class path.

    Returns False and writes nothing for any other version, or when switched off. Raises ValueError for a class that is
    not the known one.
    """
    if environment.get("SERVING_FRONTEND_PATCH", "true") == "false":
        return False
    if (home / "ts/version.txt").read_text().strip() != TORCHSERVE_VERSION:
        return False
    with zipfile.ZipFile(home / "ts/frontend/model-server.jar") as jar:
        for patch in PATCHES:
            path = target / patch.class_name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(patch.apply(jar.read(patch.class_name)))
    return True
