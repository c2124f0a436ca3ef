"""The fuzzer's corpus: the smallest set of bodies known to reach the request parsers, packed in corpus.zip.

The archive depends on its bodies alone: sorted names, constant dates, no compression. Each name is the SHA-1 of the
body, as libFuzzer names them.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from common.files import write_atomically

ARCHIVE = Path(__file__).with_name("corpus.zip")


def read_corpus(archive: Path = ARCHIVE) -> list[bytes]:
    """Return the bodies in the order of their names."""
    with zipfile.ZipFile(archive) as corpus:
        return [corpus.read(name) for name in sorted(corpus.namelist())]


def unpack_corpus(folder: Path, archive: Path = ARCHIVE) -> None:
    """Write each body as a file into a new folder, as libFuzzer reads them."""
    folder.mkdir()
    with zipfile.ZipFile(archive) as corpus:
        corpus.extractall(folder)


def pack_corpus(bodies: Iterable[bytes], archive: Path = ARCHIVE) -> None:
    """Replace the archive by one of these bodies; the same bodies give the same bytes."""
    named = {hashlib.sha1(body, usedforsecurity=False).hexdigest(): body for body in bodies}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as corpus:
        for name in sorted(named):
            member = zipfile.ZipInfo(name)  # dated 1980-01-01, the earliest that a zip can hold
            member.create_system = 3  # Unix, also when packed elsewhere
            member.external_attr = 0o644 << 16
            corpus.writestr(member, named[name])
    write_atomically(archive, content.getvalue())
