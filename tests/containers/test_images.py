"""The images hold what serving needs and nothing else, and run confined."""

from __future__ import annotations

import json
import re

import pytest

from tests.containers.conftest import docker, inspect

pytestmark = pytest.mark.container
LIMIT_CUDA_MB = 4700
BASE, BASE_LIMIT_MB = "debian:bookworm-slim", 80  # what the published base image has; a stand-in may be larger


def size_mb(image):
    return json.loads(docker("image", "inspect", image))[0]["Size"] / 1e6


def run_in(service, name, command):
    container = service.container(name)
    return docker("exec", container, "sh", "-c", command)


@pytest.mark.parametrize("image", ["torchserve", "gateway"])
def test_the_image_is_small(service, image):
    limit_mb = {"torchserve": LIMIT_CUDA_MB if service.images.has_cuda else 1100, "gateway": 110}[image]
    assert size_mb(service.image(image)) - size_mb(BASE) + BASE_LIMIT_MB < limit_mb


@pytest.mark.parametrize("name", ["torchserve", "gateway"])
def test_it_runs_as_a_user_who_can_do_nothing_else(service, name):
    container = service.container(name)
    host = inspect(container)["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert run_in(service, name, "id -u").strip() == "1000"
    assert "CapEff:\t0000000000000000" in run_in(service, name, "cat /proc/1/status")


@pytest.mark.parametrize("name", ["torchserve", "gateway"])
def test_only_tmp_can_be_written(service, name):
    command = "for d in /tmp $(find / -xdev -type d -writable); do touch $d/x && echo $d; done 2>/dev/null; true"
    assert set(run_in(service, name, command).split()) == {"/tmp"}  # noqa: S108


@pytest.mark.parametrize("name", ["torchserve", "gateway"])
def test_no_compiler_no_installer_no_jdk(service, name):
    command = "for c in gcc cc c++ make pip pip3 uv javac git; do command -v $c; done; true"
    assert run_in(service, name, command) == ""


def test_nothing_of_the_build_is_left(service):
    history = docker("history", "--no-trunc", service.image("torchserve"))
    assert not re.search(r"token|password|api_?key", history, re.IGNORECASE)
    assert run_in(service, "torchserve", "ls /run/secrets /requirements /wheels 2>/dev/null; true") == ""
    assert run_in(service, "torchserve", "ls -A /app").split() == [
        "common", "config.properties", "model", "model_store", "serving", "torchserve_patches"
    ]  # fmt: skip


def test_only_the_gateway_has_a_port_and_only_on_the_loopback(service):
    torchserve, gateway = service.container("torchserve"), service.container("gateway")
    assert not any(inspect(torchserve)["NetworkSettings"]["Ports"].values())
    ports = inspect(gateway)["NetworkSettings"]["Ports"]
    assert {port: binding for port, binding in ports.items() if binding} == {
        "8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(service.port)}]
    }
