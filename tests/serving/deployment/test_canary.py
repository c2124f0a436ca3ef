"""Start, promote and abort a canary under constant load without losing a request; complete interrupted commands.

How gateways split requests is in tests/containers/test_canary.py: TorchServe's own port knows no shares.
"""

from __future__ import annotations

import json
import signal

import pytest

from serving.deployment import canary as canary_module
from serving.deployment.archive_file import version_of
from serving.deployment.canary import Canary, running_canaries
from serving.deployment.deploy import DeploymentError
from serving.deployment.model_store import DeploymentState
from tests.support.archives import of_version, weights_that_mistake_each_digit_for_the_next
from tests.support.load import RIGHT, Load
from tests.support.polling import wait_for

pytestmark = pytest.mark.server


@pytest.fixture
def canary(deployment):
    return Canary(deployment)


@pytest.fixture
def started(canary, next_version):
    """Have a canary with 10 %, an earlier test's if it left one. Return the default version and the canary's."""
    state = canary.store.state("mnist")
    canary.start(canary.store.folder / state.canary if is_canary_in(state) else next_version(), 10)
    return [version_of(name) for name in canary.store.state("mnist").loaded]


@pytest.fixture
def alone(canary):
    """Have no canary. Return the default version."""
    if is_canary_in(canary.store.state("mnist")):
        canary.abort()
    (version,) = canary.deployment.versions()
    return version


def is_canary_in(state):
    return bool(state and state.canary)


def test_started_and_aborted_under_load_it_leaves_no_trace(
    canary, deployment_server, deployment_client, next_version, seven
):
    with Load(f"{deployment_server.inference}/predictions/mnist", seven) as load:
        canary.start(next_version(), 10)
        assert canary.store.state("mnist") == DeploymentState("mnist-1.0.mar", None, "mnist-2.0.mar", 10)
        assert running_canaries(canary.store, deployment_client) == {"mnist": {"version": "2.0", "percent": 10}}
        assert canary.deployment.default_version() == "1.0"
        assert deployment_client.predict("mnist", seven, "2.0")["digit"] == 7
        canary.abort()
    assert set(load.outcomes) == {RIGHT}, load.outcomes
    assert load.outcomes[RIGHT] > 100
    assert canary.deployment.versions() == ["1.0"]
    assert canary.store.state("mnist") is None
    assert running_canaries(canary.store, deployment_client) == {}


def test_started_and_promoted_under_load_no_request_is_lost_and_there_is_a_way_back(
    canary, deployment_server, deployment_client, next_version, seven
):
    with Load(f"{deployment_server.inference}/predictions/mnist", seven) as load:
        canary.start(next_version(), 10)
        canary.promote()
        assert canary.deployment.versions() == ["2.0"]
        assert canary.store.state("mnist") == DeploymentState("mnist-2.0.mar", previous="mnist-1.0.mar")
        assert running_canaries(canary.store, deployment_client) == {}
        canary.deployment.rollback()
    assert set(load.outcomes) == {RIGHT}, load.outcomes
    assert load.outcomes[RIGHT] > 100
    assert canary.deployment.versions() == ["1.0"]


def test_its_share_can_be_changed_and_is_remembered(canary, deployment_client, started, messages):
    canary.set_percent(25)
    assert running_canaries(canary.store, deployment_client)["mnist"]["percent"] == 25
    canary.start(canary.store.folder / f"mnist-{started[1]}.mar", 50)
    assert running_canaries(canary.store, deployment_client)["mnist"]["percent"] == 50
    assert messages[-1] == f"mnist {started[1]} gets 50 % of the gateways' requests that name no version"
    assert sorted(canary.deployment.versions()) == sorted(started)


def test_a_canary_without_its_workers_is_announced_to_nobody(canary, deployment_client, started):
    deployment_client.unregister("mnist", started[1])
    assert running_canaries(canary.store, deployment_client) == {}
    with pytest.raises(
        DeploymentError, match=rf"^mnist {started[1]} is not ready to answer; `canary abort mnist` ends it$"
    ):
        canary.promote()


def test_one_that_was_lost_can_be_started_again(canary, deployment_client, started):
    deployment_client.unregister("mnist", started[1])
    canary.start(canary.store.folder / f"mnist-{started[1]}.mar", 10)
    assert running_canaries(canary.store, deployment_client)["mnist"]["version"] == started[1]


@pytest.mark.usefixtures("alone")
def test_a_version_that_is_no_good_gets_no_request(canary, archives, next_version):
    before = canary.store.state("mnist")
    wrong = {"mnist.pt": weights_that_mistake_each_digit_for_the_next(archives / "mnist.mar")}
    with pytest.raises(
        DeploymentError, match=r"predicts 0 of 200 golden inputs right, fewer than 194.*so .* serves on$"
    ):
        canary.start(next_version(wrong), 10)
    assert len(canary.deployment.versions()) == 1
    assert canary.store.state("mnist") == before


@pytest.mark.usefixtures("alone")
def test_what_serves_or_is_another_model_is_refused(canary, archives):
    with pytest.raises(DeploymentError, match=r"^mnist 1\.0 serves already; a canary needs another version$"):
        canary.start(archives / "mnist.mar", 10)
    with pytest.raises(DeploymentError, match="holds xor, not mnist"):
        canary.start(archives / "xor.mar", 10)


def test_beside_a_canary_nothing_else_can_be_deployed(canary, started, archives, tmp_path):
    another = of_version(archives / "mnist.mar", tmp_path / "mnist-9.0.mar", "9.0")
    sentence = rf"^mnist-{started[1]}\.mar is a canary; end it with `canary promote mnist` or `canary abort mnist`$"
    for refused in (
        lambda: canary.deployment.deploy(another),
        canary.deployment.rollback,
        lambda: canary.start(another, 10),
    ):
        with pytest.raises(DeploymentError, match=sentence):
            refused()
    assert sorted(canary.deployment.versions()) == sorted(started)


@pytest.mark.usefixtures("alone")
def test_without_a_canary_there_is_none_to_end(canary):
    for refused in (canary.promote, canary.abort, lambda: canary.set_percent(10)):
        with pytest.raises(
            DeploymentError, match=r"^mnist: there is no canary; `canary start ARCHIVE\.mar --percent 10` starts one$"
        ):
            refused()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["set", "--percent", "0"], "argument --percent: invalid choice: 0"),
        (["set", "--percent", "100"], "argument --percent: invalid choice: 100"),
        (["start", "model_store/mnist.mar"], "error: the following arguments are required: --percent"),
    ],
)
def test_a_command_that_says_no_share_is_refused(start_command, arguments, sentence):
    refused = start_command("canary", *arguments)
    out, error = refused.communicate(timeout=60)
    assert refused.returncode != 0
    assert out == ""
    assert sentence in error


def test_interrupted_at_its_start_it_leaves_the_old_version(canary, start_command, next_version, alone):
    before = canary.store.state("mnist")
    interrupted = start_command("canary", "start", next_version(), "--percent", 10)
    wait_for(lambda: len(canary.deployment.versions()) == 2)
    interrupted.send_signal(signal.SIGINT)
    out, _ = interrupted.communicate(timeout=60)
    assert (interrupted.returncode, out) == (130, f"interrupted: 2.0 is removed, {alone} serves on\n")
    assert canary.deployment.versions() == [alone]
    assert canary.store.state("mnist") == before


def test_killed_at_its_start_the_same_command_again_succeeds(canary, deployment_client, start_command, next_version):
    archive = next_version()
    killed = start_command("canary", "start", archive, "--percent", 10)
    wait_for(lambda: len(canary.deployment.versions()) == 2)
    killed.kill()
    killed.communicate()
    assert running_canaries(canary.store, deployment_client) == {}
    canary.start(archive, 10)
    assert running_canaries(canary.store, deployment_client) == {"mnist": {"version": "2.0", "percent": 10}}
    canary.abort()


def test_an_abortion_that_was_cut_short_sends_it_nothing_and_can_be_ended(
    canary, deployment_client, started, monkeypatch
):
    monkeypatch.setattr(canary_module, "_wait_for_gateways", interrupt)
    with pytest.raises(KeyboardInterrupt):
        canary.abort()
    assert running_canaries(canary.store, deployment_client) == {}
    monkeypatch.undo()
    canary.abort()
    assert canary.deployment.versions() == [started[0]]


def test_a_promotion_that_was_killed_before_it_was_remembered_can_be_undone(canary, deployment_client, started):
    """A killed command cannot undo anything."""
    deployment_client.set_default("mnist", started[1])
    canary.abort()
    assert canary.deployment.versions() == [started[0]]
    assert canary.deployment.default_version() == started[0]


def test_a_promotion_that_cannot_be_remembered_changes_nothing(canary, deployment_client, started, monkeypatch):
    monkeypatch.setattr(canary.store, "write", full)
    with pytest.raises(OSError, match="No space left"):
        canary.promote()
    monkeypatch.undo()
    assert canary.deployment.default_version() == started[0]
    assert running_canaries(canary.store, deployment_client)["mnist"]["version"] == started[1]


def test_a_promotion_that_was_cut_short_afterwards_can_be_ended(canary, started, monkeypatch):
    monkeypatch.setattr(canary.deployment, "remove", interrupt)
    with pytest.raises(KeyboardInterrupt):
        canary.promote()
    assert sorted(canary.deployment.versions()) == sorted(started)
    monkeypatch.undo()
    canary.promote()
    assert canary.deployment.versions() == [started[1]]
    assert version_of(canary.store.state("mnist").previous) == started[0]


def test_status_shows_what_each_version_does(start_command, deployment_server, deployment_client, started, seven):
    old, new = started
    url = f"{deployment_server.inference}/predictions/mnist/{new}"
    with Load(url, seven, rate=50), Load(url, b"no image", rate=20):
        arguments = ("--metrics-url", deployment_server.environment["TS_METRICS_ADDRESS"], "--json", "--seconds", 2.5)
        watching = start_command("canary", "status", *arguments)
        out, error = watching.communicate(timeout=60)
    assert watching.returncode == 0, error
    stats = json.loads(out)
    assert list(stats) == [old, new]
    assert stats[old]["predictions"] == 0
    assert stats[old]["confidence"] is None
    assert stats[new]["requests"] > stats[new]["predictions"] > stats[new]["refused"]["bad_request"] > 0
    assert stats[new]["classes"]["7"] == 1.0
    assert stats[new]["confidence"] == pytest.approx(deployment_client.predict("mnist", seven)["confidence"])
    assert 0 < stats[new]["batch_ms"] < 1000


def interrupt(*_):
    raise KeyboardInterrupt


def full(*_):
    raise OSError(28, "No space left on device")
