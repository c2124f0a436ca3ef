"""Versions come and go behind the gateway, which gives a canary its share, and no request is lost.

The new versions predict the same digits with less confidence, so that every response tells its version.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import time
import zipfile
from collections import Counter

import pytest

from tests.containers.conftest import docker, ip_address, run_container, wait_healthy
from tests.containers.versions import BALANCER, DISCOVERY, NEW, OLD, STATE, Versions
from tests.support.archives import of_version
from tests.support.load import RIGHT, Load
from tests.support.polling import wait_for

pytestmark = pytest.mark.container
TMP = "--tmpfs=/tmp:exec,mode=1777"
ROUTES = ("/predictions/mnist", "/explanations/mnist", "/v1/models/mnist:predict", "/v2/models/mnist/infer")


@pytest.fixture(scope="module")
def store(archives, tmp_path_factory):
    """Return a folder that the container may write, with new versions that are right with less confidence."""
    folder = tmp_path_factory.mktemp("store")
    folder.chmod(0o777)
    for name in ("mnist.mar", "xor.mar"):
        shutil.copy(archives / name, folder)
    with zipfile.ZipFile(archives / "mnist.mar") as packed:
        training = json.loads(packed.read("training.json"))
    training["temperature"] *= 3
    for version in (NEW, "3.0", "4.0"):
        changes = {"training.json": json.dumps(training).encode()}
        of_version(archives / "mnist.mar", folder / f"mnist-{version}.mar", version, changes)
    of_version(archives / "xor.mar", folder / f"xor-{NEW}.mar", NEW)
    return folder


@pytest.fixture(scope="module")
def versions(service, store):
    options = (f"--volume={store}:/app/model_store", "--network-alias=versions", TMP)
    many = ("--env=TORCHSERVE=versions", "--env=CONNECTION_LIMIT=2000", "--tmpfs=/tmp:mode=1777")
    with run_container(service, "torchserve", *options) as torchserve:
        wait_healthy(torchserve)
        with run_container(service, "gateway", *many) as gateway:
            started = Versions(torchserve, gateway)
            started.wait_for(1)
            yield started


def test_a_rollout_a_rollback_and_two_canaries_under_load_cost_nobody_anything(versions, seven):
    with Load(f"{versions.url}/predictions/mnist", seven) as load:
        printed = [
            versions.serving("deploy", "model_store/mnist-2.0.mar"),
            versions.serving("rollback"),
            versions.start_canary("3.0", 20),
            versions.set_share(50),
            versions.serving("canary", "promote"),
            versions.start_canary("4.0", 20),
            versions.serving("canary", "status", "--seconds", "3"),
            versions.serving("canary", "abort"),
            versions.serving("rollback"),
        ]
    print(load.outcomes, *printed)
    assert set(load.outcomes) == {RIGHT}
    assert load.outcomes[RIGHT] > 100
    assert versions.count_digits()["4.0"] > 10  # of a fifth of three seconds; it never answered but as a canary
    described = json.loads(versions.serving("models", "--json"))
    assert {model["modelName"]: model["modelVersion"] for model in described} == {"mnist": OLD, "xor": "1.0"}


def test_a_burst_waits_while_the_balancer_is_paused(versions, seven):
    """A busy machine holds it up likewise; a full queue would be 503."""
    with Load(f"{versions.url}/predictions/mnist", seven, rate=1000) as load:
        with versions.paused(BALANCER):
            time.sleep(3)
    assert set(load.outcomes) == {RIGHT}
    assert sum(outcome.took_s > 0.3 for outcome in load.all) > 600


def test_every_route_without_a_version_is_split_and_every_other_is_not(versions, seven):
    versions.canary(50, seven)
    for path in ROUTES:
        assert {versions.answering(path, seven) for _ in range(40)} == {OLD, NEW}, path
    for version in (OLD, NEW):
        for verb in ("predictions", "explanations"):
            assert {versions.answering(f"/{verb}/mnist/{version}", seven) for _ in range(20)} == {version}
    assert "predictions" in versions.ask("/predictions/xor", json.dumps({"instances": [[0, 1]]}))


def test_a_canary_of_another_model_gets_a_share_of_that_model_alone(versions, seven):
    versions.canary(20, seven)
    versions.serving("canary", "start", "model_store/xor-2.0.mar", "--percent", "50")
    wait_for(lambda: f"$canary_xor {{ 50% {NEW};" in versions.upstreams())
    assert f"$canary_mnist {{ 20% {NEW};" in versions.upstreams()
    pair = json.dumps({"inputs": [{"shape": [1, 2], "datatype": "INT64", "data": [0, 1]}]})
    for path in ("/predictions/xor", "/v1/models/xor:predict", "/v2/models/xor/infer"):
        assert {versions.ask(path, pair)["model_version"] for _ in range(40)} == {OLD, NEW}, path
    assert versions.ask(f"/predictions/xor/{OLD}", pair)["model_version"] == OLD
    versions.serving("canary", "abort", "xor")
    wait_for(lambda: "$canary_xor" not in versions.upstreams())
    assert {versions.ask("/v2/models/xor/infer", pair)["model_version"] for _ in range(20)} == {OLD}


def test_the_canary_gets_its_share_and_both_versions_are_measured(versions, seven):
    versions.canary(20, seven)
    time.sleep(2)  # workers report once a second what they were asked
    before = versions.count_digits()
    with Load(f"{versions.url}/predictions/mnist", seven) as load:
        versions.serving("canary", "status", "--seconds", "6")
    assert set(load.outcomes) == {RIGHT}
    asked = len(load.all)
    wait_for(lambda: (versions.count_digits() - before).total() >= asked)
    counted = versions.count_digits() - before
    assert counted.total() == asked  # each was answered once
    assert counted[NEW] == pytest.approx(0.2 * asked, abs=five_sigma(asked, 0.2))
    status = json.loads(versions.serving("canary", "status", "--json"))
    assert list(status) == [OLD, NEW]
    assert status[OLD]["confidence"] > status[NEW]["confidence"]


def five_sigma(count, share):
    return 5 * math.sqrt(count * share * (1 - share))


def test_the_serving_version_answers_when_the_canary_cannot(versions, seven):
    """Even before the gateway knows that the canary is gone."""
    versions.canary(99, seven)
    with versions.paused(DISCOVERY):
        for loss in (("scale", "mnist", "0", "--version", NEW), ("unregister", "mnist", NEW)):
            versions.serving(*loss)
            assert {versions.answering(path, seven) for path in ROUTES for _ in range(10)} == {OLD}
        assert f"99% {NEW};" in versions.upstreams()
    wait_for(lambda: f"99% {NEW};" not in versions.upstreams())


def test_of_two_servers_the_one_that_has_it_answers_its_share_of_all_and_can_be_restarted(service, versions, seven):
    versions.canary(50, seven)
    with run_container(service, "torchserve", "--network-alias=versions", TMP):
        versions.wait_for(2)
        answered = Counter(versions.answering("/predictions/mnist", seven) for _ in range(200))
        assert answered[NEW] == pytest.approx(100, abs=five_sigma(200, 0.5))
        with Load(f"{versions.url}/predictions/mnist", seven, rate=100) as load:
            docker("restart", "--time", "40", versions.torchserve)
            wait_for(lambda: f"50% {NEW};" in versions.upstreams(), 60)
        assert set(load.outcomes) == {RIGHT}
    versions.wait_for(1)


def test_without_a_store_that_can_be_written_it_is_refused(service):
    torchserve = service.container("torchserve")
    command = ("python", "-m", "serving", "canary", "start", "model_store/mnist.mar", "--percent", "5")
    done = subprocess.run(["docker", "exec", torchserve, *command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "model_store is not writable" in done.stderr


LIAR = """
import http.server, itertools, json
share = {"version": "2.0", "percent": 10}
lies = [
    {"mnist": {"version": "2.0; } }", "percent": 10}},
    {"mnist": {"version": "2.0", "percent": 100}},
    {"mnist": {"version": "2.0", "percent": "10% 2.0; * 3.0"}},
    {"mnist": "percent"},
    {"mnist { } }": share},
    {"mnist\\n": share},
    {"": share},
    ["percent"],
    {"mnist": {**share, "more": "x" * 100_000}},
]
answers = itertools.cycle(json.dumps({"status": "ready", "canaries": lie}).encode() for lie in lies)
class Liar(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(next(answers))
http.server.HTTPServer(("", 8090), Liar).serve_forever()
"""
# Keys in another order, and blanks where json.dumps puts none.
CANARY_IN_ANOTHER_FORM = """
import http.server
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{ "canaries" :{"xor":{"percent" : 20,"version" :"2.0" }} ,"status":"ready"}')
http.server.HTTPServer(("", 8090), Ready).serve_forever()
"""


def read_upstreams(gateway):
    """Return the configuration that `discover-upstreams` wrote, in a list, which is empty before it has."""
    text = docker("exec", gateway, "sh", "-c", f"cat {STATE} 2>/dev/null; true")
    return [text] if text else []


def test_a_server_that_lies_writes_nothing_into_the_gateways_configuration(service):
    with run_container(service, "torchserve", "--entrypoint=python", "--network-alias=liar", command=("-c", LIAR)):
        with run_container(service, "gateway", "--env=TORCHSERVE=liar", "--tmpfs=/tmp:mode=1777") as gateway:
            written = set()
            wait_for(lambda: written.update(read_upstreams(gateway)) or len(written) == 2)
    assert all('map $model $canary { default ""; }' in text and "split_clients" not in text for text in written)
    # One server is ready with each lie but the one that is too long; none before the liar listens and with that one.
    assert {text[-13:] for text in written} == {"default 0; }\n", "default 1; }\n"}


def test_the_gateway_reads_json_in_any_form(service):
    command = ("-c", CANARY_IN_ANOTHER_FORM)
    with run_container(service, "torchserve", "--entrypoint=python", "--network-alias=another", command=command):
        with run_container(service, "gateway", "--env=TORCHSERVE=another", "--tmpfs=/tmp:mode=1777") as gateway:
            wait_for(lambda: any("$canary_xor { 20% 2.0;" in text for text in read_upstreams(gateway)))


CANARIES_OF_TWO_MODELS = """
import http.server, json, sys
canaries = {"mnist": {"version": "2.0", "percent": 30}, "xor": {"version": sys.argv[1], "percent": 5}}
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "ready", "models": ["mnist", "xor"], "canaries": canaries}).encode())
http.server.HTTPServer(("", 8090), Ready).serve_forever()
"""


def test_each_model_has_a_canary_of_its_own_on_the_servers_that_name_it(service):
    """Two servers agree on the canary of one model; of the other, the first address counts."""
    options = ("--entrypoint=python", "--network-alias=two")
    with (
        run_container(service, "torchserve", *options, command=("-c", CANARIES_OF_TWO_MODELS, "3.0")) as first,
        run_container(service, "torchserve", *options, command=("-c", CANARIES_OF_TWO_MODELS, "4.0")) as second,
        run_container(service, "gateway", "--env=TORCHSERVE=two", "--tmpfs=/tmp:mode=1777") as gateway,
    ):
        versions = dict(sorted({ip_address(first): "3.0", ip_address(second): "4.0"}.items()))
        address, version = next(iter(versions.items()))
        wait_for(lambda: any("default 2;" in text for text in read_upstreams(gateway)))
        (text,) = read_upstreams(gateway)
    assert 'map $model $canary { default ""; mnist $canary_mnist; xor $canary_xor; }' in text
    assert 'split_clients $request_id $canary_mnist { 30% 2.0; * ""; }' in text
    assert f'split_clients $request_id $canary_xor {{ 5% {version}; * ""; }}' in text
    servers = {
        name: re.findall(rf"^upstream canary_{name} {{ (.*)least_conn", text, re.M)[0] for name in ("mnist", "xor")
    }
    assert re.findall(r"server (\S+):8080", servers["mnist"]) == list(versions)
    assert re.findall(r"server (\S+):8080", servers["xor"]) == [address]
