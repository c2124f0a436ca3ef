"""Damaged, malicious and unloadable archives are rejected with one sentence while the service continues."""

from __future__ import annotations

import time

import pytest
import requests

from serving.cli.main import main
from serving.client import ServiceError
from tests.payloads.malicious import archives as malicious
from tests.support.archives import of_version
from tests.support.load import RIGHT, Load

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("faults")]
REJECTIONS = {
    malicious.cut_short: "is not a model archive",
    malicious.damaged: "is damaged at",
    malicious.no_archive: "is not a model archive",
    malicious.zip_bomb: "unpacks to 210",
    malicious.zip_bomb_that_lies: "is damaged at bomb.bin",
    malicious.path_upwards: "holds ../../escaped.py, which would be unpacked outside its folder",
    malicious.path_upwards_with_backslashes: "which would be unpacked outside its folder",
    malicious.absolute_path: "holds /escaped.py, which would be unpacked outside its folder",
    malicious.link: "holds passwords, a link",
    malicious.one_name_twice: "holds handler.py twice",
    malicious.huge_manifest: "has a manifest of more than 1 MB",
    malicious.deep_manifest: "is not a model archive (maximum recursion",
    malicious.no_manifest: "has no manifest that names a model and a version",
    malicious.manifest_of_nothing: "has no manifest that names a model and a version",
    malicious.manifest_with_a_path_for_a_name: "which is not a name and a version such as mnist 2.0",
    malicious.manifest_that_names_a_file_outside: "lacks ../mnist.pt, which its manifest names",
}
REJECTED_BY_TORCHSERVE = (
    malicious.cut_short,
    malicious.no_archive,
    malicious.path_upwards,
    malicious.huge_manifest,
    malicious.deep_manifest,
    malicious.no_manifest,
    malicious.manifest_of_nothing,
)
BROKEN = {"handler.py": b"import no_such_module\n\n\nclass Handler:\n    pass\n"}


@pytest.fixture
def run_command(fault_server, capsys):
    """Return a function that runs a command of tsctl against the server and returns its exit code and stderr."""

    def run(*arguments):
        addresses = [
            "--inference-url",
            fault_server.server.inference,
            "--management-url",
            fault_server.server.management,
        ]
        code = main([*addresses, *arguments, "--model-store", str(fault_server.server.store.folder)])
        return code, capsys.readouterr().err

    return run


def versions(fault_server):
    return [description["modelVersion"] for description in fault_server.client.describe_all("mnist")]


def test_malicious_archives_are_neither_deployed_nor_registered(
    fault_server, archives, seven, run_command, record_fault
):
    target = fault_server.server.store.folder / "malicious.mar"
    with Load(fault_server.url, seven, rate=100) as load:
        for write, sentence in REJECTIONS.items():
            write(archives / "mnist.mar", target)
            for command in (["deploy", str(target)], ["register", target.name]):
                code, error = run_command(*command)
                assert code == 1, write.__name__
                assert error.startswith(f"error: {target} "), error
                assert sentence in error
                assert error.count("\n") == 1
            target.unlink()
    fault = f"{len(REJECTIONS)} archives are damaged or malicious"
    record_fault(fault, "`deploy` and `register` reject each with one sentence", load.outcomes)
    assert set(load.outcomes) == {RIGHT}
    assert versions(fault_server) == ["1.0"]


def test_torchserve_itself_rejects_them_and_continues(fault_server, archives, seven, record_fault):
    """It rejects seven; only our commands reject the others."""
    target = fault_server.server.store.folder / "malicious.mar"
    with Load(fault_server.url, seven, rate=100) as load, requests.Session() as session:
        for write in REJECTED_BY_TORCHSERVE:
            write(archives / "mnist.mar", target)
            parameters = {"url": target.name, "synchronous": "false"}
            response = session.post(f"{fault_server.server.management}/models", params=parameters, timeout=30)
            assert 400 <= response.status_code <= 500, write.__name__
            assert response.json()["code"] == response.status_code
            target.unlink()
        time.sleep(1)
    fault = f"{len(REJECTED_BY_TORCHSERVE)} damaged or malicious archives are registered with curl"
    record_fault(fault, "TorchServe rejects each", load.outcomes)
    assert set(load.outcomes) == {RIGHT}
    assert versions(fault_server) == ["1.0"]
    assert not list(fault_server.server.store.folder.parents[1].rglob("escaped.py"))


def test_a_version_that_fails_to_load_is_removed(fault_server, archives, seven, record_fault):
    of_version(archives / "mnist.mar", fault_server.server.store.folder / "broken.mar", "8.0", BROKEN)
    with Load(fault_server.url, seven) as load:
        began_s = time.monotonic()
        with pytest.raises(ServiceError, match=r"a worker of mnist 8\.0 ended while it started"):
            fault_server.client.register("broken.mar")
        recovery_s = time.monotonic() - began_s
        time.sleep(1)
    record_fault("a version fails to load", "`register` removes it again", load.outcomes, recovery_s)
    assert set(load.outcomes) == {RIGHT}
    assert versions(fault_server) == ["1.0"]
