"""Fetch a model archive by its digest: what a pod's init container does before TorchServe starts.

python -m serving.deployment.fetch_archive https://models.example.org/mnist-2.0.mar SHA256 model_store/mnist.mar

Afterwards the file is whole and the one that the digest names, or this ends with 1 and the file is as it was.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import requests

from serving.deployment import archive_file
from serving.deployment.archive_file import Archive, ArchiveError

TRIES = 5
PAUSE_S = 1.0  # before the second try, and twice as long before each further one
TIMEOUT_S = (10.0, 30.0)  # to connect, and of silence
CHUNK_BYTES = 1 << 20


class FetchError(RuntimeError):
    """Why the archive could not be fetched; the message is one sentence."""


def fetch(url: str, sha256: str, target: Path, pause_s: float = PAUSE_S) -> Archive:
    """See to it that `target` is the archive of that digest. Raises FetchError, ArchiveError, OSError."""
    if target.is_file() and _sha256(target) == sha256:
        return archive_file.read(target)  # this container's, before it was started again
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        _download(url, unfinished, pause_s)
        if (found := _sha256(unfinished)) != sha256:
            raise FetchError(f"{url} has the SHA-256 {found}, not {sha256}; name the archive that was meant")
        archive_file.read(unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return archive_file.read(target)


def _download(url: str, target: Path, pause_s: float) -> None:
    """Try until the answer is whole; what another try would not change is refused at once."""
    for attempt in range(1, TRIES + 1):
        try:
            return _download_once(url, target)
        except requests.RequestException as error:
            status = error.response.status_code if error.response is not None else None
            reason = f"HTTP {status}" if status else type(error).__name__
            if status and status < 500 and status not in (408, 429):
                raise FetchError(f"{url} cannot be fetched ({reason}); name an archive that is there") from error
        print(f"{url}: {reason} at try {attempt} of {TRIES}", file=sys.stderr, flush=True)
        if attempt < TRIES:
            time.sleep(pause_s * 2 ** (attempt - 1))
    raise FetchError(f"{url} could not be fetched in {TRIES} tries ({reason}); is its server up, and may we reach it?")


def _download_once(url: str, target: Path) -> None:
    with requests.get(url, stream=True, timeout=TIMEOUT_S, headers={"Accept-Encoding": "identity"}) as answer:
        answer.raise_for_status()
        with target.open("wb") as file:
            for chunk in answer.iter_content(CHUNK_BYTES):
                file.write(chunk)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _url(text: str) -> str:
    if not re.match(r"https?://[^/]", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL such as https://models.example.org/mnist-2.0.mar")
    return text


def _digest(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a SHA-256, 64 hexadecimal digits as sha256sum prints them")
    return text


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fetch a model archive by its digest.")
    parser.add_argument("url", type=_url)
    parser.add_argument("sha256", type=_digest)
    parser.add_argument("target", type=Path)
    args = parser.parse_args(argv)
    try:
        archive = fetch(args.url, args.sha256, args.target)
    except (FetchError, ArchiveError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{args.target} is {archive.model} {archive.version}, {args.target.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
