"""A server is ready when every model answers its sample as its model.yaml says."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import msgspec
import pytest

from model import config
from serving.torchserve.readiness import Readiness, start_health_server
from serving.torchserve.samples import wrong_answer

pytestmark = pytest.mark.server


@pytest.fixture
def readiness(server):
    return Readiness(server)


def expecting(model, **response):
    return msgspec.structs.replace(model, sample=msgspec.structs.replace(model.sample, response=response))


def test_every_model_is_asked(readiness):
    assert [model.name for model in readiness.models] == ["mnist", "xor"]
    assert readiness.not_ready_reason() is None
    assert readiness.status() == {"models": ["mnist", "xor"], "canaries": {}}


def test_one_wrong_answer_is_enough_not_to_be_ready(readiness):
    mnist, xor = readiness.models
    readiness.models = [mnist, expecting(xor, output=0)]
    assert readiness.not_ready_reason() == "xor answers sample.json with {'output': 1}, not {'output': 0}"


def test_a_model_that_is_not_for_gateways_is_asked_and_not_announced(readiness):
    mnist, xor = readiness.models
    readiness.models = [msgspec.structs.replace(mnist, gateway=False), xor]
    assert readiness.not_ready_reason() is None
    assert readiness.status()["models"] == ["xor"]


def test_workers_that_are_missing_are_a_reason_until_they_are_back(readiness, client):
    client.scale("xor", 0)
    try:
        assert "xor" in readiness.not_ready_reason()
    finally:
        client.scale("xor", 1)
    assert readiness.not_ready_reason() is None


def test_ready_tells_models_and_canaries(readiness):
    with start_health_server(readiness, port=0) as health:
        url = f"http://127.0.0.1:{health.server_port}/ready"
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert json.load(answer) == {"status": "ready", "models": ["mnist", "xor"], "canaries": {}}
        readiness.is_stopping = True
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url, timeout=10)
        assert (refused.value.code, json.load(refused.value)) == (503, {"error": "stopping"})
        health.shutdown()


def test_a_number_may_differ_a_little_and_a_label_may_not(client):
    model = config.load("xor")
    probability = client.predict("xor", model.sample_request)["probability"]
    assert wrong_answer(client, expecting(model, output=1, probability=round(probability, 4))) is None
    assert "probability" in wrong_answer(client, expecting(model, probability=round(probability - 0.01, 4)))
    tolerant = msgspec.structs.replace(model, golden_set=msgspec.structs.replace(model.golden_set, tolerance=0.02))
    assert wrong_answer(client, expecting(tolerant, probability=round(probability - 0.01, 4))) is None
    assert "output" in wrong_answer(client, expecting(tolerant, output=0))


def test_a_missing_field_is_a_wrong_answer(client):
    model = expecting(config.load("xor"), output=1, colour="red")
    assert wrong_answer(client, model) == (
        "xor answers sample.json with {'output': 1, 'colour': None}, not {'output': 1, 'colour': 'red'}"
    )
