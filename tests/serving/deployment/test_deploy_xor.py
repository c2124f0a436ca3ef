"""A model of numbers deploys, rolls back and has canaries as MNIST does; its golden set is the truth table."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
import torch

from serving.deployment.canary import Canary, running_canaries
from serving.deployment.deploy import Deployment, DeploymentError, model_in
from serving.deployment.model_store import DeploymentState, ModelStore
from tests.support.archives import of_version, with_changed
from tests.support.polling import wait_for

pytestmark = pytest.mark.server
TABLE = {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 0}


@pytest.fixture
def xor(deployment_client, deployment_server, messages):
    return Deployment(deployment_client, ModelStore(deployment_server.store.folder), "xor", messages.append)


@pytest.fixture
def archive(archives, tmp_path):
    """Return a function that makes an archive of a version of XOR."""
    return lambda version, changes=(): of_version(
        archives / "xor.mar", tmp_path / f"xor-{version}.mar", version, dict(changes)
    )


def weights_that_answer_the_opposite(archive):
    """Return the archive's own weights with the sign of the last layer changed."""
    with zipfile.ZipFile(archive) as packed:
        state = torch.load(io.BytesIO(packed.read("xor.pt")), weights_only=True)
    last = list(state)[-1].rpartition(".")[0]
    stream = io.BytesIO()
    torch.save({name: -value if name.startswith(last) else value for name, value in state.items()}, stream)
    return stream.getvalue()


def test_it_is_deployed_and_rolled_back_while_mnist_serves_on(xor, deployment_client, archive, messages):
    xor.deploy(archive("2.0"))
    assert xor.versions() == ["2.0"]
    assert "xor 2.0 predicts 4 of 4 golden inputs right, 1.0 4" in messages
    assert {bits: deployment_client.predict("xor", list(bits))["output"] for bits in TABLE} == TABLE
    xor.rollback()
    assert xor.versions() == ["1.0"]
    assert deployment_client.describe("mnist")["modelVersion"] == "1.0"
    assert xor.store.state("mnist") is None
    assert xor.store.state("xor") == DeploymentState("xor-1.0.mar", previous="xor-2.0.mar")


def test_a_broken_version_is_refused(xor, archives, archive):
    changes = {"xor.pt": weights_that_answer_the_opposite(archives / "xor.mar")}
    with pytest.raises(DeploymentError, match=r"^3\.0 predicts 0 of 4 golden inputs right, fewer than 4, so 1\.0"):
        xor.deploy(archive("3.0", changes))
    assert xor.versions() == ["1.0"]


def test_its_canary_runs_beside_that_of_mnist_and_is_promoted(
    xor, deployment, next_version, deployment_client, archive
):
    both = (Canary(xor), Canary(deployment))
    both[0].start(archive("4.0"), 10)
    both[1].start(next_version(), 20)
    assert running_canaries(xor.store, deployment_client) == {
        "xor": {"version": "4.0", "percent": 10},
        "mnist": {"version": "2.0", "percent": 20},
    }
    both[0].promote()
    assert xor.versions() == ["4.0"]
    assert list(running_canaries(xor.store, deployment_client)) == ["mnist"]
    both[1].abort()
    xor.rollback()
    assert xor.versions() == ["1.0"]


def test_the_commands_find_the_model_themselves_where_there_is_one(xor, start_command, archive):
    def run(*arguments):
        started = start_command(*arguments)
        out, error = started.communicate(timeout=120)
        return started.returncode, out + error

    code, out = run("canary", "start", archive("5.0"), "--percent", 10)
    assert code == 0, out
    assert "xor 5.0 gets 25 %" in run("canary", "set", "--percent", 25)[1]
    assert run("canary", "promote")[0] == 0
    wait_for(lambda: xor.versions() == ["5.0"])
    assert run("rollback", "mnist") == (
        1, "error: mnist: no version was deployed before the current one, so there is no rollback\n"
    )  # fmt: skip
    code, out = run("rollback")
    assert code == 0, out
    assert xor.versions() == ["1.0"]


def test_where_two_models_qualify_the_command_asks_for_the_name(xor, deployment, start_command):
    store = xor.store
    before = store.state("xor")
    store.write("mnist", DeploymentState("mnist-1.0.mar", previous="mnist-2.0.mar"))
    try:
        refused = start_command("rollback")
        out, error = refused.communicate(timeout=60)
    finally:
        store.clear("mnist")
    assert (refused.returncode, out) == (1, "")
    assert error == "error: the command does not say which model it is for; name one: mnist, xor\n"
    assert store.state("xor") == before
    assert deployment.versions() == ["1.0"]


def test_a_model_without_a_model_yaml_is_refused(archives, tmp_path):
    with zipfile.ZipFile(archives / "xor.mar") as packed:
        manifest = json.loads(packed.read("MAR-INF/MANIFEST.json"))
    manifest["model"]["modelName"] = "other"
    changes = {"MAR-INF/MANIFEST.json": json.dumps(manifest).encode()}
    path = with_changed(archives / "xor.mar", tmp_path / "other.mar", changes)
    with pytest.raises(DeploymentError, match=r"holds other, and there is no .*model/other/model\.yaml that names its"):
        model_in(path)
