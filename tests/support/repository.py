"""Copies of the repository, for tests that add to it or edit it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from common.paths import ROOT
from tests.support.polling import wait_for


def copy_repository(target: Path) -> Path:
    """Copy the committed files to `target` and commit them there, so that `git status` shows all that is added."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "copy"]):
        subprocess.run(["git", *command], cwd=target, check=True)
    (target / ".git/info/exclude").write_text("/.venv\n/output.txt\n")  # what tests add
    return target


def unpack_weights(archive: Path, repository: Path) -> None:
    """Write the weights of an archive and their report where training would."""
    (repository / "weights").mkdir(exist_ok=True)
    with zipfile.ZipFile(archive) as packed:
        (repository / f"weights/{archive.stem}.pt").write_bytes(packed.read(f"{archive.stem}.pt"))
        (repository / f"weights/{archive.stem}.json").write_bytes(packed.read("training.json"))


def make(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `make …` in a copy of the repository, with the packages of this one."""
    if not (repository / ".venv").exists():
        (repository / ".venv").symlink_to(ROOT / ".venv")
    command = ["make", "--old-file=.venv/installed", *arguments]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True)


def run_module(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m …` in a copy of the repository, as a user would there."""
    return subprocess.run([sys.executable, "-m", *arguments], cwd=repository, capture_output=True, text=True)


@contextmanager
def running(
    repository: Path, *arguments: str, until: str, environment: Mapping[str, str] = os.environ
) -> Iterator[Path]:
    """Run `tsctl …` in a copy of the repository until the block ends; yield the file of its output.

    Waits until it has printed `until`. It must end with 0 when interrupted.
    """
    output = repository / "output.txt"
    with output.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving", *arguments],
            cwd=repository,
            env=dict(environment),
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(lambda: until in output.read_text() or process.poll() is not None, timeout_s=180)
        assert process.poll() is None, output.read_text()
        yield output
    finally:
        process.terminate()
        code = process.wait(timeout=60)
    assert code == 0, output.read_text()
