"""Download model archives and check their SHA-256. A pod's init container runs this before TorchServe starts.

python -m serving.deployment.fetch_archive FOLDER https://models.example.org/NAME-2.0.mar#sha256=DIGEST …

An archive of the model NAME becomes FOLDER/NAME.mar. Exits with 0 when all files are complete and have these digests,
or with 1 at the first that is not, whose file stays unchanged.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import requests

from common.errors import UserError
from serving.deployment import archive_file
from serving.deployment.archive_file import Archive

MAX_ATTEMPTS = 5
BACKOFF_S = 1.0  # before the second attempt, doubled before each further one
TIMEOUT_S = (10.0, 30.0)  # to connect, and between two reads
CHUNK_BYTES = 1 << 20


class FetchError(UserError):
    """The archive could not be downloaded; the message is one sentence."""


def fetch(url: str, sha256: str, folder: Path, backoff_s: float = BACKOFF_S) -> Archive:
    """Download an archive to NAME.mar in `folder`, unless it is there. Raises FetchError, ArchiveError, OSError."""
    for path in folder.glob("*.mar"):
        if _sha256(path) == sha256:
            return archive_file.read(path)  # downloaded before this container was restarted
    unfinished = folder / f".fetched.{os.getpid()}"
    try:
        _download(url, unfinished, backoff_s)
        if (found := _sha256(unfinished)) != sha256:
            raise FetchError(f"{url} has the SHA-256 {found}, not {sha256}; check the digest and the URL")
        archive = archive_file.read(unfinished)
        target = folder / f"{archive.model}.mar"
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return replace(archive, path=target)


def _download(url: str, target: Path, backoff_s: float) -> None:
    """Retry until the response is complete. Raises FetchError, at once for errors that a retry cannot change."""
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            return _download_once(url, target)
        except requests.RequestException as error:
            status = error.response.status_code if error.response is not None else None
            reason = f"HTTP {status}" if status else type(error).__name__
            if status and status < 500 and status not in (408, 429):
                raise FetchError(f"{url} cannot be downloaded ({reason}); check the URL") from error
        print(f"{url}: {reason} at attempt {attempt} of {MAX_ATTEMPTS}", file=sys.stderr, flush=True)
        if attempt < MAX_ATTEMPTS:
            time.sleep(backoff_s * 2 ** (attempt - 1))
    raise FetchError(f"{url} could not be downloaded in {MAX_ATTEMPTS} attempts ({reason}); is its server reachable?")


def _download_once(url: str, target: Path) -> None:
    with requests.get(url, stream=True, timeout=TIMEOUT_S, headers={"Accept-Encoding": "identity"}) as response:
        response.raise_for_status()
        with target.open("wb") as file:
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _source(text: str) -> tuple[str, str]:
    """Split URL#sha256=DIGEST."""
    parts = re.fullmatch(r"(https?://[^/#][^#]*)#sha256=([0-9a-f]{64})", text)
    if not parts:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a URL with a digest of 64 hexadecimal digits: "
            "https://models.example.org/NAME-2.0.mar#sha256=DIGEST, as sha256sum prints it"
        )
    return parts[1], parts[2]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Download model archives and check their SHA-256.")
    parser.add_argument("folder", type=Path, help="folder to write to")
    parser.add_argument(
        "sources", type=_source, nargs="+", metavar="URL#sha256=DIGEST", help="http or https URL, and SHA-256"
    )
    args = parser.parse_args(argv)
    try:
        for url, sha256 in args.sources:
            archive = fetch(url, sha256, args.folder)
            size = archive.path.stat().st_size
            print(f"{archive.path} is {archive.model} {archive.version}, {size:,} bytes")
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
