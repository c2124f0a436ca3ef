"""Archives that are damaged, hostile or cannot be loaded are refused in a sentence, and cost nobody an answer."""

from __future__ import annotations

import time

import pytest
import requests

from serving.cli.main import main
from serving.client import ServiceError
from tests.payloads.malicious import archives as hostile
from tests.support.archives import of_version
from tests.support.load import RIGHT, Load

pytestmark = [pytest.mark.server, pytest.mark.fault]
REFUSALS = {
    hostile.cut_short: "is not a model archive",
    hostile.damaged: "is damaged at",
    hostile.no_archive: "is not a model archive",
    hostile.zip_bomb: "unpacks to 210",
    hostile.zip_bomb_that_lies: "is damaged at bomb.bin",
    hostile.path_upwards: "holds ../../escaped.py, which would be unpacked outside its folder",
    hostile.path_upwards_with_backslashes: "which would be unpacked outside its folder",
    hostile.absolute_path: "holds /escaped.py, which would be unpacked outside its folder",
    hostile.link: "holds passwords, a link",
    hostile.one_name_twice: "holds mnist_handler.py twice",
    hostile.huge_manifest: "has a manifest of more than 1 MB",
    hostile.deep_manifest: "is not a model archive (maximum recursion",
    hostile.no_manifest: "has no manifest that names a model and a version",
    hostile.manifest_of_nothing: "has no manifest that names a model and a version",
    hostile.manifest_with_a_path_for_a_name: "which is not a name and a version such as mnist 2.0",
    hostile.manifest_that_names_a_file_outside: "lacks ../mnist.pt, which its manifest names",
}
REFUSED_BY_TORCHSERVE = (
    hostile.cut_short,
    hostile.no_archive,
    hostile.path_upwards,
    hostile.huge_manifest,
    hostile.deep_manifest,
    hostile.no_manifest,
    hostile.manifest_of_nothing,
)
BROKEN = {"mnist_handler.py": b"import nobody_has_this\n\n\nclass Handler:\n    pass\n"}


@pytest.fixture
def run(faulty, capsys):
    """Run a command against the server; return its exit code and what it said was wrong."""

    def command(*arguments):
        addresses = ["--inference-url", faulty.server.inference, "--management-url", faulty.server.management]
        code = main([*addresses, *arguments, "--model-store", str(faulty.server.store.folder)])
        return code, capsys.readouterr().err

    return command


def versions(faulty):
    return [description["modelVersion"] for description in faulty.client.describe_all()]


def test_hostile_archives_are_neither_deployed_nor_registered(faulty, archives, seven, run, record_fault):
    target = faulty.server.store.folder / "hostile.mar"
    with Load(faulty.url, seven, rate=100) as load:
        for write, sentence in REFUSALS.items():
            write(archives / "mnist.mar", target)
            for command in (["deploy", str(target)], ["register", target.name]):
                code, error = run(*command)
                assert code == 1, write.__name__
                assert error.startswith(f"error: {target} "), error
                assert sentence in error
                assert error.count("\n") == 1
            target.unlink()
    does = "`deploy` and `register` refuse each with a sentence"
    record_fault(f"{len(REFUSALS)} archives are damaged or hostile", does, load.outcomes)
    assert set(load.outcomes) == {RIGHT}
    assert versions(faulty) == ["1.0"]


def test_torchserve_asked_by_curl_refuses_them_too_and_goes_on(faulty, archives, seven, record_fault):
    """Those that it does not take for a version: the others are refused by our commands alone."""
    target = faulty.server.store.folder / "hostile.mar"
    with Load(faulty.url, seven, rate=100) as load, requests.Session() as session:
        for write in REFUSED_BY_TORCHSERVE:
            write(archives / "mnist.mar", target)
            asked = {"url": target.name, "synchronous": "false"}
            answer = session.post(f"{faulty.server.management}/models", params=asked, timeout=30)
            assert 400 <= answer.status_code <= 500, write.__name__
            assert answer.json()["code"] == answer.status_code
            target.unlink()
        time.sleep(1)
    does = "TorchServe refuses each"
    record_fault(f"{len(REFUSED_BY_TORCHSERVE)} such archives are registered by curl", does, load.outcomes)
    assert set(load.outcomes) == {RIGHT}
    assert versions(faulty) == ["1.0"]
    assert not list(faulty.server.store.folder.parents[1].rglob("escaped.py"))


def test_a_version_that_fails_to_load_is_taken_away(faulty, archives, seven, record_fault):
    of_version(archives / "mnist.mar", faulty.server.store.folder / "broken.mar", "8.0", BROKEN)
    with Load(faulty.url, seven) as load:
        began_s = time.monotonic()
        with pytest.raises(ServiceError, match=r"a worker of mnist 8\.0 ended while it started"):
            faulty.client.register("broken.mar")
        whole_s = time.monotonic() - began_s
        time.sleep(1)
    record_fault("a version fails to load", "`register` takes it away again", load.outcomes, whole_s)
    assert set(load.outcomes) == {RIGHT}
    assert versions(faulty) == ["1.0"]
