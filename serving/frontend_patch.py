"""Three faults of TorchServe 0.12.0's Java frontend, mended in memory.

Twice it answers 500 to what a client got wrong:
- `curl --data-binary @digit.png` names no type and is sent as a web form. The frontend decodes it as one and fails on
  more than half of all PNGs ("%" without two hex digits behind it), before the handler can tell the client the remedy.
- A multipart part without a name ends in a NullPointerException.
And it lets requests wait for nothing:
- A batch that is not full waits for more requests, 1 ms at least, and meanwhile holds the lock under which the other
  workers take theirs. A batch should be what came while the workers were busy. A delay of 0 or less is no way out:
  TorchServe then takes two requests at most. Here the unit becomes a microsecond, so that maxBatchDelay 1 is no wait.

TorchServe is final, so neither will be mended there. A class file names what it uses in its constant pool; a copy with
one name exchanged, earlier on the class path, is the whole patch. Without it all else works as before.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

VERSION = "0.12.0"
PACKAGE = "org/pytorch/serve/http"
PATCHES = {
    # A form is never decoded: its bytes reach the handler, which knows what to say. ("0" is no content type.)
    f"{PACKAGE}/api/rest/InferenceRequestHandler.class": ("APPLICATION_X_WWW_FORM_URLENCODED", "ZERO"),
    # A form that cannot be decoded is answered 400, in the place of an exception that prediction requests never raise.
    f"{PACKAGE}/HttpRequestHandler.class": (
        "org/pytorch/serve/archive/DownloadArchiveException",
        "io/netty/handler/codec/http/multipart/HttpPostRequestDecoder$ErrorDataDecoderException",
    ),
    # The unit in which a batch waits (LinkedBlockingDeque.poll); there is no other time in this class.
    "org/pytorch/serve/wlm/Model.class": ("MILLISECONDS", "MICROSECONDS"),
}


def write_patched_classes(home: Path, target: Path) -> bool:
    """Write the patched classes of the TorchServe in `home` below `target`, to be put first on the class path.

    Returns False, and writes nothing, for any TorchServe but the one this was made for.
    """
    if (home / "ts/version.txt").read_text().strip() != VERSION:
        return False
    with zipfile.ZipFile(home / "ts/frontend/model-server.jar") as jar:
        for name, (old, new) in PATCHES.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_exchange(jar.read(name), old, new))
    return True


def _exchange(class_file: bytes, old: str, new: str) -> bytes:
    """Exchange one name in a constant pool: tag 1, length, text (Java Virtual Machine Specification, 4.4.7)."""
    if class_file.count(_utf8(old)) != 1:
        raise ValueError(f"{old} is not in this class exactly once: it is not TorchServe {VERSION}'s")
    return class_file.replace(_utf8(old), _utf8(new))


def _utf8(text: str) -> bytes:
    return struct.pack(">BH", 1, len(text)) + text.encode()
