"""Download a model archive and check its SHA-256. A pod's init container runs this before TorchServe starts.

python -m serving.deployment.fetch_archive https://models.example.org/mnist-2.0.mar SHA256 model_store/mnist.mar

Exits with 0 when the file is complete and has this digest, or with 1 and the file unchanged.
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

from common.errors import UserError
from serving.deployment import archive_file
from serving.deployment.archive_file import Archive

MAX_ATTEMPTS = 5
BACKOFF_S = 1.0  # before the second attempt, doubled before each further one
TIMEOUT_S = (10.0, 30.0)  # to connect, and between two reads
CHUNK_BYTES = 1 << 20


class FetchError(UserError):
    """The archive could not be downloaded; the message is one sentence."""


def fetch(url: str, sha256: str, target: Path, backoff_s: float = BACKOFF_S) -> Archive:
    """Download an archive to `target`, unless it is there. Raises FetchError, ArchiveError, OSError."""
    if target.is_file() and _sha256(target) == sha256:
        return archive_file.read(target)  # downloaded before this container was restarted
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        _download(url, unfinished, backoff_s)
        if (found := _sha256(unfinished)) != sha256:
            raise FetchError(f"{url} has the SHA-256 {found}, not {sha256}; check the digest and the URL")
        archive_file.read(unfinished)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return archive_file.read(target)


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


def _url(text: str) -> str:
    if not re.match(r"https?://[^/]", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL such as https://models.example.org/mnist-2.0.mar")
    return text


def _digest(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a SHA-256, 64 hexadecimal digits as sha256sum prints them")
    return text


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Download a model archive and check its SHA-256.")
    parser.add_argument("url", type=_url, help="http or https URL of the archive")
    parser.add_argument("sha256", type=_digest, help="its SHA-256, 64 hexadecimal digits")
    parser.add_argument("target", type=Path, help="file to write")
    args = parser.parse_args(argv)
    try:
        archive = fetch(args.url, args.sha256, args.target)
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{args.target} is {archive.model} {archive.version}, {args.target.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
