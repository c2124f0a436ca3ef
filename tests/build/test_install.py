"""requirements/install chooses torch's build: from an index of the test's own, and without one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

NAMES = ("torch", "torchvision")
VERSION = "1.0.0"


def write_wheel(folder: Path, name: str) -> None:
    """Write an importable package of the CPU build's form: its version carries the label "cpu"."""
    info = f"{name}-{VERSION}+cpu.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{VERSION}+cpu-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", f'__version__ = "{VERSION}+cpu"\n')
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {VERSION}+cpu\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path):
    """Return a package index of torch's CPU build, in a folder."""
    for name in NAMES:
        folder = tmp_path / "index" / name
        folder.mkdir(parents=True)
        write_wheel(folder, name)
        (wheel,) = folder.iterdir()
        (folder / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    return (tmp_path / "index").as_uri()


@pytest.fixture
def install(root, tmp_path):
    """Return a function that installs into an empty environment and returns what was printed."""
    requirements = tmp_path / "requirements"
    requirements.mkdir()
    shutil.copy(root / "requirements/install", requirements)
    (requirements / "serve.in").write_text("".join(f"{name}=={VERSION}\n" for name in NAMES))
    for name in ("serve.txt", "torch-cuda.txt", "torch-gpu-only.txt"):
        (requirements / name).write_text("# nothing\n")
    programs = tmp_path / "a venv/bin"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, programs.parent], check=True)
    (programs / "uv").symlink_to(uv)

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHON": str(programs / "python"), "TORCH_BACKEND": "", **variables}
        command = [requirements / "install", "serve"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    run.python = programs / "python"
    return run


def torch_version(python: Path) -> str:
    code = "import importlib.metadata as m; print(next((d.version for d in m.distributions(name='torch')), 'none'))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


no_driver = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists(),
    reason="needs Linux without an NVIDIA driver",
)


@no_driver
def test_without_an_nvidia_driver_torchs_cpu_build_is_installed(install, index):
    done = install(TORCH_INDEX=index)
    assert done.returncode == 0, done.stderr
    assert torch_version(install.python) == f"{VERSION}+cpu"
    assert "CUDA" not in done.stderr


@no_driver
def test_where_the_index_of_the_cpu_build_is_out_of_reach_one_line_says_so_and_pypis_is_installed(install, tmp_path):
    done = install(TORCH_INDEX=(tmp_path / "nothing").as_uri())
    assert done.returncode == 0, done.stderr
    assert torch_version(install.python) == "none"  # the lock file of this test names no torch
    assert [line for line in done.stderr.splitlines() if "CUDA" in line] == [
        "torch's CPU build cannot be downloaded here; installing PyPI's build, which carries 3 GB of CUDA libraries"
    ]


def test_a_build_that_was_asked_for_is_never_exchanged_for_another(install, tmp_path):
    done = install(TORCH_BACKEND="cpu", TORCH_INDEX=(tmp_path / "nothing").as_uri())
    assert done.returncode != 0
    assert torch_version(install.python) == "none"


def test_pypis_build_comes_from_the_lock_file_alone(install, index):
    done = install(TORCH_BACKEND="pypi", TORCH_INDEX=index)
    assert done.returncode == 0, done.stderr
    assert torch_version(install.python) == "none"
