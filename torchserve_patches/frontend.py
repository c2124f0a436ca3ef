"""Three faults of TorchServe 0.12.0's Java frontend, mended in memory.

Twice it answers 500 to what a client got wrong:
- `curl --data-binary @digit.png` names no type and is sent as a web form. The frontend decodes it as one and fails on
  more than half of all PNGs ("%" without two hex digits behind it), before the handler can tell the client the remedy.
- A multipart part without a name ends in a NullPointerException.
And a batch that is not full waits for more requests, 1 ms at least, which is wrong twice:
- It holds the lock under which the other workers take theirs, though what comes while they are busy is batch enough.
- A worker that ends during that wait takes its batch along: those clients never get an answer.
Here a batch is what has come, whatever maxBatchDelay says.

TorchServe is final, so none will be mended there. A copy of a class with a name or a call exchanged, earlier on the
class path, is the whole patch. Without it all else works as before.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from torchserve_patches.class_file import add_method, exchange, exchange_name

VERSION = "0.12.0"
PACKAGE = "org/pytorch/serve"
NOP, INVOKE_VIRTUAL = b"\x00", b"\xb6"  # instructions (Java Virtual Machine Specification, 6.5)


def _take_what_has_come(model: bytes) -> bytes:
    """In pollBatch, exchange `poll(maxDelay, MILLISECONDS)` for poll(), which nothing interrupts either."""
    max_delay, milliseconds, poll_in_time = b"\x16\x06", b"\xb2\x01\xf2", INVOKE_VIRTUAL + b"\x01\xf8"
    model, number = add_method(model, "java/util/concurrent/LinkedBlockingDeque", "poll", "()Ljava/lang/Object;")
    poll = INVOKE_VIRTUAL + number
    return exchange(model, max_delay + milliseconds + poll_in_time, 5 * NOP + poll)


PATCHES: dict[str, Callable[[bytes], bytes]] = {
    # A form is never decoded: its bytes reach the handler, which knows what to say. ("0" is no content type.)
    f"{PACKAGE}/http/api/rest/InferenceRequestHandler.class": partial(
        exchange_name, old="APPLICATION_X_WWW_FORM_URLENCODED", new="ZERO"
    ),
    # A form that cannot be decoded is answered 400, in the place of an exception that prediction requests never raise.
    f"{PACKAGE}/http/HttpRequestHandler.class": partial(
        exchange_name,
        old="org/pytorch/serve/archive/DownloadArchiveException",
        new="io/netty/handler/codec/http/multipart/HttpPostRequestDecoder$ErrorDataDecoderException",
    ),
    f"{PACKAGE}/wlm/Model.class": _take_what_has_come,
}


def write_patched_classes(home: Path, target: Path) -> bool:
    """Write the patched classes of the TorchServe in `home` below `target`, to be put first on the class path.

    Returns False, and writes nothing, for any TorchServe but the one this was made for.
    """
    if (home / "ts/version.txt").read_text().strip() != VERSION:
        return False
    with zipfile.ZipFile(home / "ts/frontend/model-server.jar") as jar:
        for name, patch in PATCHES.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(patch(jar.read(name)))
    return True
