"""An attacker's code inside a container reaches nothing: each cell of the table in docs/security-testing.md, tried."""

from __future__ import annotations

import pytest

from tests.containers.conftest import docker, inspect, ip_address

pytestmark = pytest.mark.container
PORTS = (22, 80, 443, 7070, 7071, *range(8000, 8004), *range(8080, 8092), 9090)
LIMITS = {"gateway": (64, 2**30), "torchserve": (512, 3 * 2**30)}
STRANGE = "/tmp/stranger.mar"  # noqa: S108
STRANGE_URLS = (STRANGE, f"file://{STRANGE}", f"../..{STRANGE}", "http://127.0.0.1:8082/stranger.mar")


def inside(service, name, script):
    """Run a script of the shell in a container, as its own user, and return what it printed."""
    container = service.container(name)
    return docker("exec", container, "bash", "-c", script)


def address(service, name):
    container = service.container(name)
    return ip_address(container)


def reached(service, name, host):
    script = f"for p in {' '.join(map(str, PORTS))}; do (exec 3<>/dev/tcp/{host}/$p) 2>/dev/null && echo $p; done; true"
    return set(map(int, inside(service, name, script).split()))


def test_from_the_gateway_neither_management_nor_grpc_can_be_reached(service):
    assert reached(service, "gateway", address(service, "torchserve")) == {8080, 8082, 8090}


def test_from_torchserve_the_gateway_is_as_closed_as_from_anywhere(service):
    assert reached(service, "torchserve", address(service, "gateway")) == {8000, 8001}


def test_in_torchserves_container_management_can_be_reached(service):
    assert reached(service, "torchserve", "127.0.0.1") == {7070, 7071, 8080, 8081, 8082, 8090}


@pytest.mark.parametrize("name", LIMITS)
def test_it_cannot_rise_above_its_user_and_its_limits(service, name):
    status = inside(service, name, "cat /proc/self/status")
    assert "Uid:\t1000\t1000\t1000\t1000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
        assert f"Cap{kind}:\t0000000000000000" in status
    container = service.container(name)
    host = inspect(container)["HostConfig"]
    assert (host["PidsLimit"], host["Memory"]) == LIMITS[name]
    assert not host["Privileged"]
    assert not host["Devices"]
    assert [mount for mount in inspect(container)["Mounts"] if mount["RW"]] == []


@pytest.mark.parametrize("name", LIMITS)
def test_no_file_anywhere_can_be_written_but_in_tmp(service, name):
    found = "find / -not -type l -writable -not -path '/proc/*' -not -path '/tmp/*' 2>/dev/null"
    # find trusts the folder, in which /dev/null, mounted where no key is given, is a file
    script = found + ' | while read -r path; do if [ -d "$path" ] || [ -f "$path" ]; then echo "$path"; fi; done; true'
    assert set(inside(service, name, script).split()) == {"/tmp", "/dev/mqueue"}  # noqa: S108 - mqueue holds no files
    assert "No such file" in inside(service, name, "touch /dev/shm/x 2>&1; true")


def test_what_is_written_in_the_gateway_cannot_be_executed(service):
    script = "cp /bin/true /tmp/true; /tmp/true 2>&1; rm /tmp/true"
    assert "Permission denied" in inside(service, "gateway", script)


@pytest.mark.parametrize("name", LIMITS)
def test_the_docker_engine_is_out_of_reach(service, name):
    assert inside(service, name, "ls /var/run/docker.sock /run/docker.sock /run/containerd 2>/dev/null; true") == ""


def test_code_in_torchserve_registers_nothing_that_it_wrote_itself(service):
    lines = ["import http.client, shutil", f"shutil.copy('/app/model_store/xor.mar', '{STRANGE}')"]
    lines += ["def ask(method, path):", " c = http.client.HTTPConnection('127.0.0.1:8081'); c.request(method, path)"]
    lines += [" return c.getresponse()"]
    lines += [
        f"print(ask('POST', '/{route}?url={url}').status)" for route in ("models", "workflows") for url in STRANGE_URLS
    ]
    lines += ["print(ask('GET', '/models').read().decode())"]
    container = service.container("torchserve")
    *statuses, models = docker("exec", container, "python", "-c", "\n".join(lines)).split("\n", 2 * len(STRANGE_URLS))
    assert set(statuses) == {"404"}
    assert "stranger" not in models
    assert "mnist" in models


def test_torchserve_does_not_know_the_gateways_key(service):
    assert inside(service, "torchserve", "ls /run/secrets 2>/dev/null; env | grep -i key; true") == ""
