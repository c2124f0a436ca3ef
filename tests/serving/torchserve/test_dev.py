"""`tsctl dev` serves what was saved, and the version before it where that fails."""

from __future__ import annotations

import re

import pytest

from common.http import direct_session
from tests.conftest import environment_of_free_ports
from tests.support.polling import wait_for
from tests.support.repository import copy_repository, run_module, running, unpack_weights

pytestmark = pytest.mark.server
QUESTION = {"instances": [[0, 1]]}


@pytest.fixture
def repository(archives, tmp_path):
    copy = copy_repository(tmp_path)
    unpack_weights(archives / "xor.mar", copy)
    return copy


@pytest.fixture
def handler(repository):
    return repository / "handlers/xor/handler.py"


class Session:
    """The output of `tsctl dev xor`, and the answers of its server."""

    def __init__(self, output, url):
        self._output, self._url = output, url

    def save(self, path, text):
        """Save a file and return the line that is printed for it."""
        count = len(self._output.read_text().splitlines())
        path.write_text(text)
        wait_for(lambda: len(self._output.read_text().splitlines()) > count, timeout_s=60)
        return self._output.read_text().splitlines()[count]

    def probability(self):
        with direct_session() as http:
            response = http.post(f"{self._url}/predictions/xor", json=QUESTION, timeout=30)
        return response.json()["predictions"][0]["probability"]


@pytest.fixture
def session(repository):
    environment = environment_of_free_ports()
    with running(repository, "dev", "xor", until="Ctrl-C", environment=environment) as output:
        yield Session(output, environment["TS_INFERENCE_ADDRESS"])


def seconds(line):
    return float(re.search(r"answers ([\d.]+) s after the save", line)[1])


def test_a_saved_handler_answers_and_a_broken_one_does_not(repository, handler, session):
    original = handler.read_text()
    doubled = original.replace('"probability": probability', '"probability": probability + 1')
    assert doubled != original
    assert 0 <= session.probability() <= 1
    assert seconds(session.save(handler, doubled)) < 10
    assert 1 <= session.probability() <= 2
    assert "invalid syntax" in session.save(handler, original + "\ndef (\n")
    assert 1 <= session.probability() <= 2
    assert seconds(session.save(handler, original)) < 10
    assert 0 <= session.probability() <= 1
    assert sorted(path.name for path in (repository / "model_store").iterdir()) == [".gitkeep"]


def test_code_that_fails_in_the_worker_is_reported_with_its_place(repository, handler, session):
    net = repository / "model/xor/net.py"
    line = session.save(net, net.read_text().replace("net = XORModel()", "net = Missing()"))
    assert "NameError" in line
    assert "model/xor/net.py" in line
    original = handler.read_text()
    net_line = session.save(net, net.read_text().replace("net = Missing()", "net = XORModel()"))
    assert seconds(net_line) < 10
    assert "KeyError" in session.save(handler, original.replace("(probability > 0.5)", '({}["no"] > 0.5)'))
    wrong = session.save(handler, original.replace("(probability > 0.5)", "(probability < 0.5)"))
    assert "sample.json" in wrong
    assert session.probability() > 0.5


def test_a_model_that_fails_at_first_answers_once_it_is_mended(repository, handler):
    original = handler.read_text()
    handler.write_text(original.replace("probability = outputs", "probability = outs"))
    environment = environment_of_free_ports()
    with running(repository, "dev", "xor", until="Ctrl-C", environment=environment) as output:
        assert "NameError" in output.read_text()
        session = Session(output, environment["TS_INFERENCE_ADDRESS"])
        session.save(handler, original)
        assert session.probability() > 0.5


def test_a_model_that_is_unknown_or_not_trained_is_refused(repository):
    (repository / "weights/xor.pt").unlink()
    for name in ("xor", "none"):
        done = run_module(repository, "serving", "dev", name)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
